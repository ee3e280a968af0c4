package packetdrill

import (
	"encoding/binary"
	"net/netip"

	"waypost/packet"
	"waypost/tcp"
)

// flow is a pair of ends with what is between them: the connection of the
// host, and the numbers by which the script's sequence numbers and timestamps
// become real ones and back.
type flow struct {
	local, remote netip.AddrPort
	conn          *tcp.Conn // nil: CLOSED or LISTEN
	out           []sent    // what the host sent and the script has not looked at

	localISN, remoteISN uint32
	next                uint32 // the highest SND.NXT so far
	mss                 uint32 // that our SYN announced
	scriptISN           uint32 // ours, as the script writes it in a SYN

	stamps     map[uint32]uint32 // the script's values of sent timestamps → real ones
	stamped    bool
	baseScript uint32 // the first of them
	baseReal   uint32

	written, read uint32 // bytes through the socket, modulo 2³²
	dirty         string // what was wrong with data that were read or sent; empty: nothing
}

// sent is a segment that the host sent, in the script's numbers. Its SYN's
// sequence number is 0.
type sent struct {
	at     tcp.Time
	packet Packet
}

// open gives the flow a new connection, with streams that begin anew.
func (f *flow) open(c *tcp.Conn) { f.conn, f.written, f.read = c, 0, 0 }

// forget drops a connection that is CLOSED.
func (f *flow) forget() {
	if f.conn != nil && f.conn.Done() {
		f.conn = nil
	}
}

// pattern is the payload of both directions: each byte is made from its
// place in the stream, so that a byte in the wrong place is noticed.
func pattern(place uint32) byte { return byte(place*0x9E3779B1>>24 ^ place) }

// payload returns the bytes of a stream from place on.
func payload(place, length uint32) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = pattern(place + uint32(i))
	}
	return b
}

// check compares bytes with the stream from place on and keeps what is wrong.
func (f *flow) check(what string, place uint32, b []byte) {
	for i, c := range b {
		if c != pattern(place+uint32(i)) && f.dirty == "" {
			f.dirty = what + " has wrong data"
		}
	}
}

// take turns a segment of the host into the script's numbers.
func (f *flow) take(now tcp.Time, s *tcp.Segment, src, dst netip.Addr) sent {
	out := sent{at: now, packet: Packet{
		SrcPort: s.SrcPort, DstPort: s.DstPort, Flags: s.Flags, Seq: s.Seq - f.localISN,
		Length: uint32(len(s.Payload)), Window: s.Window, HasWindow: true, Urgent: s.Urgent,
	}}
	if s.Flags.Has(packet.SYN) {
		f.localISN, f.next = s.Seq, s.Seq+1
		out.packet.Seq = 0
	}
	if end := s.Seq + uint32(len(s.Payload)); int32(end-f.next) > 0 {
		f.next = end
	}
	ack := f.remoteISN
	if s.Flags.Has(packet.SYN) {
		ack = 0 // the script says in its SYN what number it begins with
	}
	if s.Flags.Has(packet.ACK) {
		out.packet.Ack = s.Ack - ack
	}
	b := s.Append(nil, src, dst, s.Payload)
	out.packet.Options = rawOptions(b[packet.TCPSize:len(b)-len(s.Payload)], ack)
	if o, ok := option(out.packet.Options, OptionMSS); ok {
		f.mss = o.Value
	}
	if len(s.Payload) > 0 {
		f.check("a segment that is sent", s.Seq-f.localISN-1, s.Payload)
	}
	return out
}

// underWay reports whether a sequence number, as the script writes it, is sent
// and not acknowledged.
func (f *flow) underWay(seq uint32) bool {
	flight := uint32(f.conn.Info().Flight)
	return seq+f.localISN-(f.next-flight) < flight
}

