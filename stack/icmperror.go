package stack

import (
	"syscall"

	"waypost/packet"
	"waypost/tcp"
)

// errorKind is what an ICMP error says, in either version.
type errorKind uint8

const (
	noError errorKind = iota
	netUnreachable
	hostUnreachable
	protocolUnreachable
	portUnreachable
	prohibited
	tooBig
	ttlExceeded
	reassemblyExceeded
	headerProblem
)

// errorText is RFC 792's and RFC 4443's words for the kinds.
var errorText = [...]string{
	noError: "no error", netUnreachable: "destination unreachable: no route",
	hostUnreachable:     "destination unreachable: host unreachable",
	protocolUnreachable: "destination unreachable: protocol unreachable",
	portUnreachable:     "destination unreachable: port unreachable",
	prohibited:          "destination unreachable: administratively prohibited",
	tooBig:              "packet too big", ttlExceeded: "time exceeded in transit",
	reassemblyExceeded: "time exceeded: fragment reassembly", headerProblem: "parameter problem",
}

// errorMessage is an ICMP error without the packet it is about.
type errorMessage struct {
	what errorKind
	mtu  int // of tooBig: the next hop's; 0 when it is not told
}

// wireError is how an error is written in one version of ICMP.
type wireError struct{ kind, code uint8 }

var wireErrors4 = [...]wireError{
	netUnreachable:      {packet.ICMPv4Unreachable, packet.ICMPv4NetUnreachable},
	hostUnreachable:     {packet.ICMPv4Unreachable, packet.ICMPv4HostUnreachable},
	protocolUnreachable: {packet.ICMPv4Unreachable, packet.ICMPv4ProtocolUnreachable},
	portUnreachable:     {packet.ICMPv4Unreachable, packet.ICMPv4PortUnreachable},
	prohibited:          {packet.ICMPv4Unreachable, packet.ICMPv4AdminProhibited},
	tooBig:              {packet.ICMPv4Unreachable, packet.ICMPv4FragmentationNeeded},
	ttlExceeded:         {packet.ICMPv4TimeExceeded, packet.ICMPHopLimitExceeded},
	reassemblyExceeded:  {packet.ICMPv4TimeExceeded, packet.ICMPReassemblyExceeded},
	headerProblem:       {packet.ICMPv4ParameterProblem, 0},
}

var wireErrors6 = [...]wireError{
	netUnreachable:      {packet.ICMPv6Unreachable, packet.ICMPv6NoRoute},
	hostUnreachable:     {packet.ICMPv6Unreachable, packet.ICMPv6AddressUnreachable},
	protocolUnreachable: {packet.ICMPv6ParameterProblem, packet.ICMPv6UnknownNextHeader},
	portUnreachable:     {packet.ICMPv6Unreachable, packet.ICMPv6PortUnreachable},
	prohibited:          {packet.ICMPv6Unreachable, packet.ICMPv6AdminProhibited},
	tooBig:              {packet.ICMPv6PacketTooBig, 0},
	ttlExceeded:         {packet.ICMPv6TimeExceeded, packet.ICMPHopLimitExceeded},
	reassemblyExceeded:  {packet.ICMPv6TimeExceeded, packet.ICMPReassemblyExceeded},
	headerProblem:       {packet.ICMPv6ParameterProblem, packet.ICMPv6ErroneousHeader},
}

// The rate of ICMP errors: Linux's icmp_msgs_per_sec and icmp_msgs_burst.
// RFC 1812 §4.3.2.8 and RFC 4443 §2.4 (f) want a limit.
const (
	errorsPerSecond = 1000
	errorBurst      = 50
)

// tokens is a token bucket. The zero value is full.
type tokens struct {
	spent float64
	at    tcp.Time
}

// take takes a token and reports whether there was one.
func (t *tokens) take(now tcp.Time) bool {
	t.spent = max(0, t.spent-(now-t.at).Seconds()*errorsPerSecond)
	t.at = now
	if t.spent > errorBurst-1 {
		return false
	}
	t.spent++
	return true
}

// sendError tells the sender of an IP packet that it was not delivered,
// unless nobody must be told: RFC 1122 §3.2.2, RFC 1812 §4.3.2.7 and
// RFC 4443 §2.4 (e) name the packets that cause no error.
func (h *Host) sendError(about []byte, m errorMessage) {
	q, ok := h.blamable(about, m)
	if !ok {
		return
	}
	if !h.errorRate.take(h.time) {
		h.stats.ErrorsWithheld++
		return
	}
	from := q.Flow.Dst.Addr() // as whom they were addressed
	if !h.isLocal(from) {
		from = anyAddr // the address that faces the sender
	}
	p, err := h.path(from, q.Flow.Src.Addr(), nil)
	if err != nil {
		return
	}
	h.noteICMP(true, q.Flow.Src.Addr(), m, about)
	o := header{protocol: packet.ProtocolICMP}
	var message []byte
	if p.dst.Is4() {
		w := wireErrors4[m.what]
		message = packet.ICMP{Type: w.kind, Code: w.code, Rest: uint32(m.mtu)}.AppendV4(nil, packet.Quote(about))
	} else {
		o.protocol = packet.ProtocolICMPv6
		w := wireErrors6[m.what]
		rest := uint32(m.mtu)
		if m.what == protocolUnreachable {
			rest = nextHeaderOffset
		}
		message = packet.ICMP{Type: w.kind, Code: w.code, Rest: rest}.AppendV6(nil, p.src, p.dst, packet.Quote(about))
	}
	h.send(&p, o, message)
}

