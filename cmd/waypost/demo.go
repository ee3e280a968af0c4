package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"waypost/demo"
	"waypost/lab"
	"waypost/link"
	"waypost/report"
	"waypost/trace"
)

func newDemo() *cobra.Command {
	var once, inLab bool
	var listen string
	var out output
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A whole small internet on this machine, loaded twice and explained",
		Long: `demo brings up a root name server, a top-level domain, a shop's name server, a
CDN's with its choice of two edges, a resolver, the edges and the shop itself:
the real servers, on loopback, without root. With --lab they stand in the lab
instead: in four regions with the delays between them, on the real ports, down to
the TCP segment, in real time. It loads ` + demo.Page + ` twice as
a browser would and shows every step of both journeys and what changed between
them. Then it goes on serving until it is interrupted and prints what to try.`,
		Example: `  waypost demo
  waypost demo --once --json record.json
  waypost demo --listen 127.0.0.1:3128      a proxy into it, for curl or a browser
  waypost demo --lab --listen 127.0.0.1:3128
  waypost demo --once --svg waterfall.svg`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (failed error) {
			if err := out.check(); err != nil {
				return err
			}
			door, err := listenProxy(cmd.Context(), listen)
			if err != nil {
				return err
			}
			internet, stop, err := startDemo(cmd.Context(), inLab)
			if err != nil {
				return err
			}
			defer func() { failed = errors.Join(failed, stop()) }()
			loads, failure := loadTwice(cmd.Context(), internet)
			if err := out.write(loads, styleOf(os.Stdout)); err != nil {
				return err
			}
			if failure != nil || once {
				return failure
			}
			dir, err := os.MkdirTemp("", "waypost-demo-")
			if err != nil {
				return err
			}
			defer func() { failed = errors.Join(failed, os.RemoveAll(dir)) }()
			if err := printDoors(os.Stdout, internet, dir, door, styleOf(os.Stdout)); err != nil {
				return err
			}
			return serveDoor(cmd.Context(), internet, door)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "exit after the two loads")
	cmd.Flags().BoolVar(&inLab, "lab", false, "in the lab: regions, delays and real ports, instead of this machine's loopback")
	cmd.Flags().StringVar(&listen, "listen", "", "open an HTTP proxy into the demo's internet at `ADDR:PORT` of this machine")
	cmd.MarkFlagsMutuallyExclusive("once", "listen")
	out.flags(cmd)
	return cmd
}

// startDemo brings the demo up on loopback or in the lab; stop takes it down.
func startDemo(ctx context.Context, inLab bool) (internet *demo.Internet, stop func() error, err error) {
	if !inLab {
		if internet, err = demo.Start(ctx, demo.Loopback(), rand.Text(), nil); err != nil {
			return nil, nil, err
		}
		return internet, internet.Close, nil
	}
	r := &trace.Ring{}
	net := lab.New(lab.Options{Recorder: r})
	wires, err := demo.NewLab(net)
	if err == nil {
		internet, err = demo.Start(ctx, wires, rand.Text(), r)
	}
	if err != nil {
		net.Close()
		return nil, nil, err
	}
	return internet, func() error {
		defer net.Close()
		return internet.Close()
	}, nil
}

// listenProxy opens the socket of --listen; nil where the flag is not given.
func listenProxy(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, usage(fmt.Errorf("--listen %q: write an IP address and a port, such as 127.0.0.1:3128", addr))
	}
	return link.OS{}.Listen(ctx, ap)
}

// serveDoor keeps the demo up until it is interrupted, with the proxy at l
// where there is one.
func serveDoor(ctx context.Context, internet *demo.Internet, l net.Listener) error {
	if l == nil {
		<-ctx.Done()
		return nil
	}
	p, err := internet.Proxy()
	if err != nil {
		return err
	}
	return errors.Join(p.Serve(ctx, l), p.Close())
}

// loadTwice loads the demo's page over a cold and then a warm road.
func loadTwice(ctx context.Context, internet *demo.Internet) ([]trace.Load, error) {
	p := newProgress(internet.Recorder)
	defer p.clear()
	b, err := internet.Browser(p)
	if err != nil {
		return nil, err
	}
	defer b.Fetch.Close()
	var loads []trace.Load
	for range 2 {
		l, err := internet.Load(ctx, b, demo.Page, demo.Settle)
		loads = append(loads, l)
		if err != nil {
			return loads, err
		}
	}
	return loads, nil
}

