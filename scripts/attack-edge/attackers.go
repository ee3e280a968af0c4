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
	name  string
	count int
	run   func(ctx context.Context, e *edge, n int)
}

var attacks = []attack{
	{"silent connections", 3000, silent(plainAddr, "")},
	{"silent connections, TLS", 3000, silent(tlsAddr, "")},
	{"half a TLS hello", 500, halfHello},
	{"TLS handshakes that stop", 500, stuckHandshake},
	{"idle connections after TLS", 500, afterTLS},
	{"slow heads", 1000, trickle("GET / HTTP/1.1\r\nHost: www.shop.test\r\nX: ", 0)},
	{"slow bodies", 500, trickle("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", 0)},
	{"slow bodies above the pace", 200, trickle("POST / HTTP/1.1\r\nHost: www.shop.test\r\nContent-Length: 1000000\r\n\r\n", 300)},
	{"slow readers of large things", 500, slowReader},
	{"bad requests", 16, badRequest},
	{"misses, each of another key", 32, cacheBuster},
	{"HTTP/2: streams without a window", 200, zeroWindow},
	{"HTTP/2: responses that nobody reads", 300, unread},
	{"HTTP/2: rapid reset", 8, rapidReset},
	{"HTTP/2: CONTINUATION", 8, continuation},
	{"HTTP/2: PING, SETTINGS, WINDOW_UPDATE", 8, pings},
}

// open connects, with a receive window that fills soon; nil when it cannot.
func open(ctx context.Context, addr string) net.Conn {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
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

// slowReader asks for something large that nobody else asks for, and reads a
// byte of it each second.
func slowReader(ctx context.Context, _ *edge, _ int) {
	c := open(ctx, plainAddr)
	if c == nil {
		return
	}
	defer c.Close()
	_, err := fmt.Fprintf(c, "GET /large?%d HTTP/1.1\r\nHost: www.shop.test\r\n\r\n", rand.Uint64())
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		_, err = c.Read(make([]byte, 1))
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
