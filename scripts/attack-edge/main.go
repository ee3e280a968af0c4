// Command attack-edge holds a running edge against all that docs/ATTACKS.md
// lists, first one thing after the other and then all at once, and prints what
// memory its process takes and how long an ordinary visitor waits meanwhile.
// Everything stays on the loopback interface.
//
//	go build -o bin/waypost ./cmd/waypost && go run ./scripts/attack-edge
//
// The files: main.go is the order of events, server.go the edge and its
// origin, attackers.go the attacks over HTTP/1.1 and TLS, streams.go those over
// HTTP/2, visitor.go who wants to be served.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	binary := flag.String("waypost", "bin/waypost", "the edge's program")
	memory := flag.String("memory", "256MiB", "its cache")
	each := flag.Duration("each", 8*time.Second, "how long each attack takes alone")
	together := flag.Duration("together", 60*time.Second, "how long all take together")
	scale := flag.Float64("scale", 1, "multiplies the number of attackers")
	only := flag.String("only", "", "only the attacks whose name contains this")
	flag.Parse()
	attacks = slices.DeleteFunc(attacks, func(a attack) bool { return !strings.Contains(a.name, *only) })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, *memory, *each, *together, *scale); err != nil {
		fmt.Fprintln(os.Stderr, "attack-edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, memory string, each, together time.Duration, scale float64) error {
	e, err := startEdge(ctx, binary, memory)
	if err != nil {
		return err
	}
	defer e.stop()
	for _, a := range attacks {
		a.count = max(1, int(float64(a.count)*scale))
		if err := e.report(ctx, fmt.Sprintf("%s, %d", a.name, a.count), each, a); err != nil {
			return err
		}
		if err := e.report(ctx, "    afterwards", 2*time.Second); err != nil {
			return err
		}
	}
	for i := range attacks {
		attacks[i].count = max(1, int(float64(attacks[i].count)*scale))
	}
	if err := e.report(ctx, "all together", together, attacks...); err != nil {
		return err
	}
	return e.report(ctx, "    afterwards", 10*time.Second)
}

// report runs attacks for d with a visitor beside them, and prints a line.
func (e *edge) report(ctx context.Context, title string, d time.Duration, all ...attack) error {
	under, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var attackers sync.WaitGroup
	for _, a := range all {
		for n := range a.count {
			attackers.Go(func() { e.keepAttacking(under, a, n) })
		}
	}
	before, start := e.cpu(), time.Now()
	path := "/popular"
	if len(all) == 1 && all[0].uncached {
		path = "/fresh"
	}
	v := e.visit(under, path)
	attackers.Wait()
	cores := float64(e.cpu()-before) / float64(time.Since(start))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if v.peak == 0 {
		return fmt.Errorf("the edge is gone: %w", e.failure())
	}
	fmt.Printf("%-54s memory %4d MB at most, %4d MB at the end; %.2f cores; connections %5d; visitor: %3d served, %d not, median %v, worst %v\n",
		title, v.peak>>20, v.last>>20, cores, v.conns, v.served, v.failed, v.median().Round(100*time.Microsecond), v.worst().Round(100*time.Microsecond))
	return nil
}

// keepAttacking makes one attacker come back whenever it was thrown out.
func (e *edge) keepAttacking(ctx context.Context, a attack, n int) {
	ctx = context.WithValue(ctx, source{}, a.from(n))
	for ctx.Err() == nil {
		a.run(ctx, e, n)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
