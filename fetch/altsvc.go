package fetch

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
)

// This file is Alt-Svc (RFC 7838): where else an origin's resources are to be
// had. Of all alternatives only HTTP/3 counts; the others would bring nothing
// that the origin itself has not.

// Limits of what origins can have us remember.
const (
	// maxAlternatives bounds the origins remembered; beyond it one is
	// forgotten for a new one.
	maxAlternatives = 1024
	// maxAltSvc bounds the bytes of a field that is looked at.
	maxAltSvc = 2 << 10
	// maxAltAge bounds how long one is believed, whatever it says. A day is
	// the default (RFC 7838 §3.1), a month what large sites send.
	maxAltAge = 30 * 24 * time.Hour
	// defaultAltAge is ma's (RFC 7838 §3.1).
	defaultAltAge = 24 * time.Hour
	// altBroken is how long one that failed is left alone: the first step of
	// what browsers do.
	altBroken = 5 * time.Minute
)

// alternative is where an origin is also served, over HTTP/3.
type alternative struct {
	host     string // "" is the origin's own
	port     uint16
	lifetime time.Duration // from when the response was made
	expires  time.Time
	persist  bool // it outlasts a change of network (RFC 7838 §2.2)
}

// authority is how Alt-Used names it (RFC 7838 §5).
func (a alternative) authority(host string) string {
	if a.host != "" {
		host = a.host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(a.port)))
}

// alternatives is what is remembered of origins, by their plain targets. The
// zero value is empty.
type alternatives struct {
	mu      sync.Mutex
	known   map[target]alternative
	brokens map[target]time.Time // until when
}

// find returns the origin's alternative, if there is one that may be tried.
func (a *alternatives) find(origin target, now time.Time) (alternative, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	alt, ok := a.known[origin]
	if !ok {
		return alternative{}, false
	}
	if !now.Before(alt.expires) {
		delete(a.known, origin)
		return alternative{}, false
	}
	return alt, !now.Before(a.brokens[origin])
}

// note takes in the field values of a response from an origin: they replace
// what was known (RFC 7838 §3.1).
func (a *alternatives) note(origin target, values []string, age time.Duration, now time.Time) {
	alt, said := parseAltSvc(values)
	if !said {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.known[origin]
	alt.expires = now.Add(min(alt.lifetime, maxAltAge) - age)
	switch {
	case alt.port == 0 || alt.lifetime == 0:
		delete(a.known, origin)
		return
	case !now.Before(alt.expires):
		return // it speaks of the past
	case a.known == nil:
		a.known, a.brokens = map[target]alternative{}, map[target]time.Time{}
	case !known && len(a.known) >= maxAlternatives:
		for other := range a.known { // any: no origin can choose whom it displaces
			delete(a.known, other)
			delete(a.brokens, other)
			break
		}
	}
	a.known[origin] = alt
}

// broken leaves the origin's alternative alone for a while.
func (a *alternatives) broken(origin target, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.known[origin]; ok {
		a.brokens[origin] = now.Add(altBroken)
	}
}

// works takes back that it is broken.
func (a *alternatives) works(origin target) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.brokens, origin)
}

// forget drops the origin's alternative.
func (a *alternatives) forget(origin target) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, origin)
	delete(a.brokens, origin)
}

// NetworkChanged forgets the alternatives that were learnt on another network
// and are not said to persist (RFC 7838 §2.2), and which of them failed there.
func (c *Client) NetworkChanged() {
	a := &c.alternatives
	a.mu.Lock()
	defer a.mu.Unlock()
	for origin, alt := range a.known {
		if !alt.persist {
			delete(a.known, origin)
		}
	}
	clear(a.brokens)
}

// parseAltSvc returns the first HTTP/3 alternative of a field (RFC 7838 §3),
// one without a port where it names none, or clears all. said is false where
// nothing of it is Alt-Svc.
func parseAltSvc(values []string) (alt alternative, said bool) {
	for _, v := range values {
		if len(v) > maxAltSvc {
			continue
		}
		if strings.TrimSpace(v) == "clear" {
			return alternative{}, true
		}
		for member := range field.Elements(v) {
			id, a, ok := parseAlternative(member)
			said = said || ok
			if ok && id == "h3" && alt.port == 0 {
				alt = a
			}
		}
	}
	return alt, said
}

