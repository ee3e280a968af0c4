package lab_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/lab"
)

// world is an internet of regions in a ring with one edge in each and many
// clients.
type world struct {
	lab     *lab.Lab
	edges   []netip.AddrPort
	clients []*lab.Host
	stop    func()
}

// newWorld makes regions with so many hosts each, of which one is an edge.
// Hosts have addresses from all over, as on the internet.
func newWorld(o lab.Options, regions, hosts int) *world {
	w := &world{lab: lab.New(o)}
	l := w.lab
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	var all []*lab.Region
	for n := range regions {
		r := must(l.Region(fmt.Sprintf("region%d", n)))
		all = append(all, r)
		for _, near := range []int{n - 1, n / 2} {
			if near >= 0 && near < n {
				must(l.Between(all[near], r, lab.LinkShape{Delay: time.Duration(10+5*n) * time.Millisecond, Loss: lab.Loss{Random: .001}}))
			}
		}
		edge := netip.AddrFrom4([4]byte{203, 0, 113, byte(n + 1)})
		h := must(r.Host(fmt.Sprintf("edge%d", n), lab.HostOptions{}, []netip.Addr{edge}, lab.LinkShape{Rate: 1e9}))
		at := netip.AddrPortFrom(edge, 80)
		w.edges = append(w.edges, at)
		listener := must(h.Listen(ctx, at))
		server := &wire.Server{Handler: wire.HandlerFunc(page)}
		serving.Go(func() { _ = server.Serve(ctx, listener) })
		for c := range hosts - 1 {
			a := netip.AddrFrom4([4]byte{byte(11 + n), byte(c), 7, 9})
			access := lab.LinkShape{Delay: 5 * time.Millisecond, Rate: 50e6, Loss: lab.Loss{Random: .002}}
			w.clients = append(w.clients, must(r.Host(fmt.Sprintf("client%d-%d", n, c), lab.HostOptions{}, []netip.Addr{a}, access)))
		}
	}
	w.stop = func() {
		cancel()
		serving.Wait()
		l.Close()
	}
	return w
}

func page(x wire.Exchange) {
	const body = 4096
	_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, body)
	_, _ = x.Write(make([]byte, body))
}

// get asks for a page on a connection, a new one if c is nil.
func (w *world) get(h *lab.Host, edge netip.AddrPort, c wire.Client) (wire.Client, error) {
	ctx := context.Background()
	if c == nil {
		conn, err := h.Dial(ctx, edge)
		if err != nil {
			return nil, err
		}
		if c, err = wire.NewClient(conn, "http/1.1", wire.Limits{}); err != nil {
			return nil, err
		}
	}
	resp, err := c.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: "shop.test", Path: "/"})
	if err != nil {
		return c, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != 4096 {
		err = fmt.Errorf("%d bytes", n)
	}
	return c, err
}

// TestManyHosts: 200 hosts in 8 regions ask for 4,000 pages, half of them
// over new connections, within a virtual minute.
func TestManyHosts(t *testing.T) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(lab.Options{Seed: 1, Virtual: true}, 8, 25)
		defer w.stop()
		var done sync.WaitGroup
		random := rand.New(rand.NewPCG(1, 2))
		requests := 0
		for i := range 200 {
			h := w.clients[i%len(w.clients)]
			for range 10 {
				edge := w.edges[random.IntN(len(w.edges))]
				requests += 2
				done.Add(1)
				w.lab.At(time.Duration(random.Int64N(int64(time.Minute))), func() {
					defer done.Done()
					c, err := w.get(h, edge, nil)
					if err == nil {
						time.Sleep(100 * time.Millisecond)
						c, err = w.get(h, edge, c)
					}
					if err != nil {
						t.Error(err)
						return
					}
					c.Close()
				})
			}
		}
		done.Wait()
		t.Logf("%d nodes, %d requests, %s of virtual time", len(w.lab.Nodes()), requests, w.lab.Now())
	})
	took := time.Since(began)
	t.Logf("took %s", took)
	if took > 10*time.Second && !raceDetector {
		t.Errorf("took %s, want less than 10s", took)
	}
}

// TestIdleConnections: 10,000 of them between two hosts cost less than
// 100 MB, both ends together.
func TestIdleConnections(t *testing.T) {
	const count, bound = 10_000, 100 << 20
	l, a, b := twoHosts()
	defer l.Close()
	ctx := context.Background()
	listener := must(b.Listen(ctx, serverAt))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, 0, 2*count)
	for range count {
		conns = append(conns, must(a.Dial(ctx, serverAt)), must(listener.Accept()))
	}
	for i := 0; i < len(conns); i += 2 { // each has carried something
		must(conns[i].Write([]byte("hello")))
		must(io.ReadFull(conns[i+1], make([]byte, 5)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)
	t.Logf("%d connections, %d MB", count, used>>20)
	if used > bound && !raceDetector {
		t.Errorf("%d MB, want less than %d", used>>20, bound>>20)
	}
	for _, c := range conns {
		c.Close()
	}
	listener.Close()
}
