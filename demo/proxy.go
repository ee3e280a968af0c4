package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/url"
)

// ProxyDial bounds the search for a host and the connection to it, for a
// client of the proxy. It is longer than any delay that the demo's wires
// have, and shorter than a person's patience.
const ProxyDial = 10 * time.Second

// Proxy is a door into the demo for a browser of this machine: an HTTP proxy
// (RFC 9110 §7.6, CONNECT §9.3.6) that stands on the demo's client. Whoever
// uses it reaches the hosts of the demo, by the demo's names, and nothing
// else.
type Proxy struct {
	inside *fetch.Client // of the demo's client host
}

// Proxy returns the door. Its Close is the caller's.
func (d *Internet) Proxy() (*Proxy, error) {
	b, err := d.Browser(nil)
	if err != nil {
		return nil, err
	}
	return &Proxy{inside: b.Fetch}, nil
}

// Close ends the proxy's connections into the demo.
func (p *Proxy) Close() error { return p.inside.Close() }

// Serve answers at l until ctx ends.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	s := &wire.Server{Handler: wire.HandlerFunc(p.serve)}
	return s.Serve(ctx, l)
}

func (p *Proxy) serve(x wire.Exchange) {
	r := x.Request()
	if r.Method == "CONNECT" {
		p.connect(x, r.Authority)
		return
	}
	p.forward(x, r)
}

// connect joins the client to a host of the demo.
func (p *Proxy) connect(x wire.Exchange, authority string) {
	inside, err := p.dial(x.Context(), authority)
	if err != nil {
		refuse(x, err)
		return
	}
	defer inside.Close()
	outside, err := x.Upgrade(200, nil)
	if err != nil {
		return
	}
	defer outside.Close()
	up := make(chan struct{})
	go func() {
		defer close(up)
		pass(inside, outside)
	}()
	pass(outside, inside)
	<-up
}

// pass copies until the end of from and hands that end on. Where the copy
// breaks, both are closed, so that the other direction ends too.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	to.Close()
}

// dial connects to "host:port" from the demo's client.
func (p *Proxy) dial(ctx context.Context, authority string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", authority, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %q is no port", authority, port)
	}
	ctx, cancel := context.WithTimeout(ctx, ProxyDial)
	defer cancel()
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else if addrs, err = p.inside.Names.Addrs(ctx, host); err != nil {
		return nil, err
	}
	var failed error
	for _, a := range addrs {
		c, err := p.inside.Network.Dial(ctx, netip.AddrPortFrom(a, uint16(number)))
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, fmt.Errorf("connect to %s: %w", authority, failed)
}

// forward sends a request for an http URL on, and its answer back.
func (p *Proxy) forward(x wire.Exchange, r *wire.Request) {
	u, err := url.Parse("http://"+r.Authority+r.Path, nil)
	if err != nil {
		refuse(x, err)
		return
	}
	out := *r
	out.Scheme, out.Upgrade = "http", ""
	resp, err := p.inside.Do(x.Context(), u, &out)
	if err != nil {
		refuse(x, err)
		return
	}
	defer resp.Body.Close()
	if x.Respond(resp.Status, resp.Fields, resp.Length) != nil {
		return
	}
	if _, err := io.Copy(x, resp.Body); err != nil {
		x.Abort()
	}
}

// refuse tells the client why there is nothing (RFC 9110 §15.6.3).
func refuse(x wire.Exchange, err error) {
	text := fmt.Sprintf("waypost demo: %v\n\nThis proxy leads into the demo's own internet only; its page is %s\n", err, Page)
	var f field.Fields
	f.Set("Content-Type", "text/plain; charset=utf-8")
	if x.Respond(502, f, int64(len(text))) == nil {
		_, _ = io.WriteString(x, text) // a client that left has nothing to be told
	}
}
