package packet

import (
	"math/rand/v2"
	"net/netip"
)

// random makes headers in the form in which Append and Parse keep them.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

func (r random) bool() bool     { return r.Uint32()&1 == 1 }
func (r random) uint8() uint8   { return uint8(r.Uint32()) }
func (r random) uint16() uint16 { return uint16(r.Uint32()) }

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = r.uint8()
	}
	return b
}

func (r random) mac() MAC         { return MAC(r.bytes(6)) }
func (r random) ipv4() netip.Addr { return netip.AddrFrom4([4]byte(r.bytes(4))) }
func (r random) ipv6() netip.Addr { return netip.AddrFrom16([16]byte(r.bytes(16))) }

// pair returns two addresses of one family.
func (r random) pair() (src, dst netip.Addr) {
	if r.bool() {
		return r.ipv4(), r.ipv4()
	}
	return r.ipv6(), r.ipv6()
}

func (r random) tcp() TCP {
	h := TCP{
		SrcPort: r.uint16(), DstPort: r.uint16(), Seq: r.Uint32(), Ack: r.Uint32(),
		Flags: TCPFlags(r.uint8()), Window: r.uint16(), Urgent: r.uint16(),
	}
	o := &h.Options
	if r.bool() {
		o.MSS = r.uint16()
	}
	if r.bool() {
		o.HasWindowScale, o.WindowScale = true, uint8(r.IntN(MaxWindowScale+1))
	}
	o.SACKPermitted = r.bool()
	if r.bool() {
		o.HasTimestamps, o.TSVal, o.TSEcr = true, r.Uint32(), r.Uint32()
	}
	o.SACKBlocks = r.IntN(MaxSACKBlocks + 1)
	o.SACKBlocks = o.blocks()
	for i := range o.SACKBlocks {
		o.SACK[i] = SACKBlock{r.Uint32(), r.Uint32()}
	}
	return h
}

func (r random) ipv4Header() IPv4 {
	return IPv4{
		TOS: r.uint8(), ID: r.uint16(), DontFragment: r.bool(), MoreFragments: r.bool(),
		FragmentOffset: r.IntN(1<<13) * 8, TTL: r.uint8(), Protocol: Protocol(r.uint8()),
		Src: r.ipv4(), Dst: r.ipv4(), RouterAlert: r.bool(),
	}
}

func (r random) ipv6Header() IPv6 {
	h := IPv6{
		TrafficClass: r.uint8(), FlowLabel: r.Uint32() & 0xfffff, HopLimit: r.uint8(), Next: ProtocolUDP,
		Src: r.ipv6(), Dst: r.ipv6(), RouterAlert: r.bool(),
	}
	if r.bool() {
		h.Fragment, h.MoreFragments = true, r.bool()
		h.FragmentOffset, h.FragmentID = r.IntN(1<<13)*8, r.Uint32()
	}
	return h
}
