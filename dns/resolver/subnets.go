package resolver

import (
	"net/netip"
	"time"
)

// bySubnet is all that is kept of one question: at most one answer for
// everybody, and some for client subnets (RFC 7871 §7.3.1). It does not
// change; the nil *bySubnet is empty.
type bySubnet[T scoped] struct {
	all   T
	local []T // oldest first
}

// scoped is an answer that holds for some clients for some time. The zero
// value is none.
type scoped interface {
	comparable
	where() netip.Prefix // invalid or without bits: everybody
	expires() time.Time
}

// pick returns the answer for a client: that of the longest subnet that
// holds it, else the one for everybody, else the zero value. A client without
// prefix is everybody.
func (b *bySubnet[T]) pick(client netip.Prefix, now time.Time) T {
	var best, none T
	for _, v := range b.local {
		if p := v.where(); client.IsValid() && p.Bits() <= client.Bits() && p.Contains(client.Addr()) &&
			now.Before(v.expires()) && (best == none || p.Bits() > best.where().Bits()) {
			best = v
		}
	}
	if best == none && b.all != none && now.Before(b.all.expires()) {
		best = b.all
	}
	return best
}

// with is b with v in it, in place of the one that it replaces, and without
// those that have expired or are too many.
func (b *bySubnet[T]) with(v T, now time.Time) *bySubnet[T] {
	next := new(bySubnet[T])
	if b != nil {
		next.all = b.all
		for _, o := range b.local {
			if o.where() != v.where() && now.Before(o.expires()) {
				next.local = append(next.local, o)
			}
		}
	}
	if v.where().Bits() <= 0 {
		next.all = v
		return next
	}
	next.local = append(next.local, v)
	next.local = next.local[max(0, len(next.local)-maxSubnets):]
	return next
}

// each calls f with every answer.
func (b *bySubnet[T]) each(f func(T)) {
	var none T
	if b.all != none {
		f(b.all)
	}
	for _, v := range b.local {
		f(v)
	}
}