// parseAlternative reads protocol-id=authority and its parameters.
func parseAlternative(s string) (id string, a alternative, ok bool) {
	head, rest, _ := strings.Cut(s, ";")
	id, authority, found := strings.Cut(strings.TrimSpace(head), "=")
	if !found || id == "" || len(authority) < 2 || authority[0] != '"' || authority[len(authority)-1] != '"' {
		return "", a, false
	}
	host, port, err := net.SplitHostPort(authority[1 : len(authority)-1])
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || strings.ContainsAny(host, "\"\\ /?#@%") {
		return "", a, false
	}
	a.lifetime = defaultAltAge
	for p := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "ma":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return "", a, false
			}
			a.lifetime = time.Duration(seconds) * time.Second
		case "persist":
			a.persist = value == "1" // RFC 7838 §3.1: others are ignored
		}
	}
	a.host, a.port = strings.ToLower(host), uint16(n)
	return id, a, true
}

// chooseHTTP3 sends an exchange to HTTP/3 where that is wanted and to be had.
func (c *Client) chooseHTTP3(x *exchange) {
	if !x.plain.secure() || x.plain.h1 {
		return
	}
	switch c.HTTP3 {
	case HTTP3Only:
		x.to.h3 = true
	case HTTP3Prefer:
		alt, ok := c.alternatives.find(x.plain, time.Now())
		if !ok {
			return
		}
		to := x.plain
		to.h3, to.alternative = true, true
		host := x.plain.host
		if alt.host != "" {
			host = alt.host
		}
		var err error
		if to.toHost, to.toPort, err = connectTo(c.ConnectTo, host, alt.port); err != nil {
			return
		}
		x.to, x.altUsed = to, alt.authority(x.plain.host)
	}
}

// fallBack sends an exchange to the origin itself when no connection to the
// alternative came about (RFC 7838 §2.4), and reports whether it did. A
// request that left before the handshake was complete, and could not have
// been replayed without harm else, counts among those that had none.
func (x *exchange) fallBack() bool {
	if !x.to.alternative || x.on != nil && x.on.settled() {
		return false
	}
	x.client.alternatives.broken(x.plain, time.Now())
	x.to, x.altUsed = x.plain, ""
	return true
}

// outgoing is the request as it is sent: one to an alternative says so.
func (x *exchange) outgoing() *wire.Request {
	if x.altUsed == "" {
		return &x.request
	}
	r := x.request
	r.Fields = append(r.Fields[:len(r.Fields):len(r.Fields)], field.Line{Name: "Alt-Used", Value: x.altUsed})
	return &r
}

// noteAlternatives learns from a response. Only what came over TLS with a
// certificate for the origin is believed (RFC 7838 §2.1), which the handshake
// has made sure of.
func (x *exchange) noteAlternatives(r *wire.Response) {
	c := x.client
	if c.HTTP3 != HTTP3Prefer || !x.plain.secure() {
		return
	}
	origin := x.plain
	origin.h1 = false // what upgrades learn is for all
	switch {
	case x.to.alternative && r.Status == 421 /* Misdirected Request */ :
		c.alternatives.forget(origin) // RFC 7838 §6
		return
	case x.to.alternative:
		c.alternatives.works(origin)
	}
	var values []string
	for _, l := range r.Fields {
		if field.Is(l.Name, "Alt-Svc") {
			values = append(values, l.Value)
		}
	}
	if len(values) == 0 {
		return
	}
	seconds, err := strconv.ParseUint(r.Fields.Get("Age"), 10, 31)
	if err != nil {
		seconds = 0
	}
	c.alternatives.note(origin, values, time.Duration(seconds)*time.Second, time.Now())
}
