package lab_test

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"testing"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/lab"
)

// twoHosts are joined by a link that does nothing to frames, in real time.
func twoHosts() (l *lab.Lab, a, b *lab.Host) {
	l = lab.New(lab.Options{Seed: 1})
	a = must(l.Host("a", lab.HostOptions{}))
	b = must(l.Host("b", lab.HostOptions{}))
	must(l.Connect(a.Port(netip.MustParsePrefix("192.0.2.1/24")), b.Port(netip.MustParsePrefix("192.0.2.2/24")), lab.LinkShape{}))
	return l, a, b
}

var serverAt = netip.MustParseAddrPort("192.0.2.2:80")

// BenchmarkTransfer sends 64 KiB at a time over one TCP connection.
func BenchmarkTransfer(b *testing.B) {
	l, from, to := twoHosts()
	defer l.Close()
	ctx := context.Background()
	listener := must(to.Listen(ctx, serverAt))
	received := make(chan int64)
	go func() {
		c := must(listener.Accept())
		buf := make([]byte, 256<<10)
		var sum int64
		for {
			n, err := c.Read(buf)
			sum += int64(n)
			if err != nil {
				received <- sum
				return
			}
		}
	}()
	c := must(from.Dial(ctx, serverAt))
	data := make([]byte, 64<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	if got, want := <-received, int64(b.N)*int64(len(data)); got != want {
		b.Errorf("received %d bytes of %d", got, want)
	}
}

// BenchmarkRequests asks for a small page over kept connections, http/wire
// at both ends.
func BenchmarkRequests(b *testing.B) {
	l, from, to := twoHosts()
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	listener := must(to.Listen(ctx, serverAt))
	page := make([]byte, 1024)
	server := &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(len(page)))
		_, _ = x.Write(page)
	})}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(ctx, listener) })
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		client := must(wire.NewClient(must(from.Dial(ctx, serverAt)), "http/1.1", wire.Limits{}))
		defer client.Close()
		for p.Next() {
			resp, err := client.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: "shop.test", Path: "/"})
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	cancel()
	served.Wait()
}