// rawOptions reads options from the bytes of a header, with their padding.
// SACK blocks count from isn. The bytes are our own and well formed.
func rawOptions(b []byte, isn uint32) []TCPOption {
	var list []TCPOption
	be := binary.BigEndian
	for len(b) > 0 {
		switch b[0] {
		case 0:
			list = append(list, TCPOption{Kind: OptionEnd})
			b = b[1:]
			continue
		case 1:
			list = append(list, TCPOption{Kind: OptionNop})
			b = b[1:]
			continue
		}
		data := b[2:b[1]]
		switch b[0] {
		case 2:
			list = append(list, TCPOption{Kind: OptionMSS, Value: uint32(be.Uint16(data))})
		case 3:
			list = append(list, TCPOption{Kind: OptionWScale, Value: uint32(data[0])})
		case 4:
			list = append(list, TCPOption{Kind: OptionSACKOK})
		case 5:
			o := TCPOption{Kind: OptionSACK}
			for i := 0; i < len(data); i += 8 {
				o.Blocks = append(o.Blocks, packet.SACKBlock{Left: be.Uint32(data[i:]) - isn, Right: be.Uint32(data[i+4:]) - isn})
			}
			list = append(list, o)
		case 8:
			list = append(list, TCPOption{Kind: OptionTimestamps, Val: be.Uint32(data), Ecr: be.Uint32(data[4:])})
		}
		b = b[b[1]:]
	}
	return list
}

// begins reports whether a SYN that comes now may say where the peer's
// numbers begin. In a connection that stands it does not.
func (f *flow) begins() bool {
	if f.conn == nil {
		return true
	}
	switch f.conn.State() {
	case tcp.SynSent, tcp.Closed:
		return true
	}
	return false
}

// untake turns a segment of the script into real numbers. An echoed timestamp
// must be one that was expected before; scaled places others between them.
func (f *flow) untake(p *Packet, scaled bool) (*tcp.Segment, error) {
	s := &tcp.Segment{TCP: packet.TCP{
		SrcPort: f.remote.Port(), DstPort: f.local.Port(), Seq: p.Seq, Flags: p.Flags, Window: p.Window, Urgent: p.Urgent,
	}}
	isn := f.localISN
	place := p.Seq - 1
	if p.Flags.Has(packet.SYN) {
		if f.begins() {
			f.remoteISN = p.Seq
		}
		place, isn = 0, isn-f.scriptISN
	} else {
		s.Seq += f.remoteISN
	}
	if p.Flags.Has(packet.ACK) {
		s.Ack = p.Ack + isn
	}
	if p.Length > 0 {
		s.Payload = payload(place, p.Length)
	}
	o := &s.Options
	for _, opt := range p.Options {
		switch opt.Kind {
		case OptionMSS:
			o.MSS = uint16(opt.Value)
		case OptionWScale:
			o.HasWindowScale, o.WindowScale = true, uint8(min(opt.Value, packet.MaxWindowScale))
		case OptionSACKOK:
			o.SACKPermitted = true
		case OptionSACK:
			o.SACKBlocks = len(opt.Blocks)
			for i, b := range opt.Blocks {
				o.SACK[i] = packet.SACKBlock{Left: b.Left + isn, Right: b.Right + isn}
			}
		case OptionTimestamps:
			o.HasTimestamps, o.TSVal, o.TSEcr = true, opt.Val, opt.Ecr
			if !p.Flags.Has(packet.ACK) {
				continue
			}
			real, ok := f.stamps[opt.Ecr]
			if !f.stamped { // none were agreed on: what comes means nothing
				real, ok = opt.Ecr, true
			} else if !ok && scaled {
				real, ok = opt.Ecr-f.baseScript+f.baseReal, true
			}
			if !ok {
				return nil, wrong(0, "the echoed timestamp %d is none that the script expected before", opt.Ecr)
			}
			o.TSEcr = real
		}
	}
	return s, nil
}

// stamp notes that the script writes a sent timestamp as script.
func (f *flow) stamp(script, real uint32) {
	if f.stamps == nil {
		f.stamps = map[uint32]uint32{}
	}
	if !f.stamped {
		f.stamped, f.baseScript, f.baseReal = true, script, real
	}
	f.stamps[script] = real
}
