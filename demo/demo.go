// Package demo is a whole small internet in one process: a root server, a
// top-level domain, the shop's name server, the CDN's with its choice of
// edges, a resolver, two edges and the shop itself. Every station is an
// ordinary [node.Node] made from an ordinary configuration file
// (internet/*.yaml); only the wires under them are not real: they are this
// machine's loopback interface ([Loopback]) or the lab ([Lab]).
package demo

import (
	"context"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"waypost/demo/site"
	"waypost/link"
	"waypost/node"
	"waypost/tls/cert"
	"waypost/trace"
)

// Page is the page that the demo loads.
const Page = "https://www.shop.test/"

// The hosts of the demo that others need to know; the rest is in internet/.
var (
	clientAddr   = netip.MustParseAddr("192.0.2.10")
	resolverAddr = netip.MustParseAddrPort("192.0.2.53:53")
)

//go:embed internet
var files embed.FS

// stations are the demo's hosts: a configuration file and an address each,
// in the order in which they start.
var stations = [...]struct{ file, addr string }{
	{"root.yaml", "198.51.100.1"},
	{"tld.yaml", "198.51.100.2"},
	{"shop.yaml", "198.51.100.3"},
	{"origin.yaml", "203.0.113.80"},
	{"fra1.yaml", "203.0.113.10"},
	{"nyc1.yaml", "203.0.113.20"},
	{"cdn.yaml", "198.51.100.4"},
	{"resolver.yaml", "192.0.2.53"},
	{"admin.yaml", "192.0.2.1"},
}

// ports are the ports of 127.0.0.1 that the demo tries to stand on, so that
// the commands it prints are the same every time.
var ports = map[string]uint16{
	"192.0.2.53:53":    5300,
	"198.51.100.1:53":  5301,
	"198.51.100.2:53":  5302,
	"198.51.100.3:53":  5303,
	"198.51.100.4:53":  5304,
	"203.0.113.10:80":  8080,
	"203.0.113.10:443": 8443,
	"203.0.113.20:80":  8081,
	"203.0.113.20:443": 8444,
	"203.0.113.80:80":  8000,
	"192.0.2.1:80":     8900,
}

// Internet is the demo, running.
type Internet struct {
	// Recorder holds every station's account, the browser's too.
	Recorder *trace.Ring
	// CA is the authority that signed the edges' certificates, PEM.
	CA []byte
	// Token opens the admin listener.
	Token string

	wires Wires
	ca    *cert.CA
	nodes []station
}

// station is a running node under the name of its configuration file.
type station struct {
	*node.Node
	name string
}

// Wires is what the demo's hosts stand on.
type Wires interface {
	// Host returns the network as the host with this address has it.
	Host(addr netip.Addr) link.Network
}

// Loopback returns wires on this machine's loopback interface, where others
// meet the demo at the ports that [Internet.Doors] tells.
func Loopback() *link.Loopback {
	l := &link.Loopback{Prefer: map[netip.AddrPort]uint16{}}
	for addr, port := range ports {
		l.Prefer[netip.MustParseAddrPort(addr)] = port
	}
	return l
}

// Start brings the demo up on wires, which remain the caller's: every socket
// is bound when it returns. The token opens the admin listener. Stations
// note in recorder; nil means one of the demo's own.
func Start(ctx context.Context, wires Wires, token string, recorder *trace.Ring) (*Internet, error) {
	if recorder == nil {
		recorder = &trace.Ring{}
	}
	d := &Internet{Recorder: recorder, Token: token, wires: wires}
	var err error
	if d.ca, err = cert.NewCA("waypost demo CA", time.Now()); err != nil {
		return nil, err
	}
	d.CA = d.ca.PEM()
	chain, key, err := d.issue("www.shop.test")
	if err != nil {
		return nil, err
	}
	read := func(name string) ([]byte, error) {
		switch name {
		case "www.pem":
			return chain, nil
		case "www.key":
			return key, nil
		case "admin.token":
			return []byte(token), nil
		}
		return files.ReadFile("internet/" + name)
	}
	for _, s := range stations {
		if err := d.start(ctx, s.file, netip.MustParseAddr(s.addr), read); err != nil {
			return nil, errors.Join(fmt.Errorf("demo: %s: %w", s.file, err), d.Close())
		}
	}
	return d, nil
}

func (d *Internet) start(ctx context.Context, file string, addr netip.Addr, read func(string) ([]byte, error)) error {
	text, err := read(file)
	if err != nil {
		return err
	}
	config, err := node.Parse(file, text, read)
	if err != nil {
		return err
	}
	n, err := node.New(config, node.Options{
		Network:  d.wires.Host(addr),
		Recorder: d.Recorder,
		Content: func(st *trace.Station, trust []netip.Prefix) (node.Content, error) {
			return site.New(site.Options{Station: st, TrustTrace: trust})
		},
	})
	if err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return errors.Join(err, n.Stop())
	}
	d.nodes = append(d.nodes, station{n, strings.TrimSuffix(file, ".yaml")})
	return nil
}

// Close takes the demo down: who was started last goes first, the root last.
func (d *Internet) Close() error {
	var errs []error
	for i := len(d.nodes) - 1; i >= 0; i-- {
		errs = append(errs, d.nodes[i].Stop())
	}
	d.nodes = nil
	return errors.Join(errs...)
}

// Door is where a station can be met.
type Door struct {
	Name, Scheme string
	Own          netip.AddrPort // as the demo's hosts see it
	Real         netip.AddrPort // on this machine; zero in the lab, which is not on it
}

// Doors returns all of them, in the order in which the stations started.
func (d *Internet) Doors() []Door {
	real := map[netip.AddrPort]netip.AddrPort{}
	if l, ok := d.wires.(*link.Loopback); ok {
		for _, m := range l.Mappings() {
			if m.Network == "udp" || !real[m.Own].IsValid() { // name servers are asked over UDP
				real[m.Own] = m.Real
			}
		}
	}
	var doors []Door
	for _, n := range d.nodes {
		for _, l := range n.Listeners() {
			doors = append(doors, Door{n.name, l.Scheme, l.Address, real[l.Address]})
		}
	}
	return doors
}

// issue makes a certificate and gives it as the files that a configuration
// would name.
func (d *Internet) issue(host string) (chain, key []byte, err error) {
	c, err := d.ca.Issue(host)
	if err != nil {
		return nil, nil, err
	}
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}
