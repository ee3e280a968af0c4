package cache

import (
	"waypost/http/field"
)

// flag is something that a response says or is, or not.
type flag uint16

// Directives.
const (
	noStore flag = 1 << iota
	noCache
	private
	public
	mustRevalidate
	proxyRevalidate
	mustUnderstand
	immutable

	// What follows from them and from other fields.
	neverStale      // must-revalidate, or its like for the shared cache that this is
	sharedMaxAge    // this is a shared cache, and s-maxage is given
	invalidLifetime // the lifetime is 0 because what states it is invalid
	confirmable     // the origin can be asked whether it still holds
	varies          // there is a Vary field
	varyAny         // and it holds "*"
)

// control is what a Cache-Control response field says (RFC 9111 §5.2.2,
// RFC 5861, RFC 8246).
type control struct {
	flags                flag
	maxAge, sMaxAge      delta
	staleWhileRevalidate delta
	staleIfError         delta
	// withheld are the fields that qualified no-cache, and for a shared
	// cache qualified private, keep out of the store.
	withheld []string
	// broken: a quoted string does not end. Nothing is fresh by such a field.
	broken bool
}

func (c *control) has(f flag) bool { return c.flags&f != 0 }

// readCacheControl reads all Cache-Control lines. It reports false when
// there is none.
func (c *control) readCacheControl(fields field.Fields, shared bool) bool {
	found := false
	for i := range fields {
		if !field.Is(fields[i].Name, "Cache-Control") {
			continue
		}
		found = true
		list := membersOf(fields[i].Value)
		for member, ok := list.next(); ok; member, ok = list.next() {
			c.take(parseDirective(member), shared)
		}
		c.broken = c.broken || list.plain
	}
	return found
}

// take adds one directive. Unknown ones are ignored (RFC 9111 §5.2.3). What
// forbids counts even with an argument that it does not have; what permits
// counts only as it is defined.
func (c *control) take(d directive, shared bool) {
	clean := !d.hasArg && !d.broken
	switch len(d.name) {
	case 6:
		c.set(public, clean && field.Is(d.name, "public"))
	case 7:
		if field.Is(d.name, "max-age") {
			c.maxAge.take(d)
		} else if field.Is(d.name, "private") {
			c.qualify(d, private, shared)
		}
	case 8:
		if field.Is(d.name, "s-maxage") {
			c.sMaxAge.take(d)
		} else if field.Is(d.name, "no-cache") {
			c.qualify(d, noCache, true)
		}
		c.set(noStore, field.Is(d.name, "no-store"))
	case 9:
		c.set(immutable, clean && field.Is(d.name, "immutable"))
	case 14:
		if field.Is(d.name, "stale-if-error") {
			c.staleIfError.take(d)
		}
	case 15:
		c.set(mustRevalidate, field.Is(d.name, "must-revalidate"))
		c.set(mustUnderstand, clean && field.Is(d.name, "must-understand"))
	case 16:
		c.set(proxyRevalidate, field.Is(d.name, "proxy-revalidate"))
	case 22:
		if field.Is(d.name, "stale-while-revalidate") {
			c.staleWhileRevalidate.take(d)
		}
	}
}

func (c *control) set(f flag, yes bool) {
	if yes {
		c.flags |= f
	}
}

// qualify adds no-cache or private, which may be confined to some fields.
func (c *control) qualify(d directive, f flag, withhold bool) {
	names, ok := fieldNames(d)
	if !ok {
		c.flags |= f
		return
	}
	if withhold {
		c.withheld = append(c.withheld, names...)
	}
}