// nextHeaderOffset is where an IPv6 header names what follows. For packets
// with extension headers it is the wrong place, but the same word.
const nextHeaderOffset = 6

// blamable reports whether an ICMP error may be sent about a packet, and
// what the packet was.
func (h *Host) blamable(b []byte, m errorMessage) (packet.Quoted, bool) {
	q, ok := packet.ParseQuote(b)
	if !ok {
		return q, false
	}
	src, dst := q.Flow.Src.Addr(), q.Flow.Dst.Addr()
	if src.IsUnspecified() || src.IsMulticast() || src == limitedBroadcast || dst == limitedBroadcast {
		return q, false
	}
	// RFC 4443 §2.4 (e.3): a group may hear that its packet was too big.
	if dst.IsMulticast() && (dst.Is4() || m.what != tooBig) {
		return q, false
	}
	for _, i := range h.interfaces {
		if i.isBroadcast(dst) || i.isBroadcast(src) {
			return q, false
		}
	}
	if src.IsLoopback() && !h.isLocal(dst) {
		return q, false
	}
	return q, !isICMPError(b)
}

// isICMPError reports whether a packet is an ICMP error, or a fragment that
// is not the first: of such a one nothing can be told.
func isICMPError(b []byte) bool {
	if b[0]>>4 == 4 {
		v4 := b[:min(len(b), int(b[0]&15)*4)]
		if len(v4) < packet.IPv4Size || b[6]&0x1f != 0 || b[7] != 0 {
			return true
		}
		if packet.Protocol(b[9]) != packet.ProtocolICMP {
			return false
		}
		return len(b) <= len(v4) || packet.ICMP{Type: b[len(v4)]}.IsErrorV4()
	}
	v6, payload, err := packet.ParseIPv6(b)
	if err != nil || v6.FragmentOffset > 0 {
		// What was cut for the quote cannot be parsed; its header can.
		return err == nil || packet.Protocol(b[6]) == packet.ProtocolICMPv6
	}
	return v6.Next == packet.ProtocolICMPv6 && (len(payload) == 0 || packet.ICMP{Type: payload[0]}.IsErrorV6())
}

// meaningV4 reads an error of ICMP for IPv4.
func meaningV4(m packet.ICMP) errorMessage {
	for kind, w := range wireErrors4 {
		if w.kind == m.Type && w.code == m.Code && kind > 0 {
			e := errorMessage{what: errorKind(kind)}
			if e.what == tooBig {
				e.mtu = int(m.Rest & 0xffff) // RFC 1191 §4
			}
			return e
		}
	}
	switch {
	case m.Type == packet.ICMPv4ParameterProblem:
		return errorMessage{what: headerProblem}
	case m.Type != packet.ICMPv4Unreachable:
		return errorMessage{}
	case m.Code == 9 || m.Code == 10: // RFC 1122 §3.2.2.1: prohibited, network and host
		return errorMessage{what: prohibited}
	case m.Code == 6 || m.Code == 8 || m.Code == 11: // network unknown, isolated, not for this TOS
		return errorMessage{what: netUnreachable}
	}
	return errorMessage{what: hostUnreachable}
}

// meaningV6 reads an error of ICMP for IPv6.
func meaningV6(m packet.ICMP) errorMessage {
	if m.Type == packet.ICMPv6PacketTooBig {
		return errorMessage{what: tooBig, mtu: int(min(m.Rest, maxMTU))}
	}
	for kind, w := range wireErrors6 {
		if w.kind == m.Type && w.code == m.Code && kind > 0 {
			return errorMessage{what: errorKind(kind)}
		}
	}
	switch m.Type {
	case packet.ICMPv6ParameterProblem:
		return errorMessage{what: headerProblem}
	case packet.ICMPv6Unreachable:
		return errorMessage{what: hostUnreachable}
	}
	return errorMessage{}
}

// errno is the operating system's error for a kind, and whether RFC 9293
// §3.9.2.2 calls it hard: of IPv4 codes 2 to 4 of unreachable, of IPv6 its codes
// 1 and 4.
func (k errorKind) errno(v4 bool) (err syscall.Errno, hard bool) {
	switch k {
	case netUnreachable:
		return syscall.ENETUNREACH, false
	case protocolUnreachable:
		return syscall.ENOPROTOOPT, v4
	case portUnreachable:
		return syscall.ECONNREFUSED, true
	case prohibited:
		return syscall.EHOSTUNREACH, !v4
	case headerProblem:
		return syscall.EPROTO, false
	}
	return syscall.EHOSTUNREACH, false
}
