package journey

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"waypost/lab"
	"waypost/packet"
)

// Limits of what is kept of the frames.
const (
	// maxFrames is as many as expectations can look at; more are counted.
	maxFrames = 1 << 18
	// maxFrameBytes bounds their bytes.
	maxFrameBytes = 256 << 20
)

// frames keeps what passed the links.
type frames struct {
	start time.Time

	mu     sync.Mutex
	kept   []kept
	bytes  int
	missed int
}

// kept is one frame.
type kept struct {
	link    *road
	from    string
	sent    time.Duration // since the start
	arrived time.Duration // 0: it did not
	lost    bool
	why     string
	size    int
	data    []byte
}

func newFrames(start time.Time) *frames { return &frames{start: start} }

// tap keeps the frames of one link.
func (f *frames) tap(link *road) lab.Tap {
	return func(x lab.Frame) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.kept) == maxFrames || f.bytes > maxFrameBytes {
			f.missed++
			return
		}
		data := slices.Clone(x.Data)
		f.bytes += len(data)
		f.kept = append(f.kept, kept{
			link: link, from: x.From, sent: x.Sent, arrived: x.Arrived, lost: x.Lost, why: x.Why, size: len(x.Data), data: data,
		})
	}
}

// of returns the frames of a link, in the order in which they were sent.
func (f *frames) of(link *road, from string) []kept {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []kept
	for _, k := range f.kept {
		if k.link == link && (from == "" || k.from == link.sender(from)) {
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b kept) int { return int(a.sent - b.sent) })
	return all
}

// sender is the node at the end that the script calls from: in a region that
// is the region's switch or router.
func (v *road) sender(from string) string {
	a, b := v.Ends()
	if from == v.b {
		return b
	}
	return a
}

// number is what sequence numbers of one way of a connection count from.
type number struct {
	first uint32
	known bool
	scale uint8
	wide  bool // window scaling was offered
}

// decode reads the frames of one link into what expectations see.
func decode(all []kept, names func(k kept) (from, to string)) []Frame {
	starts := map[packet.Flow]*number{}
	out := make([]Frame, len(all))
	for i, k := range all {
		f := &out[i]
		f.Link, f.Lost, f.Why, f.Bytes = k.link.a+"-"+k.link.b, k.lost, k.why, k.size
		f.From, f.To = names(k)
		f.Text = packet.Describe(k.data)
		f.read(k.data, starts)
	}
	return out
}

// read takes the headers apart, as far as they can be read.
func (f *Frame) read(data []byte, starts map[packet.Flow]*number) {
	eth, body, err := packet.ParseEthernet(data)
	if err != nil {
		return
	}
	f.SrcMAC, f.DstMAC = eth.Src.String(), eth.Dst.String()
	var src, dst netip.Addr
	var p packet.Protocol
	switch eth.Type {
	case packet.TypeARP:
		f.Protocol = "arp"
		if a, err := packet.ParseARP(body); err == nil {
			f.Src, f.Dst = a.SenderIP.String(), a.TargetIP.String()
			f.Flags = strings.ToLower(a.Op.String())
		}
		return
	case packet.TypeIPv4:
		h, rest, err := packet.ParseIPv4(body)
		if err != nil {
			return
		}
		src, dst, p, body, f.TTL = h.Src, h.Dst, h.Protocol, rest, int(h.TTL)
		if h.FragmentOffset > 0 {
			f.Src, f.Dst, f.Protocol = src.String(), dst.String(), "fragment"
			return
		}
	case packet.TypeIPv6:
		h, rest, err := packet.ParseIPv6(body)
		if err != nil {
			return
		}
		src, dst, p, body, f.TTL = h.Src, h.Dst, h.Next, rest, int(h.HopLimit)
	default:
		f.Protocol = fmt.Sprintf("%#04x", uint16(eth.Type))
		return
	}
	f.Src, f.Dst, f.Protocol = src.String(), dst.String(), protocolName(p)
	switch p {
	case packet.ProtocolUDP:
		if h, payload, err := packet.ParseUDP(body, src, dst); err == nil {
			f.SrcPort, f.DstPort, f.Payload, f.Data = int(h.SrcPort), int(h.DstPort), len(payload), string(payload)
		}
	case packet.ProtocolTCP:
		if h, payload, err := packet.ParseTCP(body, src, dst); err == nil {
			f.segment(h, payload, packet.Flow{Protocol: p, Src: netip.AddrPortFrom(src, h.SrcPort), Dst: netip.AddrPortFrom(dst, h.DstPort)}, starts)
		}
	}
}

// segment reads a TCP segment; its numbers count from the SYNs.
func (f *Frame) segment(h packet.TCP, payload []byte, flow packet.Flow, starts map[packet.Flow]*number) {
	own, peer := startOf(starts, flow), startOf(starts, packet.Flow{Protocol: flow.Protocol, Src: flow.Dst, Dst: flow.Src})
	if h.Flags.Has(packet.SYN) {
		own.first, own.known = h.Seq, true
		own.scale, own.wide = h.Options.WindowScale, h.Options.HasWindowScale
	}
	if !own.known {
		own.first, own.known = h.Seq, true
	}
	if !peer.known && h.Flags.Has(packet.ACK) {
		peer.first, peer.known = h.Ack, true
	}
	f.SrcPort, f.DstPort, f.Payload, f.Data = int(h.SrcPort), int(h.DstPort), len(payload), string(payload)
	f.Flags, f.Seq, f.MSS, f.SACK = h.Flags.String(), h.Seq-own.first, int(h.Options.MSS), h.Options.SACKBlocks
	if h.Flags.Has(packet.ACK) {
		f.Ack = h.Ack - peer.first
	}
	f.Window = int(h.Window)
	if own.wide && peer.wide && !h.Flags.Has(packet.SYN) {
		f.Window <<= own.scale
	}
}

func startOf(starts map[packet.Flow]*number, flow packet.Flow) *number {
	n := starts[flow]
	if n == nil {
		n = &number{}
		starts[flow] = n
	}
	return n
}

func protocolName(p packet.Protocol) string {
	switch p {
	case packet.ProtocolTCP:
		return "tcp"
	case packet.ProtocolUDP:
		return "udp"
	case packet.ProtocolICMP:
		return "icmp"
	case packet.ProtocolIGMP:
		return "igmp"
	case packet.ProtocolICMPv6:
		return "icmpv6"
	}
	return fmt.Sprint(uint8(p))
}
