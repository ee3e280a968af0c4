package packet

import (
	"encoding/binary"
	"testing"
)

// plainChecksum is RFC 1071 §4.1 as it stands there.
func plainChecksum(b []byte) uint16 {
	var sum uint32
	for len(b) > 1 {
		sum += uint32(binary.BigEndian.Uint16(b))
		if sum > 0xffff {
			sum = sum&0xffff + 1
		}
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
		if sum > 0xffff {
			sum = sum&0xffff + 1
		}
	}
	return ^uint16(sum)
}

func TestChecksum(t *testing.T) {
	r := newRandom(1)
	for n := range 300 {
		b := r.bytes(n)
		if n%3 == 0 { // carries everywhere
			for i := range b {
				b[i] = 0xff
			}
		}
		want := plainChecksum(b)
		if got := Checksum(b); got != want {
			t.Fatalf("Checksum of %d bytes: %#04x, want %#04x", n, got, want)
		}
		if n >= 2 {
			k := r.IntN(n/2) * 2
			if got := Sum(0).Add(b[:k]).Add(b[k:]).Checksum(); got != want {
				t.Fatalf("checksum of %d and %d bytes: %#04x, want %#04x", k, n-k, got, want)
			}
		}
	}
}

func TestChecksumOfRFC1071(t *testing.T) {
	// RFC 1071 §3: the sum of these bytes is ddf2.
	if got, want := Checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), ^uint16(0xddf2); got != want {
		t.Errorf("Checksum: %#04x, want %#04x", got, want)
	}
}

func TestPseudoHeader(t *testing.T) {
	r := newRandom(2)
	for range 1000 {
		src, dst := r.pair()
		p, length := Protocol(r.uint8()), r.IntN(1<<16)
		b := append(src.AsSlice(), dst.AsSlice()...)
		b = binary.BigEndian.AppendUint32(b, uint32(length))
		b = binary.BigEndian.AppendUint32(b, uint32(p))
		if got, want := PseudoHeader(p, src, dst, length).Checksum(), plainChecksum(b); got != want {
			t.Fatalf("pseudo-header %v %v %v %d: %#04x, want %#04x", p, src, dst, length, got, want)
		}
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		k := min(int(cut)&^1, len(b)&^1)
		if got, want := Sum(0).Add(b[:k]).Add(b[k:]).Checksum(), plainChecksum(b); got != want {
			t.Fatalf("checksum of % x: %#04x, want %#04x", b, got, want)
		}
	})
}
