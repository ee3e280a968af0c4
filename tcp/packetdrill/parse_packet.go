package packetdrill

import (
	"waypost/packet"
)

// packet reads a segment or an ICMP error, from its direction on.
func (p *parser) packet() (Action, error) {
	start := p.next()
	inbound := start.is("<")
	t := p.peek()
	switch {
	case t.is("["), t.is("("):
		return nil, unsupported(t.line, "the IP header's %s field: a connection does not see it", p.tokens[1].text)
	case t.is("icmp"):
		p.next()
		if !inbound {
			return nil, unsupported(t.line, "an ICMP message that is sent: that is not TCP's")
		}
		return p.unreachable()
	case t.is("udp"), t.is("gre"), t.is("GREv0"), t.is("mpls"), t.is("ipv4"), t.is("ipv6"), t.is("encap"), t.is("raw"):
		return nil, unsupported(t.line, "%s packets", t.text)
	}
	return p.segment(inbound)
}

// segment reads a TCP segment, from its ports or flags on.
func (p *parser) segment(inbound bool) (_ *Packet, err error) {
	s := &Packet{Inbound: inbound}
	if p.peek().kind == tokenInteger {
		if s.SrcPort, s.DstPort, err = p.ports(); err != nil {
			return nil, err
		}
	}
	if s.Flags, err = p.flags(); err != nil {
		return nil, err
	}
	if s.Seq, s.Length, err = p.sequence(); err != nil {
		return nil, err
	}
	if p.accept("ack") {
		if s.Ack, err = p.uint(32, "an acknowledgement number"); err != nil {
			return nil, err
		}
	}
	if p.accept("win") {
		w, err := p.uint(16, "a window")
		if err != nil {
			return nil, err
		}
		s.Window, s.HasWindow = uint16(w), true
	}
	if p.accept("urg") {
		u, err := p.uint(16, "an urgent pointer")
		if err != nil {
			return nil, err
		}
		s.Urgent = uint16(u)
	}
	if p.peek().is("<") {
		err = p.options(s)
	}
	if t := p.peek(); err == nil && t.is("/") {
		return nil, unsupported(t.line, "TCP in UDP")
	}
	return s, err
}

// ports reads "1000 > 8080".
func (p *parser) ports() (src, dst uint16, err error) {
	from, err := p.uint(16, "a port")
	if err != nil {
		return 0, 0, err
	}
	if err := p.want(">"); err != nil {
		return 0, 0, err
	}
	to, err := p.uint(16, "a port")
	return uint16(from), uint16(to), err
}

// flagLetters are the flags in the order in which they are written; "." is
// ACK and comes last.
var flagLetters = [...]struct {
	letter byte
	flag   packet.TCPFlags
}{
	{'F', packet.FIN}, {'S', packet.SYN}, {'R', packet.RST}, {'P', packet.PSH},
	{'U', packet.URG}, {'E', packet.ECE}, {'W', packet.CWR},
}

// flags reads "S.", "P.", "." or "-".
func (p *parser) flags() (packet.TCPFlags, error) {
	t := p.next()
	var flags packet.TCPFlags
	switch {
	case t.is("-"):
		return 0, nil
	case t.is("."):
		return packet.ACK, nil
	case t.kind == tokenFloat:
		return 0, unsupported(t.line, "the ACE field of AccECN")
	case t.kind != tokenWord:
		return 0, wrong(t.line, "%v where flags belong", t)
	}
letters:
	for i := range len(t.text) {
		for _, l := range flagLetters {
			if t.text[i] == l.letter {
				flags |= l.flag
				continue letters
			}
		}
		if t.text[i] == 'A' {
			return 0, unsupported(t.line, "the AE flag of AccECN")
		}
		return 0, wrong(t.line, "%v where flags belong", t)
	}
	if t := p.peek(); t.kind == tokenFloat {
		return 0, unsupported(t.line, "the ACE field of AccECN")
	}
	if p.accept(".") {
		flags |= packet.ACK
	}
	return flags, nil
}

