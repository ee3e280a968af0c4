package tcp

import (
	"net/netip"
	"time"

	"waypost/packet"
)

// A SYN cookie (RFC 4987 §3.6) is an initial sequence number that holds what
// a half-open connection would have to remember: five bits of a slow clock,
// three bits that stand for the peer's MSS, and 24 bits that only we can
// compute. Window scale and SACK have no room there; they travel in the low
// bits of our timestamp, which the peer echoes. A peer without timestamps
// goes without them.

const (
	// cookieTick is the clock's step; a cookie is good for cookieLife steps.
	cookieTick = 64 * time.Second
	cookieLife = 2

	cookieBits  = 24
	stampBits   = 5    // of the timestamp: SACK and four of window scale
	noScale     = 0x0f // in the four bits: the peer does not scale
	cookieHeard = cookieTick * (cookieLife + 1)
)

// cookieMSS are the sizes that three bits can tell, the most common ones.
var cookieMSS = [8]uint16{216, 536, 1024, 1220, 1380, 1440, 1460, 8940}

// cookie makes the sequence number that answers the SYN whose number is irs.
func cookie(secret [16]byte, local, remote netip.AddrPort, irs uint32, mss uint16, now Time) uint32 {
	size := 0
	for i, m := range cookieMSS {
		if m <= mss {
			size = i
		}
	}
	tick := uint32(now / cookieTick)
	return tick%32<<27 | uint32(size)<<cookieBits | cookieMAC(secret, local, remote, irs, tick, size)
}

// cookieMAC is the part that cannot be guessed. The size is covered by it.
func cookieMAC(secret [16]byte, local, remote netip.AddrPort, irs, tick uint32, size int) uint32 {
	return keyed(secret, local, remote, irs, 1<<31|tick<<3|uint32(size)) >> (32 - cookieBits)
}

// checkCookie returns the MSS of a cookie that is ours and not too old.
func checkCookie(secret [16]byte, local, remote netip.AddrPort, irs, iss uint32, now Time) (mss uint16, ok bool) {
	tick := uint32(now / cookieTick)
	age := (tick - iss>>27) % 32
	if age >= cookieLife || age > tick {
		return 0, false
	}
	size := int(iss >> cookieBits & 7)
	if iss&(1<<cookieBits-1) != cookieMAC(secret, local, remote, irs, tick-age, size) {
		return 0, false
	}
	return cookieMSS[size], true
}

// packStamp writes window scale and SACK of the peer's SYN into the low bits
// of our timestamp, which stays not later than the clock.
func packStamp(clock uint32, o *packet.TCPOptions) uint32 {
	bits := uint32(noScale)
	if o.HasWindowScale {
		bits = uint32(min(o.WindowScale, packet.MaxWindowScale))
	}
	if o.SACKPermitted {
		bits |= 1 << 4
	}
	stamp := clock&^(1<<stampBits-1) | bits
	if stamp > clock {
		stamp -= 1 << stampBits
	}
	return stamp
}

// unpackStamp is the inverse: the options of the SYN that a cookie answered.
func unpackStamp(ack *packet.TCPOptions, mss uint16) packet.TCPOptions {
	o := packet.TCPOptions{MSS: mss}
	if !ack.HasTimestamps {
		return o
	}
	o.HasTimestamps, o.TSVal = true, ack.TSVal
	if scale := uint8(ack.TSEcr & 0x0f); scale != noScale {
		o.HasWindowScale, o.WindowScale = true, scale
	}
	o.SACKPermitted = ack.TSEcr&(1<<4) != 0
	return o
}
