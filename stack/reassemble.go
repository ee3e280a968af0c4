package stack

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// The bounds of reassembly. Fragments are the cheapest way to make a host
// keep what it will never use.
const (
	// reassemblyTime is how long the parts of a packet are waited for: Linux's
	// 30 s, between the 15 s of RFC 791 §3.2 and the 60 s of RFC 8200 §4.5.
	reassemblyTime = 30 * time.Second
	// maxReassembly bounds the bytes of all unfinished packets: sixteen of
	// the largest.
	maxReassembly = 1 << 20
	// maxUnfinished bounds their number, for each costs more than its bytes.
	maxUnfinished = 256
	// maxFragments bounds the parts of one packet: the largest packet in the
	// smallest MTU of IPv4 that is in use, 576 bytes, has 119.
	maxFragments = 128
	maxPayload   = 65535
)

// fragmentKey names the packet that a fragment is part of.
type fragmentKey struct {
	src, dst netip.Addr
	protocol packet.Protocol // of IPv4 only: RFC 8200 §4.5 leaves it to the first fragment
	id       uint32
}

// reassembly is what is there of packets that have not arrived in full.
type reassembly struct {
	unfinished map[fragmentKey]*unfinished
	oldest     []*unfinished // in the order of their first fragments
	bytes      int
}

// unfinished is one packet in the making (RFC 815).
type unfinished struct {
	host  *Host
	key   fragmentKey
	bytes []byte
	parts []span // what is there, in order and apart
	whole int    // the payload's length; -1: the last fragment is missing
	first []byte // the start of the packet, for an ICMP error
	// protocol is what the first fragment says that the payload is.
	protocol packet.Protocol
	timer    timer
}

// span is a range of bytes: from start on, before end.
type span struct{ start, end int }

// reassemble takes a fragment and reports whether it was the last one
// missing. Then d has the whole payload, and the protocol of the first
// fragment.
func (h *Host) reassemble(key fragmentKey, offset int, more bool, d *datagram) (whole bool) {
	end := offset + len(d.payload)
	if len(d.payload) == 0 || more && len(d.payload)%8 != 0 || end > maxPayload {
		h.stats.FragmentDropped++
		return false
	}
	u := h.unfinishedPacket(key)
	again, fits := u.insert(span{offset, end}, more)
	if !fits || again && !bytes.Equal(u.bytes[offset:end], d.payload) {
		// RFC 5722 §4, RFC 8200 §4.5: fragments that overlap, or do not agree
		// where the packet ends, are an attack: the packet is given up. The
		// same holds here for IPv4.
		h.stats.FragmentDropped += len(u.parts) + 1
		h.giveUp(u)
		return false
	}
	if offset == 0 {
		u.protocol = d.protocol
		u.first = slices.Clone(packet.Quote(d.packet))
	}
	if grown := end - len(u.bytes); grown > 0 {
		u.bytes = append(u.bytes, make([]byte, grown)...)
		h.fragments.bytes += grown
	}
	copy(u.bytes[offset:], d.payload)
	if u.whole >= 0 && len(u.parts) == 1 && u.parts[0] == (span{0, u.whole}) {
		h.giveUp(u)
		d.payload, d.protocol = u.bytes, u.protocol
		return true
	}
	for h.fragments.bytes > maxReassembly || len(h.fragments.unfinished) > maxUnfinished {
		h.stats.FragmentDropped += len(h.fragments.oldest[0].parts)
		h.giveUp(h.fragments.oldest[0])
	}
	return false
}

// unfinishedPacket finds the packet of a key or begins it.
func (h *Host) unfinishedPacket(key fragmentKey) *unfinished {
	f := &h.fragments
	if u := f.unfinished[key]; u != nil {
		return u
	}
	if f.unfinished == nil {
		f.unfinished = make(map[fragmentKey]*unfinished)
	}
	u := &unfinished{host: h, key: key, whole: -1}
	u.timer.owner = u
	f.unfinished[key] = u
	f.oldest = append(f.oldest, u)
	h.set(&u.timer, h.time+reassemblyTime)
	return u
}

// insert marks a range as there and reports whether it was so before (again)
// and whether it fits to the others. The same bytes once more are not an
// overlap (RFC 8200 §4.5).
func (u *unfinished) insert(s span, more bool) (again, fits bool) {
	if !more {
		if u.whole >= 0 && u.whole != s.end {
			return false, false
		}
		u.whole = s.end
	}
	if u.whole >= 0 && (s.end > u.whole || len(u.bytes) > u.whole) {
		return false, false
	}
	at, _ := slices.BinarySearchFunc(u.parts, s, func(p, s span) int { return p.start - s.start })
	if at < len(u.parts) && u.parts[at].start < s.end {
		again = u.parts[at].start <= s.start && s.end <= u.parts[at].end
		return again, again
	}
	if at > 0 && s.start < u.parts[at-1].end {
		again = s.end <= u.parts[at-1].end
		return again, again
	}
	u.parts = slices.Insert(u.parts, at, s)
	if at+1 < len(u.parts) && u.parts[at+1].start == s.end {
		u.parts[at].end = u.parts[at+1].end
		u.parts = slices.Delete(u.parts, at+1, at+2)
	}
	if at > 0 && u.parts[at-1].end == s.start {
		u.parts[at-1].end = u.parts[at].end
		u.parts = slices.Delete(u.parts, at, at+1)
	}
	return false, len(u.parts) <= maxFragments
}

// giveUp forgets a packet.
func (h *Host) giveUp(u *unfinished) {
	f := &h.fragments
	h.unset(&u.timer)
	delete(f.unfinished, u.key)
	f.oldest = slices.DeleteFunc(f.oldest, func(o *unfinished) bool { return o == u })
	f.bytes -= len(u.bytes)
}

// expire implements expirer: the rest did not come. The sender is told when
// the first fragment is there, which names the conversation (RFC 1122
// §3.3.2, RFC 8200 §4.5).
func (u *unfinished) expire(tcp.Time, timerKind) {
	u.host.stats.FragmentDropped += len(u.parts)
	u.host.giveUp(u)
	if u.first != nil {
		u.host.sendError(u.first, errorMessage{what: reassemblyExceeded})
	}
}
