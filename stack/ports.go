package stack

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"syscall"
)

// The ephemeral ports. RFC 6056 §3.2 wants the range large; below 32768
// stand the ports that servers are configured with.
const (
	firstEphemeral = 32768
	ephemeralPorts = 65536 - firstEphemeral
)

var anyAddr netip.Addr

// hash is a number that a stranger cannot foresee, the same for the same
// arguments.
func (h *Host) hash(kind uint8, a, b netip.AddrPort) uint64 {
	var in [16 + 1 + 18 + 18]byte
	copy(in[:], h.secret[:])
	in[16] = kind
	putEnd(in[17:], a)
	putEnd(in[35:], b)
	sum := sha256.Sum256(in[:])
	return binary.LittleEndian.Uint64(sum[:])
}

func putEnd(b []byte, a netip.AddrPort) {
	raw := [16]byte{}
	if a.Addr().IsValid() {
		raw = a.Addr().As16()
	}
	copy(b, raw[:])
	binary.BigEndian.PutUint16(b[16:], a.Port())
}

// The kinds of hashes besides IP protocols.
const (
	hashTimestamp = 253
	hashPortStart = 254 // RFC 6056's F
	hashPortTable = 255 // RFC 6056's G
)

// connectPort chooses the port of a connection from local to remote for
// which free reports true: the double-hash algorithm of RFC 6056 §3.3.4.
// Successive connections to one server get successive ports, from a start
// that differs from server to server.
func (h *Host) connectPort(local netip.Addr, remote netip.AddrPort, free func(port uint16) bool) (uint16, error) {
	from := netip.AddrPortFrom(local, 0)
	start := uint32(h.hash(hashPortStart, from, remote))
	next := &h.portOffsets[h.hash(hashPortTable, from, remote)%uint64(len(h.portOffsets))]
	for range ephemeralPorts {
		port := uint16(firstEphemeral + (start+*next)%ephemeralPorts)
		*next++
		if free(port) {
			return port, nil
		}
	}
	return 0, syscall.EADDRNOTAVAIL
}

// bindPort chooses the port of a socket that names none: a random one, for
// here a stranger's guess is what RFC 5452 §9.2 is about (RFC 6056 §3.3.1).
func (h *Host) bindPort(free func(port uint16) bool) (uint16, error) {
	start := h.random.Uint32N(ephemeralPorts)
	for n := range uint32(ephemeralPorts) {
		port := uint16(firstEphemeral + (start+n)%ephemeralPorts)
		if free(port) {
			return port, nil
		}
	}
	return 0, syscall.EADDRINUSE
}

// overlap reports whether two local addresses of sockets on one port take
// packets from each other: equal ones, and an unspecified one with all of
// its family. The zero Addr and :: stand for both families, as a dual-stack
// socket does.
func overlap(a, b netip.Addr) bool {
	if a == b || anyFamily(a) || anyFamily(b) {
		return true
	}
	return a.Is4() == b.Is4() && (a.IsUnspecified() || b.IsUnspecified())
}

// anyFamily reports whether a socket bound to a takes IPv4 and IPv6.
func anyFamily(a netip.Addr) bool {
	return !a.IsValid() || a == netip.IPv6Unspecified()
}

// covers reports whether a socket bound to a takes packets to dst, and how
// exactly it means them.
func covers(a, dst netip.Addr) (rank int, ok bool) {
	switch {
	case a == dst:
		return 2, true
	case anyFamily(a):
		return 0, true
	case a.IsUnspecified() && a.Is4() == dst.Is4():
		return 1, true
	}
	return 0, false
}

// bindable returns the address to bind a socket to: one of ours, without
// zone; the zero Addr becomes ::.
func (h *Host) bindable(a netip.Addr) (netip.Addr, error) {
	a = a.Unmap()
	switch {
	case !a.IsValid():
		return netip.IPv6Unspecified(), nil
	case a.IsUnspecified() || a.IsMulticast() || h.isLocal(a):
		return a.WithZone(""), nil
	}
	return a, syscall.EADDRNOTAVAIL
}
