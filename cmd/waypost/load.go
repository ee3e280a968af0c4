package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"waypost/browser"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/link"
	"waypost/trace"
	"waypost/url"
)

// client are the flags of commands that load pages.
type client struct {
	names       names
	connections connections
	search      string
	timeout     time.Duration
	reload      bool
	hardReload  bool
	http1       bool
	http3       string
}

func (c *client) flags(cmd *cobra.Command) {
	c.names.flags(cmd)
	c.connections.flags(cmd)
	cmd.Flags().StringVar(&c.search, "search", "", "`URL` that takes what is no address, with %s for the words (default: none)")
	cmd.Flags().DurationVar(&c.timeout, "timeout", time.Minute, "bound on the whole load")
	cmd.Flags().BoolVar(&c.http1, "http1.1", false, "speak neither HTTP/2 nor HTTP/3")
	cmd.Flags().StringVar(&c.http3, "http3", "prefer", "speak HTTP/3: `MODE` prefer (where Alt-Svc names it, else TCP), only (never TCP) or no")
}

// check looks at what is to be loaded, and where its record is to go, before
// anything is done.
func (c *client) check(typed string, out *output) error {
	if _, err := url.FromAddressBar(typed, c.search); err != nil {
		if c.search == "" && !errors.Is(err, url.ErrSecret) {
			err = fmt.Errorf("%w (--search URL names one)", err)
		}
		return usage(err)
	}
	if _, err := c.quic(); err != nil {
		return usage(err)
	}
	if c.timeout <= 0 {
		return usage(fmt.Errorf("--timeout %v: a time above zero is wanted", c.timeout))
	}
	return out.check()
}

// quic says when HTTP/3 is spoken.
func (c *client) quic() (fetch.HTTP3, error) {
	switch {
	case c.http1 && c.http3 == "only":
		return 0, errors.New("--http1.1 and --http3 only: one of them is wanted")
	case c.http1, c.http3 == "no":
		return fetch.HTTP3Off, nil
	case c.http3 == "prefer":
		return fetch.HTTP3Prefer, nil
	case c.http3 == "only":
		return fetch.HTTP3Only, nil
	}
	return 0, fmt.Errorf("--http3 %s: prefer, only or no is wanted", c.http3)
}

// newBrowser makes the browser that the flags describe.
func (c *client) newBrowser(r trace.Recorder) (*browser.Browser, error) {
	hosts, network, err := c.connections.routes(link.OS{})
	if err != nil {
		return nil, err
	}
	roots, err := c.connections.roots()
	if err != nil {
		return nil, err
	}
	resolve, err := c.names.resolver(network)
	if err != nil {
		return nil, err
	}
	http3, err := c.quic()
	if err != nil {
		return nil, err
	}
	profile := browser.NewProfile(0)
	return &browser.Browser{
		Fetch: &fetch.Client{
			Network: network, Names: resolve, Roots: roots, ConnectTo: hosts, Sessions: profile.TLS,
			InsecureSkipVerify: c.connections.insecure, HTTP2: !c.http1, HTTP3: http3, EarlyData: true,
		},
		Station: &trace.Station{Name: "browser", Recorder: r},
		Profile: profile,
		Search:  c.search,
	}, nil
}

// options are the user's wishes for a load.
func (c *client) options() browser.Options {
	o := browser.Options{}
	switch {
	case c.hardReload:
		o.Mode = cache.HardReload
	case c.reload:
		o.Mode = cache.Reload
	}
	return o
}

func newLoad() *cobra.Command {
	var c client
	var out output
	var times int
	cmd := &cobra.Command{
		Use:   "load URL",
		Short: "Load a page as a browser does and show every step",
		Long: `load takes what one types into an address bar and goes the whole road: URL,
remembered redirects, private cache, names, connections, TLS, HTTP, the document
and its subresources. It prints each step with its time, and each decision with
its reason and the clause behind it. A load that fails is shown up to the
failure, and the exit code is 1.`,
		Example: `  waypost load https://www.example.com/
  waypost load example.com --iterate --times 2
  waypost load https://www.example.test/ --resolver 127.0.0.1:5300 --ca ca.pem
  waypost load https://www.example.com/ --json record.json --svg waterfall.svg --brief`,
		Args: exactArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if times < 1 || times > 100 {
				return usage(fmt.Errorf("--times %d: from 1 to 100", times))
			}
			if err := c.check(args[0], &out); err != nil {
				return err
			}
			loads, failure := c.load(cmd.Context(), args[0], times, c.options())
			return errors.Join(out.write(loads, styleOf(os.Stdout)), failure)
		},
	}
	c.flags(cmd)
	out.flags(cmd)
	cmd.Flags().IntVar(&times, "times", 1, "load it this often, keeping the browser's memory, and say what changed")
	cmd.Flags().BoolVar(&c.reload, "reload", false, "as the reload button: ask again for what is stored")
	cmd.Flags().BoolVar(&c.hardReload, "hard-reload", false, "as reload with shift: use nothing that is stored")
	cmd.MarkFlagsMutuallyExclusive("reload", "hard-reload")
	return cmd
}

// load loads a page this often with one browser, or until it fails. The loads
// are those made, the failed one too; none where no browser could be made.
func (c *client) load(ctx context.Context, typed string, times int, o browser.Options) (loads []trace.Load, failure error) {
	var ring trace.Ring
	p := newProgress(&ring)
	defer p.clear()
	b, err := c.newBrowser(p)
	if err != nil {
		return nil, err
	}
	defer b.Fetch.Close()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for range times {
		l, failure := loadOnce(ctx, b, &ring, typed, o)
		loads = append(loads, l)
		if failure != nil {
			return loads, failure
		}
	}
	return loads, nil
}

// loadOnce loads a page and takes its record out of ring.
func loadOnce(ctx context.Context, b *browser.Browser, ring *trace.Ring, typed string, o browser.Options) (trace.Load, error) {
	result, err := b.Load(ctx, typed, o)
	events, missed := ring.Events(result.Trace)
	l := trace.NewLoad(result.Typed, result.Trace, events) // without a password
	l.Missed, l.Fault = missed, string(result.Fault)
	return l, err
}
