// Command bench-edge measures the edge against the caches that Debian has:
// CPU per request for hits over HTTP/1.1, TLS and HTTP/2, throughput of
// misses, memory of idle connections. Server and client are pinned to a core
// each; the peers take turns within a round, so that ratios of one round are
// what counts. It prints a table; a peer or a load generator that is not
// installed is skipped with a message.
//
//	go run ./scripts/bench-edge -rounds 3 -seconds 4
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 3, "rounds; in each every peer runs once per case")
	seconds := flag.Int("seconds", 4, "seconds of load per run")
	only := flag.String("only", "", "run the cases whose name contains this")
	peers := flag.String("peers", "", "run only these peers, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *seconds, *only, *peers); err != nil {
		fmt.Fprintln(os.Stderr, "bench-edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, seconds int, only, names string) error {
	for _, tool := range []string{"taskset", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed", tool)
		}
	}
	dir, err := os.MkdirTemp("", "bench-edge-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, seconds: seconds}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	origin, err := b.startOrigin(ctx)
	if err != nil {
		return err
	}
	defer origin.stop()
	var chosen []peer
	for _, p := range peers {
		if names != "" && !slices.Contains(strings.Split(names, ","), p.name) {
			continue
		}
		if p.program != "" {
			if _, err := exec.LookPath(p.program); err != nil {
				fmt.Printf("skipped: %s is not installed\n", p.program)
				continue
			}
		}
		chosen = append(chosen, p)
	}
	for _, c := range cases {
		if !strings.Contains(c.name, only) {
			continue
		}
		if err := b.table(ctx, c, chosen, rounds); err != nil {
			return err
		}
	}
	return nil
}

// table runs one case for all peers and prints its rows.
func (b *bench) table(ctx context.Context, c benchCase, chosen []peer, rounds int) error {
	if !installed(c.tool) {
		fmt.Printf("skipped: %s, %s is not installed\n", c.name, c.tool)
		return nil
	}
	results := map[string][]sample{}
	for range rounds {
		for _, p := range chosen {
			if c.tls && !p.tls || c.name == "idle" && p.noIdle {
				continue
			}
			s, err := b.measure(ctx, p, c)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.name, p.name, err)
			}
			results[p.name] = append(results[p.name], s)
		}
	}
	fmt.Printf("\n%s\n\n| server | %s, round by round | requests/s |\n|---|---|---|\n", c.what, c.unit)
	for _, p := range chosen {
		var values, rates []string
		for _, s := range results[p.name] {
			values = append(values, fmt.Sprintf("%.1f", s.value))
			rates = append(rates, fmt.Sprintf("%.0f", s.rate))
		}
		if values != nil {
			fmt.Printf("| %s | %s | %s |\n", p.name, strings.Join(values, ", "), strings.Join(rates, ", "))
		}
	}
	return nil
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// patience bounds how long a server may take to answer its first request.
const patience = 10 * time.Second
