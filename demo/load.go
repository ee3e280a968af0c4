package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"waypost/browser"
	"waypost/dns"
	"waypost/dns/resolver"
	"waypost/fetch"
	"waypost/trace"
)

// Settle bounds the wait for the stations' last words after a load. They are
// some microseconds behind the client, which has its last byte before the
// edge knows.
const Settle = time.Second

// Browser is a client of the demo's internet with an empty memory. What it
// does is recorded by r, or by the demo's recorder where r is nil. Its Fetch
// is the caller's to close.
func (d *Internet) Browser(r trace.Recorder) (*browser.Browser, error) {
	if r == nil {
		r = d.Recorder
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(d.CA) {
		return nil, errors.New("demo: the authority's certificate cannot be read back")
	}
	network := d.wires.Host(clientAddr)
	names := resolver.New(resolver.Config{
		Network:    network,
		Forward:    []resolver.Forward{{Zone: dns.Root, Servers: []netip.AddrPort{resolverAddr}}},
		TracePeers: []netip.Prefix{netip.PrefixFrom(resolverAddr.Addr(), 32)},
	})
	profile := browser.NewProfile(0)
	return &browser.Browser{
		Fetch:   &fetch.Client{Network: network, Names: names, Roots: roots, Sessions: profile.TLS, HTTP2: true},
		Station: &trace.Station{Name: "browser", Recorder: r},
		Profile: profile,
	}, nil
}

// Load loads a page and collects what every station says about it, waiting up
// to patience for what is still under way. The load is there with an error
// too: it holds the record up to the failure.
func (d *Internet) Load(ctx context.Context, b *browser.Browser, page string, patience time.Duration) (trace.Load, error) {
	result, failure := b.Load(ctx, page, browser.Options{Trace: true})
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events, missed, err := trace.Settle(wait, func() ([]trace.Event, int, error) {
		events, missed := d.Recorder.Events(result.Trace)
		return events, missed, nil
	})
	l := trace.NewLoad(page, result.Trace, events)
	l.Missed, l.Fault = missed, string(result.Fault)
	return l, errors.Join(failure, err)
}
