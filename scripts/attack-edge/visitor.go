package main

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// visits is how a visitor fared.
type visits struct {
	served, failed int
	took           []time.Duration
	peak, last     int // memory of the edge, in bytes
	conns          int // its sockets, at most
}

// visitPatience is how long a visitor waits for a page.
const visitPatience = 10 * time.Second

// visit asks for a page, on a connection of its own each time, until ctx ends.
func (e *edge) visit(ctx context.Context, path string) *visits {
	v := &visits{}
	for ctx.Err() == nil {
		start := time.Now()
		if fetched(path) {
			v.served++
		} else {
			v.failed++
		}
		v.took = append(v.took, time.Since(start))
		rss, sockets := e.memory()
		v.peak, v.last, v.conns = max(v.peak, rss), rss, max(v.conns, sockets)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return v
}

func fetched(path string) bool {
	d := net.Dialer{Timeout: visitPatience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := d.DialContext(context.Background(), "tcp", plainAddr)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(visitPatience))
	_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(c)
	return err == nil && strings.HasPrefix(string(b), "HTTP/1.1 200 ")
}

func (v *visits) median() time.Duration {
	slices.Sort(v.took)
	return v.took[len(v.took)/2]
}

func (v *visits) worst() time.Duration { return slices.Max(v.took) }
