package tcp

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// InitialSequence is the initial sequence number of RFC 6528 §3: a clock that
// ticks every 4 µs, plus a function of the connection that only the holder of
// the secret can compute. now is the caller's clock, which goes on between
// connections.
func InitialSequence(secret [16]byte, local, remote netip.AddrPort, now Time) uint32 {
	return uint32(now/(4*time.Microsecond)) + keyed(secret, local, remote, 0, 0)
}

// keyed is the pseudo-random function of initial sequence numbers and
// cookies: SHA-256 of a block of fixed length, cut down.
func keyed(secret [16]byte, local, remote netip.AddrPort, a, b uint32) uint32 {
	var block [16 + 2*18 + 8]byte
	copy(block[:], secret[:])
	at := 16
	for _, p := range [...]netip.AddrPort{local, remote} {
		ip := p.Addr().As16()
		at += copy(block[at:], ip[:])
		binary.BigEndian.PutUint16(block[at:], p.Port())
		at += 2
	}
	binary.BigEndian.PutUint32(block[at:], a)
	binary.BigEndian.PutUint32(block[at+4:], b)
	sum := sha256.Sum256(block[:])
	return binary.BigEndian.Uint32(sum[:])
}
