package lab_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/lab"
)

// must returns v, and ends a test whose scene cannot be set.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// shop is a scene: five clients in one region and two servers in another,
// behind lossy links.
type shop struct {
	lab     *lab.Lab
	clients []*lab.Host
	servers []netip.AddrPort
	links   []*lab.Link
	stop    func()
}

func openShop(o lab.Options) *shop {
	s := &shop{lab: lab.New(o)}
	l := s.lab
	eu := must(l.Region("eu", netip.MustParsePrefix("192.0.2.0/24")))
	us := must(l.Region("us", netip.MustParsePrefix("198.51.100.0/24")))
	between := must(lab.ParseShape("40ms loss 1% rate 20Mbit queue 100KB"))
	s.links = append(s.links, must(l.Between(eu, us, between)))
	access := must(lab.ParseShape("5ms jitter 2ms loss 0.5%"))
	for n := range 5 {
		name := fmt.Sprintf("client%d", n)
		s.clients = append(s.clients, must(eu.Host(name, lab.HostOptions{}, nil, access)))
		s.links = append(s.links, l.Link(name, "eu-switch"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	for n := range 2 {
		h := must(us.Host(fmt.Sprintf("server%d", n), lab.HostOptions{}, nil, must(lab.ParseShape("1ms"))))
		at := netip.AddrPortFrom(h.Addrs()[0], 80)
		s.servers = append(s.servers, at)
		listener := must(h.Listen(ctx, at))
		server := &wire.Server{Handler: wire.HandlerFunc(answer)}
		serving.Go(func() { _ = server.Serve(ctx, listener) })
	}
	s.stop = func() {
		cancel()
		serving.Wait()
		l.Close()
	}
	return s
}

// answer takes its time for some pages and has much to say.
func answer(x wire.Exchange) {
	path := x.Request().Path
	if strings.HasSuffix(path, "slow") {
		time.Sleep(10 * time.Millisecond)
	}
	body := strings.Repeat(path+"\n", 1+20000/len(path))
	_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(len(body)))
	_, _ = io.WriteString(x, body)
}

// visit asks a server for pages over one connection.
func (s *shop) visit(h *lab.Host, server netip.AddrPort, paths ...string) error {
	ctx := context.Background()
	c, err := h.Dial(ctx, server)
	if err != nil {
		return err
	}
	client, err := wire.NewClient(c, "http/1.1", wire.Limits{})
	if err != nil {
		return err
	}
	defer client.Close()
	for _, path := range paths {
		resp, err := client.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: "shop.test", Path: path})
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 20000 {
			return fmt.Errorf("%s: %d bytes, %w", path, n, err)
		}
	}
	return nil
}

// busyHour lets every client, at the same instants, ask both servers.
func (s *shop) busyHour() error {
	var visits sync.WaitGroup
	var failed error
	for i, h := range s.clients {
		for round := range 3 {
			for j, server := range s.servers {
				visits.Add(1)
				s.lab.At(time.Duration(round)*100*time.Millisecond, func() {
					defer visits.Done()
					paths := []string{fmt.Sprintf("/%d/%d/a", i, round), fmt.Sprintf("/%d/%d/slow", i, j), "/c"}
					if err := s.visit(h, server, paths...); err != nil {
						failed = fmt.Errorf("client %d round %d server %d: %w", i, round, j, err)
					}
				})
			}
		}
	}
	visits.Wait()
	return failed
}

// capturedHour writes what the links see of a busy hour to w. It is called in
// virtual time.
func capturedHour(w io.Writer, seed uint64) (disturbed int, err error) {
	s := openShop(lab.Options{Seed: seed, Virtual: true})
	defer s.stop()
	capture, err := s.lab.Capture(w, lab.CaptureOptions{Links: s.links})
	if err != nil {
		return 0, err
	}
	if err := s.busyHour(); err != nil {
		return 0, err
	}
	return s.lab.Disturbed(), capture.Close()
}

// hashedHour is the hash of a captured hour, in a bubble.
func hashedHour(t *testing.T, seed uint64) (o outcome) {
	hash := sha256.New()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if o.disturbed, err = capturedHour(hash, seed); err != nil {
			t.Error(err)
		}
	})
	o.what = hex.EncodeToString(hash.Sum(nil))
	return o
}

// outcome is what a run gave, and how often the machine may have disturbed
// its order.
type outcome struct {
	what      string
	disturbed int
}

func (o outcome) String() string { return fmt.Sprintf("%d %s", o.disturbed, o.what) }

// always runs something so many times and wants one outcome of all runs that
// were not disturbed, which it returns.
func always(t *testing.T, times int, run func() outcome) string {
	t.Helper()
	inOrder(t)
	var want string
	counted := 0
	for tries := 0; counted < times; tries++ {
		if tries == 5*times {
			t.Skipf("the machine is too busy: %d of %d runs were not disturbed", counted, tries)
		}
		got := run()
		if t.Failed() {
			t.FailNow()
		}
		if got.disturbed > 0 {
			continue
		}
		if want != "" && got.what != want {
			t.Fatalf("run %d gave another outcome:\n%s", tries+1, difference(got.what, want))
		}
		want = got.what
		counted++
	}
	return want
}

// elsewhere runs a program of this test in a process of its own; its output
// is an outcome.
func elsewhere(t *testing.T, what string) (o outcome) {
	t.Helper()
	out, err := start(t, what).CombinedOutput()
	if err == nil {
		_, err = fmt.Sscan(string(out), &o.disturbed, &o.what)
	}
	if err != nil {
		t.Fatalf("%s in a process of its own: %v, said %s", what, err, out)
	}
	return o
}

func TestOneSeedOneCapture(t *testing.T) {
	want := always(t, 20, func() outcome { return hashedHour(t, 7) })
	if got := hashedHour(t, 8); got.what == want {
		t.Error("another seed gives the same capture")
	}
	if got := always(t, 3, func() outcome { return elsewhere(t, "capture") }); got != want {
		t.Errorf("a process of its own gives %s, this one %s", got, want)
	}
}
