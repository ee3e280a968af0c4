package lab

import (
	"fmt"
	"strings"

	"waypost/packet"
	"waypost/report"
)

// numbering makes the sequence numbers of one direction of a connection
// relative: its SYN has number 0, its first byte number 1.
type numbering struct {
	known  bool
	at     uint32 // a number of the wire …
	is     int64  // … and what it is relatively
	scale  uint8  // of the windows it offers
	scaled bool   // it has offered to scale
	ways   map[way]*progress
}

// way is one way of a link.
type way struct {
	link *Link
	from string
}

// progress is how far one direction has come on one way of a link.
type progress struct {
	end    int64 // behind the last it has sent
	ack    int64 // the latest it has acknowledged
	window int64 // the latest it has offered
}

// on is how far the direction has come on the way of a link that begins at
// from. A router with one leg sends back on the link what came by it.
func (n *numbering) on(k *Link, from string) *progress {
	p := n.ways[way{k, from}]
	if p == nil {
		p = &progress{}
		n.ways[way{k, from}] = p
	}
	return p
}

// relative returns what a number is, unwrapped.
func (n *numbering) relative(seq uint32) int64 {
	is := n.is + int64(int32(seq-n.at))
	if is > n.is {
		n.at, n.is = seq, is
	}
	return is
}

// begin takes a segment as the first one known of its direction.
func (n *numbering) begin(seq uint32, number int64) {
	*n = numbering{known: true, at: seq, is: number, ways: make(map[way]*progress)}
}

// relate fills in the numbers, the kind and the label of a TCP segment.
// Segments come in the order in which they were sent.
func relate(all map[packet.Flow]*numbering, f recorded, g *report.Segment) {
	own, peer := numberingOf(all, f.flow), numberingOf(all, f.flow.Reverse())
	h := &f.tcp
	switch syn := h.Flags.Has(packet.SYN); {
	case syn && (!own.known || own.relative(h.Seq) != 0):
		own.begin(h.Seq, 0)
	case !own.known:
		own.begin(h.Seq, 1) // its SYN was not seen
	}
	if h.Flags.Has(packet.SYN) {
		own.scale, own.scaled = h.Options.WindowScale, h.Options.HasWindowScale
	}
	g.Seq, g.Bytes = own.relative(h.Seq), int64(f.payload)
	g.Window = int64(h.Window)
	if own.scaled && peer.scaled && !h.Flags.Has(packet.SYN) {
		g.Window <<= min(own.scale, 14) // RFC 7323 §2.3
	}
	if h.Flags.Has(packet.ACK) && !peer.known {
		peer.begin(h.Ack, 1)
	}
	if h.Flags.Has(packet.ACK) {
		g.Ack = peer.relative(h.Ack)
	}
	for _, k := range h.Options.SACK[:min(max(h.Options.SACKBlocks, 0), packet.MaxSACKBlocks)] {
		g.SACK = append(g.SACK, report.Range{Left: peer.relative(k.Left), Right: peer.relative(k.Right)})
	}
	g.Kind = kind(own.on(f.link, f.from), peer.on(f.link, f.to), h, g)
	g.Label = label(h, g)
	own.on(f.link, f.from).follow(h, g)
}

func numberingOf(all map[packet.Flow]*numbering, f packet.Flow) *numbering {
	n := all[f]
	if n == nil {
		n = &numbering{ways: make(map[way]*progress)}
		all[f] = n
	}
	return n
}

// takes is how many sequence numbers the segment uses.
func takes(h *packet.TCP, payload int64) int64 {
	if h.Flags.Has(packet.SYN) {
		payload++
	}
	if h.Flags.Has(packet.FIN) {
		payload++
	}
	return payload
}

// kind tells what a segment is for, after own and peer have come so far on
// its link.
func kind(own, peer *progress, h *packet.TCP, g *report.Segment) report.SegmentKind {
	uses := takes(h, g.Bytes)
	switch {
	case h.Flags.Has(packet.RST):
		return report.SegmentReset
	case uses == 0 && own.end > 0 && g.Seq == own.end-1:
		return report.SegmentProbe // keepalive, RFC 9293 §3.8.4
	case g.Bytes > 0 && peer.ack > 0 && peer.window == 0 && g.Seq+g.Bytes > peer.ack:
		return report.SegmentProbe // of a closed window, RFC 9293 §3.8.6.1
	case uses > 0 && g.Seq+uses <= own.end:
		return report.SegmentAgain
	case h.Flags.Has(packet.SYN):
		return report.SegmentOpen
	case h.Flags.Has(packet.FIN):
		return report.SegmentClose
	case g.Bytes > 0:
		return report.SegmentData
	case g.Ack == own.ack && g.Window == own.window && peer.end > g.Ack:
		return report.SegmentDup
	}
	return report.SegmentAck
}

// follow remembers what a segment has told.
func (p *progress) follow(h *packet.TCP, g *report.Segment) {
	p.end = max(p.end, g.Seq+takes(h, g.Bytes))
	if h.Flags.Has(packet.ACK) {
		p.window, p.ack = g.Window, g.Ack
	}
}

// label is the segment in a few words.
func label(h *packet.TCP, g *report.Segment) string {
	var s strings.Builder
	s.WriteString(h.Flags.String())
	if takes(h, g.Bytes) > 0 || h.Flags.Has(packet.RST) || g.Kind == report.SegmentProbe {
		fmt.Fprintf(&s, " seq=%d", g.Seq)
	}
	if h.Flags.Has(packet.ACK) {
		fmt.Fprintf(&s, " ack=%d", g.Ack)
	}
	if g.Bytes > 0 {
		fmt.Fprintf(&s, " len=%d", g.Bytes)
	}
	fmt.Fprintf(&s, " win=%d", g.Window)
	if h.Options.MSS > 0 {
		fmt.Fprintf(&s, " mss=%d", h.Options.MSS)
	}
	for i, k := range g.SACK {
		if i == 0 {
			s.WriteString(" sack=")
		} else {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "%d-%d", k.Left, k.Right)
	}
	return s.String()
}
