package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/dns"
	"waypost/url"
)

// sites reads the sites of the edge e, which may be nil.
func (r configReader) sites(s *section, e *Edge) []cdn.Site {
	var sites []cdn.Site
	var at []*section
	taken := map[string]string{} // host → site
	s.each("sites", "The virtual hosts of the edge.", func(_ int, v *section) {
		site := cdn.Site{Policy: cdn.DefaultPolicy()}
		v.text("name", "The site's name, for people and for the cache key.", &site.Name)
		v.need("name", "name the site")
		if slices.ContainsFunc(sites, func(s cdn.Site) bool { return s.Name == site.Name && s.Name != "" }) {
			v.fail("name", "there is a site %q already", site.Name)
		}
		v.texts("hosts", "Host names that it answers to; *.example.net is every name below.", &site.Hosts)
		v.need("hosts", "name the hosts that the site answers to")
		for i, h := range site.Hosts {
			host, err := parseHost(h)
			if err != nil {
				v.fail("hosts", "%q: %v", h, err)
			} else if other, ok := taken[host]; ok {
				v.fail("hosts", "%q is a host of the site %q already", h, other)
			}
			site.Hosts[i], taken[host] = host, site.Name
		}
		if o := v.sub("origin", "Where the content comes from."); o != nil {
			r.siteOrigin(o, &site.Origin)
		}
		v.need("origin", "name the origin's URL")
		readList(v, "parents", "URL", "Edges that are asked before the origin, http or https, without a path: for each URL of the site the same one, another where that is gone, and then the origin. They serve the site under its own name. Purges are not passed on: each edge gives its own receipt, and parents are purged first.", &site.Origin.Parents, parseParentURL)
		if c := v.sub("parents_health", "Checks of the parents: each is asked for a word of its own (OPTIONS with Max-Forwards: 0, which no edge passes on), so they tell nothing of the origin. One that gives none, or does not serve the site, is passed over until it does. Without them the requests find out, as with origin.health. {} takes what applies where nothing is said."); c != nil {
			r.parentCheck(c, &site)
			if c.r.keys == nil && len(site.Origin.Parents) == 0 {
				v.fail("parents_health", "they are checks of the parents, and there are none")
			}
		}
		v.size("max_body", "Largest request body; more gets 413. 8MiB where nothing is said.", &site.Policy.MaxBody)
		v.duration("default_ttl", "Freshness of responses that state none; the heuristic of RFC 9111 §4.2.2 where nothing is said.", &site.Policy.DefaultTTL)
		v.flag("guard_cookies", "Store a response with Set-Cookie only where it speaks of shared caches: public, s-maxage or CDN-Cache-Control. With false, a lifetime is enough (RFC 9111 §7.3). false where nothing is said.", &site.Policy.GuardCookies)
		r.slice(v, &site.Policy.Slice)
		early := true
		v.flag("early_data", "Take safe requests before the TLS handshake is complete (0-RTT, HTTP/3 only): hits are answered at once, all else waits for the handshake. With false they get 425. true where nothing is said.", &early)
		site.Policy.NoEarlyData = !early
		if t := v.sub("timeouts", "Deadlines on the way back to the origin."); t != nil {
			t.duration("connect", "For a free connection, and for the TCP and TLS handshakes. 3s where nothing is said.", &site.Policy.ConnectTimeout)
			t.duration("first_byte", "From the request sent to the response's head. 15s where nothing is said.", &site.Policy.FirstByteTimeout)
			t.duration("idle", "Between two pieces of a body. 15s where nothing is said.", &site.Policy.IdleTimeout)
			t.duration("tunnel", "Silence, both ways, after which a tunnel (WebSocket) is closed. 5m where nothing is said: applications send a ping every minute or so.", &site.Policy.TunnelTimeout)
			t.done()
		}
		r.rules(v, &site)
		v.done()
		sites, at = append(sites, site), append(at, v)
	})
	r.apart(sites, at)
	r.fitting(e, sites, at)
	return sites
}

// Bounds of sites[].slice.
const (
	minSlice = 64 << 10 // a smaller one costs more in requests than in bytes
	maxSlice = 64 << 20 // a larger one is a file
)

func (r configReader) slice(v *section, slice *int64) {
	v.size("slice", "Fetch and hold large files in slices of this size, each when it is wanted, so that a range of a large file costs little, clients who want the same one at once share its fetching, and files are kept that are larger than one object may be (edge.memory); 1MiB suits most. A slice is no larger than one object may be. It wants an origin that answers Range with a strong ETag or an old Last-Modified. 0, which is what applies where nothing is said, has files fetched whole, and a range of what is not stored for each client by itself.", slice)
	if *slice != 0 && (*slice < minSlice || *slice > maxSlice) {
		v.fail("slice", "a slice has 64KiB to 64MiB")
	}
}

