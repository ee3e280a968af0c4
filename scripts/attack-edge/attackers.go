package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// attack is one way to be a bad client. run is one of count attackers, until
// it is thrown out or ctx ends.
type attack struct {
	name      string
	count     int
	run       func(ctx context.Context, e *edge, n int)
	addresses int  // that they come from; 0: each from its own
	uncached  bool // what a visitor wants meanwhile has to come from the origin
}

var attacks = []attack{
	{name: "silent connections", count: 3000, run: silent(plainAddr, "")},
	{name: "silent connections, TLS", count: 3000, run: silent(tlsAddr, "")},
	{name: "half a TLS hello", count: 500, run: halfHello},
	{name: "TLS handshakes that stop", count: 500, run: stuckHandshake},
	{name: "idle connections after TLS", count: 500, run: afterTLS},
	{name: "slow heads", count: 1000, run: trickle("GET / HTTP/1.1\r\nHost: www.shop.test\r\nX: ", 0)},
	{name: "slow bodies", count: 500, run: trickle("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", 0)},
	{name: "slow bodies above the pace", count: 200, run: trickle("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", 300)},
	{name: "slow bodies, one address", count: 3000, run: trickle("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", 300), addresses: 1},
	{name: "slow readers of what is not stored, one address", count: 800, run: slowReader("/private"), addresses: 1, uncached: true},
	{name: "slow readers of what is not stored, 100 addresses", count: 800, run: slowReader("/private"), addresses: 100, uncached: true},
	{name: "slow readers of large things", count: 500, run: slowReader("/large")},
	{name: "bad requests", count: 16, run: badRequest},
	{name: "misses, each of another key", count: 32, run: cacheBuster},
	{name: "HTTP/2: streams without a window", count: 200, run: zeroWindow},
	{name: "HTTP/2: responses that nobody reads", count: 300, run: unread},
	{name: "HTTP/2: requests as they should be", count: 8, run: ordinary},
	{name: "HTTP/2: connections as they should be", count: 8, run: ordinaryConnections},
	{name: "HTTP/2: rapid reset", count: 8, run: rapidReset},
	{name: "HTTP/2: CONTINUATION", count: 8, run: continuation},
	{name: "HTTP/2: PING, SETTINGS, WINDOW_UPDATE", count: 8, run: pings},
}

// source is where a context has the address that an attacker comes from.
type source struct{}

// from is the address of the attacker with a number.
func (a *attack) from(n int) net.IP {
	if a.addresses > 0 {
		n %= a.addresses
	}
	return net.IPv4(127, 1, byte(n>>8), byte(n))
}

// open connects, with a receive window that fills soon; nil when it cannot.
func open(ctx context.Context, addr string) net.Conn {
	from, _ := ctx.Value(source{}).(net.IP)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(8 << 10)
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c
}

// stay says what is given, and nothing more, until the server ends it.
func stay(ctx context.Context, addr string, say []byte) {
	c := open(ctx, addr)
	if c == nil {
		return
	}
	defer c.Close()
	if _, err := c.Write(say); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

func silent(addr, say string) func(context.Context, *edge, int) {
	return func(ctx context.Context, _ *edge, _ int) { stay(ctx, addr, []byte(say)) }
}

func halfHello(ctx context.Context, e *edge, _ int) { stay(ctx, tlsAddr, e.hello[:len(e.hello)/2]) }

func stuckHandshake(ctx context.Context, e *edge, _ int) { stay(ctx, tlsAddr, e.hello) }

func afterTLS(ctx context.Context, _ *edge, _ int) {
	c := open(ctx, tlsAddr)
	if c == nil {
		return
	}
	defer c.Close()
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // our own edge, with a certificate made for it
	if t.HandshakeContext(ctx) == nil {
		_, _ = io.Copy(io.Discard, t)
	}
}

// trickle sends first and then a piece each second, of one byte where it is 0.
func trickle(first string, piece int) func(context.Context, *edge, int) {
	more := []byte(strings.Repeat("a", max(piece, 1)))
	return func(ctx context.Context, _ *edge, _ int) {
		c := open(ctx, plainAddr)
		if c == nil {
			return
		}
		defer c.Close()
		_, err := io.WriteString(c, first)
		for err == nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			_, err = c.Write(more)
		}
	}
}

// slowReader asks for something large that nobody else asks for, and reads it
// a little faster than it must.
func slowReader(path string) func(context.Context, *edge, int) {
	return func(ctx context.Context, _ *edge, _ int) {
		c := open(ctx, plainAddr)
		if c == nil {
			return
		}
		defer c.Close()
		_, err := fmt.Fprintf(c, "GET %s?%d HTTP/1.1\r\nHost: www.shop.test\r\n\r\n", path, rand.Uint64())
		for err == nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			_, err = c.Read(make([]byte, 400))
		}
	}
}

func badRequest(ctx context.Context, _ *edge, _ int) {
	stay(ctx, plainAddr, []byte("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
}

// cacheBuster asks for one thing after another that nobody has asked for.
func cacheBuster(ctx context.Context, _ *edge, _ int) {
	c := open(ctx, plainAddr)
	if c == nil {
		return
	}
	defer c.Close()
	buf := make([]byte, 4<<10)
	for ctx.Err() == nil {
		if _, err := fmt.Fprintf(c, "GET /popular?%d HTTP/1.1\r\nHost: www.shop.test:%d\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n", rand.Uint64(), 1+rand.IntN(65535)); err != nil {
			return
		}
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
