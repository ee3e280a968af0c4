package stack

import (
	"net/netip"
	"time"

	"waypost/tcp"
)

const (
	// pathMTUTime is how long a path MTU is believed (RFC 1191 §6.3, RFC 8201
	// §5.3: ten minutes).
	pathMTUTime = 10 * time.Minute
	// maxPathMTUs bounds what is remembered of paths.
	maxPathMTUs = 1024
)

// pathMTUs is what path MTU discovery found (RFC 1191, RFC 8201), by
// destination.
type pathMTUs map[netip.Addr]knownMTU

type knownMTU struct {
	mtu   int
	until tcp.Time
}

// pathMTU is the largest packet that reaches dst, as far as is known; link
// is the MTU of the first link. It holds before until, and then the link's is
// tried again.
func (h *Host) pathMTU(dst netip.Addr, link int) (mtu int, until tcp.Time) {
	if len(h.pathMTUs) == 0 {
		return link, never
	}
	k, ok := h.pathMTUs[dst]
	if !ok || k.mtu >= link {
		return link, never
	}
	if h.time >= k.until {
		delete(h.pathMTUs, dst)
		return link, never
	}
	return k.mtu, k.until
}

// learnMTU takes in that packets larger than mtu do not reach dst, where
// mtu 0 says that a packet of so many bytes was too big for a router that
// does not say more (RFC 1191 §5). It returns the MTU to use, or 0 when the
// message is not to be believed.
func (h *Host) learnMTU(dst netip.Addr, mtu, sent int) int {
	least := minPathMTU
	if dst.Is6() {
		least = minMTUv6 // RFC 8201 §4: less is ignored
		if mtu < least {
			return 0
		}
	}
	if mtu == 0 || mtu >= sent && sent > 0 {
		mtu = plateau(sent)
	}
	mtu = max(mtu, least)
	if k, ok := h.pathMTUs[dst]; ok && k.mtu <= mtu && h.time < k.until {
		return k.mtu
	}
	if len(h.pathMTUs) >= maxPathMTUs {
		h.forgetMTU()
	}
	h.pathMTUs[dst] = knownMTU{mtu, h.time + pathMTUTime}
	h.generation++
	return mtu
}

// minPathMTU is the smallest MTU that is believed over IPv4: Linux's
// min_pmtu. RFC 1191 §3 allows 68, with which a stranger could make every
// packet tiny.
const minPathMTU = 552

// forgetMTU makes room: the entry that would end first goes.
func (h *Host) forgetMTU() {
	var first netip.Addr
	for a, k := range h.pathMTUs {
		if f := h.pathMTUs[first]; !first.IsValid() || k.until < f.until || k.until == f.until && a.Less(first) {
			first = a
		}
	}
	delete(h.pathMTUs, first)
}

// plateau is the next smaller of the MTUs that are in use (RFC 1191 §7).
func plateau(sent int) int {
	for _, mtu := range [...]int{32000, 17914, 8166, 4352, 2002, 1492, 1006, minPathMTU} {
		if mtu < sent {
			return mtu
		}
	}
	return minPathMTU
}