// printDoors says how the demo is met from outside. dir is where files for
// the reader's commands go, proxy what --listen opened, or nil.
func printDoors(w io.Writer, internet *demo.Internet, dir string, proxy net.Listener, s report.Style) error {
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "admin.token")
	if err := os.WriteFile(ca, internet.CA, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(token, []byte(internet.Token+"\n"), 0o600); err != nil {
		return err
	}
	door := map[string]demo.Door{}
	onLoopback := false
	for _, d := range internet.Doors() {
		door[d.Own.String()] = d
		onLoopback = onLoopback || d.Real.IsValid()
	}
	title := "The demo goes on serving. Its doors on this machine:"
	if !onLoopback {
		title = "The demo goes on serving in the lab, at:"
	}
	fmt.Fprintf(w, "\n%s\n", s.Title(title))
	for _, d := range internet.Doors() {
		if onLoopback {
			fmt.Fprintf(w, "  %-14s %-6s %-20s %s\n", d.Name, d.Scheme, d.Real, s.Note("for "+d.Own.String()))
		} else {
			fmt.Fprintf(w, "  %-14s %-6s %s\n", d.Name, d.Scheme, d.Own)
		}
	}
	var try []suggestion
	if onLoopback {
		try = suggestions(door, ca, token, dir)
	}
	try = append(try, throughProxy(proxy, ca, dir)...)
	if len(try) == 0 {
		fmt.Fprintf(w, "\n%s\n", s.Note("No process outside reaches it; --listen 127.0.0.1:3128 opens a door for curl and browsers."))
	} else {
		fmt.Fprintf(w, "\n%s\n", s.Title("Try:"))
	}
	for _, t := range try {
		fmt.Fprintf(w, "  %s\n    %s\n", s.Note("# "+t.what), t.command)
	}
	fmt.Fprintf(w, "\n%s\n", s.Note("Interrupt (Ctrl-C) ends it."))
	return nil
}

// suggestion is a command to try, and what it shows.
type suggestion struct{ what, command string }

// suggestions meet the demo at its ports on loopback.
func suggestions(door map[string]demo.Door, ca, token, dir string) []suggestion {
	resolver, edge := door["192.0.2.53:53"].Real, door["203.0.113.10:443"]
	other, admin := door["203.0.113.20:443"], door["192.0.2.1:80"].Real
	connect := fmt.Sprintf("--connect-to www.shop.test:443:%s", edge.Real)
	load := fmt.Sprintf("waypost load --resolver %s --ca %s --connect-to %s:%s --connect-to %s:%s", resolver, ca, edge.Own, edge.Real, other.Own, other.Real)
	explain := strings.Replace(load, "waypost load", fmt.Sprintf("waypost explain --ask http://%s --token-file %s", admin, token), 1)
	return []suggestion{
		{"ask the resolver", fmt.Sprintf("dig @%s -p %d www.shop.test", resolver.Addr(), resolver.Port())},
		{"a client elsewhere gets the other edge", fmt.Sprintf("dig @%s -p %d shop.cdn.test +subnet=198.18.0.0/24", door["198.51.100.4:53"].Real.Addr(), door["198.51.100.4:53"].Real.Port())},
		{"fetch through the edge", fmt.Sprintf("curl -i --cacert %s %s https://www.shop.test/", ca, connect)},
		{"an order that is too large: 413", fmt.Sprintf("head -c 5000000 /dev/zero | curl -i --cacert %s %s --data-binary @- https://www.shop.test/upload", ca, connect)},
		{"load the page from another process", load + " https://www.shop.test/"},
		{"every station's side of it", explain + " https://www.shop.test/"},
		{"the 504 question: who gave up, and what became of the answer", explain + " https://www.shop.test/slow"},
		{"a browser", fmt.Sprintf("chromium --user-data-dir=%s --ignore-certificate-errors --host-resolver-rules='MAP www.shop.test:443 %s' https://www.shop.test/", filepath.Join(dir, "chromium"), edge.Real)},
	}
}

// throughProxy meets the demo through the door of --listen.
func throughProxy(proxy net.Listener, ca, dir string) []suggestion {
	if proxy == nil {
		return nil
	}
	addr := proxy.Addr().String()
	return []suggestion{
		{"through the proxy, with the demo's own names", fmt.Sprintf("curl -i -x %s --cacert %s https://www.shop.test/", addr, ca)},
		{"a browser on the demo's internet", fmt.Sprintf("chromium --user-data-dir=%s --ignore-certificate-errors --proxy-server=%s https://www.shop.test/", filepath.Join(dir, "chromium"), addr)},
	}
}
