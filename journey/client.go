package journey

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"waypost/browser"
	"waypost/dns"
	"waypost/dns/resolver"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/trace"
)

// client is the part of a host that asks: its stub resolver, its browser and
// its connections. It is made at the first action.
type client struct {
	resolvers []netip.AddrPort
	names     *resolver.Resolver
	browsers  map[string]*browser.Browser // by version of HTTP; they share one profile
	fetchers  map[string]*fetch.Client
	profile   *browser.Profile
	station   *trace.Station
}

// clientOf makes what h asks with.
func (w *world) clientOf(h *host) *client {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h.client != nil {
		return h.client
	}
	if h.browser == nil {
		h.browser = w.station("browser " + h.name)
	}
	c := &client{
		resolvers: h.resolvers, browsers: map[string]*browser.Browser{}, fetchers: map[string]*fetch.Client{},
		profile: browser.NewProfile(0), station: h.browser,
	}
	config := resolver.Config{Network: h, Rand: w.random("names " + h.name), TracePeers: everybody}
	if len(c.resolvers) > 0 {
		config.Forward = []resolver.Forward{{Zone: dns.Root, Servers: c.resolvers}}
	}
	c.names = resolver.New(config)
	h.client = c
	return c
}

// fetcher is the host's HTTP client for a version.
func (w *world) fetcher(h *host, version string) *fetch.Client {
	c := w.clientOf(h)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := c.fetchers[version]
	if f == nil {
		f = &fetch.Client{Network: h, Names: c.names, Roots: w.ca.Pool(), Sessions: c.profile.TLS}
		speak(f, version)
		c.fetchers[version] = f
	}
	return f
}

// browser is the host's browser for a version.
func (w *world) browser(h *host, version string) *browser.Browser {
	f := w.fetcher(h, version)
	c := h.client
	w.mu.Lock()
	defer w.mu.Unlock()
	b := c.browsers[version]
	if b == nil {
		b = &browser.Browser{Fetch: f, Station: c.station, Profile: c.profile}
		c.browsers[version] = b
	}
	return b
}

// versions of HTTP that an action can insist on. http2 is offered by ALPN
// beside http1.1; any goes on to HTTP/3 where a server names it (Alt-Svc).
var versions = []string{"http1.1", "http2", "http3", "any"}

func speak(f *fetch.Client, version string) {
	f.HTTP2 = version != "http1.1"
	f.EarlyData = true // as browsers do: over HTTP/3, where they have been before
	switch version {
	case "http3":
		f.HTTP3 = fetch.HTTP3Only
	case "any":
		f.HTTP3 = fetch.HTTP3Prefer
	}
}

// everybody is whom the stations of a journey trust.
var everybody = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// version takes a version of HTTP, if one is there.
func (a *args) version(v *string) bool {
	w := a.peek()
	for _, known := range versions {
		if w.is(known) {
			a.take()
			*v = known
			return true
		}
	}
	return false
}

// loadAction is load HOST URL [reload|hard-reload] ….
type loadAction struct {
	host, url, version, name string
	options                  browser.Options
	fresh                    bool
	within                   time.Duration
}

func parseLoad(a *args) action {
	l := &loadAction{version: "http2", within: actionPatience}
	l.options.Trace = true
	l.host = a.of("host")
	l.url = a.want("what to load").text
	for a.more() && !a.failed {
		switch {
		case a.keyword("reload"):
			l.options.Mode = cache.Reload
		case a.keyword("hard-reload"):
			l.options.Mode = cache.HardReload
		case a.keyword("document-only"):
			l.options.DocumentOnly = true
		case a.keyword("fresh"):
			l.fresh = true
		case a.keyword("keep-alive"):
			l.options.KeepConnections = true
		case a.version(&l.version):
		case a.keyword("within"):
			l.within = a.duration("how long")
		case a.keyword("as"):
			l.name = a.as("result")
		default:
			return l // what is left is refused by the caller
		}
	}
	return l
}

func (l *loadAction) do(t *task) error {
	if l.fresh {
		t.forget(t.hosts[l.host])
	}
	b := t.browser(t.hosts[l.host], l.version)
	return t.result("load", l.name, func(ctx context.Context, r *result) {
		ctx, cancel := context.WithTimeout(ctx, l.within)
		defer cancel()
		loaded, err := b.Load(ctx, t.expand(l.url), l.options)
		r.trace = loaded.Trace
		r.response = &Response{
			Status: loaded.Status, URL: loaded.URL, Body: string(loaded.Document), Size: len(loaded.Document), SHA256: digest(loaded.Document),
			Title: loaded.Title, Resources: loaded.Wanted, Failed: loaded.Failed, Requests: loaded.Requests,
			Cached: loaded.Cached, Redirects: loaded.Redirects, Bytes: loaded.Bytes, Fault: string(loaded.Fault),
		}
		if err != nil {
			r.response.Error = err.Error()
		}
	})
}

// forgetAction is forget HOST: a new profile, a new resolver, no connection.
type forgetAction struct{ host string }

func parseForget(a *args) action { return &forgetAction{a.of("host")} }

func (f *forgetAction) do(t *task) error {
	t.forget(t.hosts[f.host])
	return nil
}

func (w *world) forget(h *host) {
	w.mu.Lock()
	c := h.client
	h.client = nil
	w.mu.Unlock()
	c.close()
}

// close ends the client's connections.
func (c *client) close() {
	if c == nil {
		return
	}
	for _, f := range c.fetchers {
		_ = f.Close() // only ever nil
	}
}

// expand puts the number of the round in the place of $n.
func (t *task) expand(s string) string {
	return strings.ReplaceAll(s, "$n", fmt.Sprint(t.round))
}
