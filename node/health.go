package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waypost/cdn"
	"waypost/link"
)

// watch looks after a fleet: each edge's addresses are connected to now and
// then, and an edge that fails several times in a row is marked down until it
// answers again. Readers see a complete, unchanging fleet at any time.
type watch struct {
	health  Health
	network link.Network
	log     *slog.Logger
	current atomic.Pointer[cdn.Fleet]
}

func newWatch(f *cdn.Fleet, h Health, n link.Network, log *slog.Logger) *watch {
	w := &watch{health: h, network: n, log: log}
	w.current.Store(f)
	return w
}

// fleet is the fleet as it was last seen.
func (w *watch) fleet() *cdn.Fleet { return w.current.Load() }

// run looks at the fleet until ctx ends.
func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(w.health.Interval)
	defer tick.Stop()
	failures := map[string]int{} // by edge name
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look(ctx, failures)
		}
	}
}

// look connects to every edge at the same time and publishes what changed.
func (w *watch) look(ctx context.Context, failures map[string]int) {
	old := w.current.Load()
	f := *old
	f.POPs = slices.Clone(f.POPs)
	var wg sync.WaitGroup
	for i := range f.POPs {
		f.POPs[i].Edges = slices.Clone(f.POPs[i].Edges)
		for j := range f.POPs[i].Edges {
			e := &f.POPs[i].Edges[j]
			wg.Go(func() { e.Down = w.try(ctx, e.Addrs) })
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	for i := range f.POPs {
		for j := range f.POPs[i].Edges {
			e, was := &f.POPs[i].Edges[j], old.POPs[i].Edges[j].Down
			if e.Down == "" {
				failures[e.Name] = 0
			} else if failures[e.Name]++; failures[e.Name] < w.health.Failures {
				e.Down = was // not yet: one lost packet is no outage
			}
			if (e.Down == "") != (was == "") {
				w.log.Warn("edge health", "edge", e.Name, "down", e.Down)
			}
		}
	}
	w.current.CompareAndSwap(old, &f) // or there is another fleet by now
}

// try connects to each address; the answer is what is wrong, or "".
func (w *watch) try(ctx context.Context, addrs []netip.Addr) string {
	for _, a := range addrs {
		to := netip.AddrPortFrom(a, w.health.Port)
		dial, cancel := context.WithTimeout(ctx, w.health.Timeout)
		c, err := w.network.Dial(dial, to)
		cancel()
		if err != nil {
			return fmt.Sprintf("no connection to %s within %v", to, w.health.Timeout)
		}
		c.Close()
	}
	return ""
}
