package cache

import (
	"time"

	"waypost/http/field"
)

// wishes are what a request asks of caches (RFC 9111 §5.2.1, §5.4).
type wishes struct {
	noCache, noStore, onlyIfCached bool
	pragma                         bool // Pragma: no-cache, without a Cache-Control field
	maxAge, minFresh, staleIfError delta
	maxStale                       delta
	anyStale                       bool // max-stale without a bound
	authorized                     bool // there is an Authorization field
	// forOrigin: preconditions that only an origin evaluates (RFC 9111 §4.3.2).
	forOrigin bool
}

// readWishes looks at each field line once: this is on the path of a hit.
func readWishes(rules *Rules, fields field.Fields) wishes {
	var w wishes
	pragma, controlled := false, false
	for i := range fields {
		name := fields[i].Name
		switch len(name) {
		case 6:
			if field.Is(name, "Pragma") {
				pragma = pragma || isNoCache(fields[i].Value)
			}
		case 8:
			w.forOrigin = w.forOrigin || field.Is(name, "If-Match")
		case 13:
			if field.Is(name, "Cache-Control") {
				controlled = true
				w.read(fields[i].Value)
			} else if field.Is(name, "Authorization") {
				w.authorized = true
			}
		case 19:
			w.forOrigin = w.forOrigin || field.Is(name, "If-Unmodified-Since")
		}
	}
	w.pragma = pragma && !controlled
	if rules.IgnoreRequest {
		w = wishes{noStore: w.noStore, onlyIfCached: w.onlyIfCached, authorized: w.authorized, forOrigin: w.forOrigin}
	}
	return w
}

func (w *wishes) read(value string) {
	list := membersOf(value)
	for member, ok := list.next(); ok; member, ok = list.next() {
		w.take(parseDirective(member))
	}
}

func (w *wishes) take(d directive) {
	switch len(d.name) {
	case 7:
		if field.Is(d.name, "max-age") {
			w.maxAge.take(d) // an invalid one counts as 0: the client wants it fresh
		}
	case 8:
		w.noCache = w.noCache || field.Is(d.name, "no-cache")
		w.noStore = w.noStore || field.Is(d.name, "no-store")
	case 9:
		if field.Is(d.name, "min-fresh") {
			w.minFresh.take(d)
		} else if field.Is(d.name, "max-stale") {
			if d.hasArg || d.broken {
				w.maxStale.take(d)
			} else {
				w.anyStale = true
			}
		}
	case 14:
		w.onlyIfCached = w.onlyIfCached || field.Is(d.name, "only-if-cached")
		if field.Is(d.name, "stale-if-error") {
			w.staleIfError.take(d)
		}
	}
}

// takesStale reports whether the client takes what has been stale for that
// long (RFC 9111 §5.2.1.2). A bound says less than none, and wins over it.
func (w *wishes) takesStale(staleness time.Duration) bool {
	if w.maxStale.given {
		return !w.maxStale.invalid && staleness <= w.maxStale.value
	}
	return w.anyStale
}

// isNoCache reports whether a Pragma value holds no-cache (RFC 9111 §5.4).
func isNoCache(value string) bool {
	for e := range field.Elements(value) {
		if field.Is(e, "no-cache") {
			return true
		}
	}
	return false
}
