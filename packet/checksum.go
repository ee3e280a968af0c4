package packet

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum is a running ones' complement sum (RFC 1071). The zero Sum is the sum
// of nothing. Parts are added in order; every part but the last has an even
// number of bytes.
//
// The sum is kept in 64 bits and in the byte order of a little-endian load:
// RFC 1071 §2 shows that neither changes the result once it is folded and
// its two bytes are swapped back.
type Sum uint64

// Add adds the bytes of b, 64 at a time while they last.
func (s Sum) Add(b []byte) Sum {
	le := binary.LittleEndian
	sum, carry := uint64(s), uint64(0)
	for len(b) >= 64 {
		p := b[:64]
		sum, carry = bits.Add64(sum, le.Uint64(p[0:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[8:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[16:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[24:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[32:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[40:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[48:]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(p[56:]), carry)
		b = b[64:]
	}
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, le.Uint64(b), carry)
		b = b[8:]
	}
	var rest uint64 // the last bytes, padded with zeros
	if len(b) >= 4 {
		rest = uint64(le.Uint32(b))
		b = b[4:]
		rest = rest<<32 | tail(b)
	} else {
		rest = tail(b)
	}
	sum, carry = bits.Add64(sum, rest, carry)
	return end(sum, carry)
}

// tail loads what is shorter than four bytes.
func tail(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(b[0]) | uint64(b[1])<<8
	case 3:
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
	}
	return 0
}

// end brings the carry around to the other end.
func end(sum, carry uint64) Sum {
	sum, carry = bits.Add64(sum, 0, carry)
	return Sum(sum + carry)
}

// Checksum folds the sum to 16 bits and returns its complement: what is
// written into a checksum field. Over bytes that hold a right checksum it
// is 0.
func (s Sum) Checksum() uint16 {
	v := uint64(s)
	v = v>>32 + v&0xffffffff
	v = v>>16&0xffff + v&0xffff + v>>32
	v = v>>16 + v&0xffff
	v = v>>16 + v&0xffff
	return bits.ReverseBytes16(^uint16(v))
}

// Checksum returns the Internet checksum of b (RFC 1071).
func Checksum(b []byte) uint16 { return Sum(0).Add(b).Checksum() }

// PseudoHeader returns the sum of the header that TCP, UDP and ICMPv6 put in
// front of themselves in thought (RFC 9293 §3.1, RFC 8200 §8.1). length
// counts the bytes of the transport header and its payload. Both addresses
// must be of one family and not zero.
func PseudoHeader(p Protocol, src, dst netip.Addr, length int) Sum {
	le := binary.LittleEndian
	var sum, carry uint64
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		sum = uint64(le.Uint32(s[:])) + uint64(le.Uint32(d[:]))
	} else {
		s, d := src.As16(), dst.As16()
		sum, carry = bits.Add64(le.Uint64(s[:8]), le.Uint64(s[8:]), 0)
		sum, carry = bits.Add64(sum, le.Uint64(d[:8]), carry)
		sum, carry = bits.Add64(sum, le.Uint64(d[8:]), carry)
	}
	sum, carry = bits.Add64(sum, uint64(bits.ReverseBytes32(uint32(length))), carry)
	sum, carry = bits.Add64(sum, uint64(p)<<8, carry)
	return end(sum, carry)
}