// parseHost reads a host as requests are matched with it: lower case, without
// port and final dot. A star stands for the labels in front, or alone for
// every host.
func parseHost(t string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(t, "."))
	name := strings.TrimPrefix(host, "*.")
	switch {
	case host == "*":
		return host, nil
	case strings.Contains(name, "*"):
		return host, fmt.Errorf("a * stands for whole labels in front, as in *.example.net")
	case strings.Contains(name, ":") && !strings.HasSuffix(name, "]"):
		return host, fmt.Errorf("write the host without a port: a site answers at every address of the edge")
	}
	_, err := dns.ParseName(name)
	return host, err
}

func (r configReader) siteOrigin(s *section, o *cdn.Origin) {
	readList(s, "urls", "URL", "The servers, http or https; they are spoken to in HTTP/1.1. A path goes before that of each request, and no request leads out of it. Where one fails the next is asked, three in all. When all have failed the client is told of the failure that says most: of a server that took the request and did not answer in time (504), else of an answer that is none, of a connection that ended, of TLS, of a connection that did not come about in time (504), and only then of one refused.", &o.URLs, parseOriginURL)
	s.need("urls", "name at least one URL such as http://127.0.0.1:8000")
	choice := "ordered"
	read(s, "choice", "ordered or turns", "ordered asks the first server that is well; turns gives each its share. ordered where nothing is said.", &choice, oneOf("ordered", "turns"))
	if choice == "turns" {
		o.Choice = cdn.ByTurns
	}
	readList(s, "weights", "number", "The shares of the urls with turns, in their order. Equal ones where nothing is said.", &o.Weights, parseNumber)
	if s.has("weights") && (len(o.Weights) != len(o.URLs) || choice != "turns") {
		s.fail("weights", "they go with choice: turns, one for each of the urls")
	}
	if c := s.sub("health", "Checks of the servers. Without them the requests find out: a server that fails three times in a row, or answers 502, 503 or 504 five times, is left alone for a second, then twice as long each time, up to a minute."); c != nil {
		r.check(c, &o.Check)
	}
	s.text("host", "Host sent to the origin; the client's where nothing is said.", &o.Host)
	s.flag("insecure_skip_verify", "Take any certificate from the origin. For tests only.", &o.InsecureSkipVerify)
	s.done()
}

func (r configReader) check(s *section, c *cdn.Check) {
	read(s, "path", "path", "What is asked for with GET; an answer below 400 is a good one.", &c.Path, func(t string) (string, error) {
		if !strings.HasPrefix(t, "/") {
			return t, errors.New("a path begins with /")
		}
		return t, nil
	})
	s.need("path", "name the path that the checks ask for, such as /healthz")
	pace(s, &c.Interval, &c.Timeout, &c.Up, &c.Down)
	s.done()
}

func (r configReader) parentCheck(s *section, site *cdn.Site) {
	c := &site.Origin.ParentCheck
	read(s, "host", "host", "The host of the site that the checks are for. Its first one without a * where nothing is said.", &c.Host, parseHost)
	pace(s, &c.Interval, &c.Timeout, &c.Up, &c.Down)
	s.done()
	if c.Host == "" {
		if i := slices.IndexFunc(site.Hosts, func(h string) bool { return !strings.Contains(h, "*") }); i >= 0 {
			c.Host = site.Hosts[i]
		}
	}
	switch {
	case s.r.keys != nil: // no values to judge
	case c.Host == "" || strings.Contains(c.Host, "*"):
		s.fail("host", "name a host of the site without a *: the parents are asked for it")
	case cdn.Match([]cdn.Site{*site}, c.Host) == nil:
		s.fail("host", "%q is no host of the site", c.Host)
	}
}

// pace reads how often a server is checked, and what that decides.
func pace(s *section, interval, timeout *time.Duration, up, down *int) {
	s.duration("interval", "From one check to the next. 5s where nothing is said.", interval)
	s.duration("timeout", "For one check. 2s where nothing is said.", timeout)
	read(s, "up", "number", "Good checks in a row that find a server well. 2 where nothing is said.", up, parseNumber)
	read(s, "down", "number", "Bad checks in a row that find it ill. 3 where nothing is said.", down, parseNumber)
}

func parseParentURL(t string) (string, error) {
	t, err := parseOriginURL(t)
	if err == nil && strings.Count(t, "/") > 2 {
		err = errors.New("a parent's URL has no path: it serves the site as this edge does")
	}
	return t, err
}

func parseOriginURL(t string) (string, error) {
	u, err := url.Parse(t, nil)
	if err != nil {
		return "", err
	}
	switch s := u.Scheme(); {
	case s != "http" && s != "https":
		return "", errors.New("an origin is reached by http or https")
	case u.Username() != "" || u.Password() != "":
		return "", errors.New("an origin's URL holds no user and no password")
	case strings.ContainsAny(t, "?#"):
		return "", errors.New("an origin's URL holds no query and no fragment: they are the request's")
	}
	return strings.TrimSuffix(t, "/"), nil
}