// sequence reads "1:1001(1000)".
func (p *parser) sequence() (seq, length uint32, err error) {
	line := p.peek().line
	if seq, err = p.uint(32, "a sequence number"); err != nil {
		return 0, 0, err
	}
	if err := p.want(":"); err != nil {
		return 0, 0, err
	}
	end, err := p.uint(32, "a sequence number")
	if err != nil {
		return 0, 0, err
	}
	if err := p.want("("); err != nil {
		return 0, 0, err
	}
	if length, err = p.uint(16, "a length"); err != nil {
		return 0, 0, err
	}
	if end != seq+length {
		return 0, 0, wrong(line, "%d:%d is not %d bytes long", seq, end, length)
	}
	return seq, length, p.want(")")
}

// options reads "<mss 1460,nop,wscale 7>" or "<...>".
func (p *parser) options(s *Packet) error {
	p.next()
	if t := p.peek(); t.kind == tokenEllipsis {
		p.next()
		s.AnyOptions = true
		if s.Inbound {
			return wrong(t.line, "<...> is for segments that are expected")
		}
		return p.want(">")
	}
	for {
		o, err := p.tcpOption()
		if err != nil {
			return err
		}
		s.Options = append(s.Options, o)
		if !p.accept(",") {
			return p.want(">")
		}
	}
}

func (p *parser) tcpOption() (o TCPOption, err error) {
	t := p.next()
	o.Kind = OptionKind(t.text)
	switch o.Kind {
	case OptionEnd, OptionNop, OptionSACKOK:
	case OptionMSS:
		o.Value, err = p.uint(16, "a maximum segment size")
	case OptionWScale:
		o.Value, err = p.uint(8, "a shift count")
	case OptionTimestamps:
		if err = p.want("val"); err != nil {
			return o, err
		}
		if o.Val, err = p.uint(32, "a timestamp"); err != nil {
			return o, err
		}
		if err = p.want("ecr"); err != nil {
			return o, err
		}
		o.Ecr, err = p.uint(32, "a timestamp")
	case OptionSACK:
		o.Blocks, err = p.sackBlocks()
	case "FO", "FOEXP":
		err = unsupported(t.line, "TCP Fast Open")
	case "md5":
		err = unsupported(t.line, "the MD5 option")
	case "ECN":
		err = unsupported(t.line, "the AccECN option")
	default:
		err = wrong(t.line, "%v where an option belongs", t)
	}
	return o, err
}

// sackBlocks reads "1001:2001 3001:4001".
func (p *parser) sackBlocks() (blocks []packet.SACKBlock, err error) {
	for len(blocks) == 0 || p.peek().kind == tokenInteger {
		var b packet.SACKBlock
		line := p.peek().line
		if b.Left, err = p.uint(32, "a sequence number"); err != nil {
			return nil, err
		}
		if err = p.want(":"); err != nil {
			return nil, err
		}
		if b.Right, err = p.uint(32, "a sequence number"); err != nil {
			return nil, err
		}
		if blocks = append(blocks, b); len(blocks) > packet.MaxSACKBlocks {
			return nil, wrong(line, "more than %d SACK blocks", packet.MaxSACKBlocks)
		}
	}
	return blocks, nil
}

// unreachable reads what follows "icmp": "unreachable frag_needed mtu 1200
// [1:1461(1460)]".
func (p *parser) unreachable() (*Unreachable, error) {
	t := p.next()
	u := &Unreachable{Code: t.text}
	switch t.text {
	case "unreachable":
		code := p.next()
		if _, ok := unreachableCodes[code.text]; !ok {
			return nil, unsupported(code.line, "the ICMP code %v", code)
		}
		u.Code = code.text
	case "packet_too_big":
	default:
		return nil, unsupported(t.line, "the ICMP message %v", t)
	}
	if p.accept("mtu") {
		mtu, err := p.uint(16, "an MTU")
		if err != nil {
			return nil, err
		}
		u.MTU = int(mtu)
	}
	if p.accept("[") {
		if t := p.peek(); t.kind != tokenInteger {
			return nil, unsupported(t.line, "an ICMP message about %v", t)
		}
		var err error
		if u.Seq, u.Length, err = p.sequence(); err != nil {
			return nil, err
		}
		u.HasSeq = true
		return u, p.want("]")
	}
	return u, nil
}
