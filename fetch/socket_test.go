package fetch

import (
	"context"
	"io"
	"net/netip"
	"runtime"
	"strconv"
	"testing"

	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// TestSockets fetches over the operating system's loopback and looks at the
// figures that only a real connection has.
func TestSockets(t *testing.T) {
	var network link.OS
	l, err := network.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&wire.Server{Handler: answer("hello", 0)}).Serve(ctx, l)
	}()
	defer func() { stop(); <-done }()

	var ring trace.Ring
	span := (&trace.Station{Name: "test", Recorder: &ring}).Begin()
	c := &Client{Network: network}
	defer c.Close()
	u := mustURL(t, "http://127.0.0.1:"+strconv.Itoa(int(link.AddrPort(l.Addr()).Port()))+"/")
	for range 3 {
		r, err := c.Do(trace.With(t.Context(), span), u, &wire.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r.Body); string(b) != "hello" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	c.CloseIdle()
	events, _ := ring.Events(span.Context().Trace)
	if len(events) != 2 {
		t.Fatalf("%d events, want one connection's: %v", len(events), events)
	}
	open, isOpen := events[0].Fact.(trace.TCPConnect)
	end, isEnd := events[1].Fact.(trace.TCPClose)
	if !isOpen || !isEnd || end.Requests != 3 || end.By != "us" || open.Local != end.Local {
		t.Errorf("%+v, %+v", open, end)
	}
	if runtime.GOOS == "linux" && (open.State != "ESTABLISHED" || open.RTT == 0 || open.MSS == 0 || end.Received == 0 || end.Sent == 0) {
		t.Errorf("figures: %+v, %+v", open, end)
	}
}

// BenchmarkGet is one exchange on a connection that is kept, over the
// operating system's loopback, the server's half included.
func BenchmarkGet(b *testing.B) {
	var network link.OS
	l, err := network.Listen(b.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go (&wire.Server{Handler: answer("hello", 0)}).Serve(ctx, l)
	c := &Client{Network: network}
	defer c.Close()
	u := mustURL(b, "http://127.0.0.1:"+strconv.Itoa(int(link.AddrPort(l.Addr()).Port()))+"/")
	buf := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.Do(ctx, u, &wire.Request{})
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Body.Read(buf)
		}
		r.Body.Close()
	}
}
