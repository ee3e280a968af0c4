package lab

import (
	"time"

	"waypost/packet"
)

// natTable is what a translator remembers.
type natTable struct {
	inside  map[natEnd]*mapping
	outside map[natPort]*mapping
	next    uint16 // where the search for a free port goes on
	swept   time.Duration
}

// natPort is the outer end of a mapping.
type natPort struct {
	proto packet.Protocol
	port  uint16
}

// mapping joins an inside end and an outer port.
type mapping struct {
	inside natEnd
	port   uint16
	until  time.Duration // when it ends, without another packet from inside
	// Of TCP: whether both sides have spoken beyond their SYN, and whether
	// one has ended.
	fromInside, fromOutside, ended bool
}

// firstNATPort: below it stand well-known ports, which a router's own servers
// may use (RFC 4787 §4.2.2).
const firstNATPort = 1024

func newNATTable() natTable {
	return natTable{inside: make(map[natEnd]*mapping), outside: make(map[natPort]*mapping), next: firstNATPort}
}

// known returns the mapping of an inside end, or nil.
func (t *natTable) known(e natEnd) *mapping { return t.inside[e] }

// to returns the live mapping of an outer port, or nil.
func (t *natTable) to(now time.Duration, proto packet.Protocol, port uint16) *mapping {
	m := t.outside[natPort{proto, port}]
	if m == nil || now >= m.until {
		return nil
	}
	return m
}

// from returns the mapping of an inside end, made where there is none; nil
// where there is no room.
func (t *natTable) from(now time.Duration, rules NAT, e natEnd) *mapping {
	if m := t.inside[e]; m != nil {
		if now < m.until {
			return m
		}
		t.forget(m)
	}
	if len(t.inside) >= rules.Mappings && !t.sweep(now, rules.Mappings) {
		return nil
	}
	port, ok := t.free(now, e)
	if !ok {
		return nil
	}
	m := &mapping{inside: e, port: port}
	t.inside[e] = m
	t.outside[natPort{e.proto, port}] = m
	return m
}

// free finds a port: the sender's own, or the next one that is free.
func (t *natTable) free(now time.Duration, e natEnd) (uint16, bool) {
	taken := func(port uint16) bool {
		m := t.outside[natPort{e.proto, port}]
		if m != nil && now >= m.until {
			t.forget(m)
			m = nil
		}
		return m != nil
	}
	if own := e.addr.Port(); own >= firstNATPort && !taken(own) {
		return own, true
	}
	for range 65536 - firstNATPort {
		port := t.next
		if t.next++; t.next == 0 {
			t.next = firstNATPort
		}
		if !taken(port) {
			return port, true
		}
	}
	return 0, false
}

func (t *natTable) forget(m *mapping) {
	delete(t.inside, m.inside)
	delete(t.outside, natPort{m.inside.proto, m.port})
}

// sweep forgets what has ended, at most once a second. It reports whether
// there is room.
func (t *natTable) sweep(now time.Duration, room int) bool {
	if now-t.swept < time.Second {
		return false
	}
	t.swept = now
	for _, m := range t.inside {
		if now >= m.until {
			t.forget(m)
		}
	}
	return len(t.inside) < room
}

// seen follows a TCP connection as far as its lifetime needs it.
func (m *mapping) seen(ip ipv4Packet, fromInside bool) {
	flags, ok := ip.tcpFlags()
	if !ok {
		return
	}
	switch {
	case flags&packet.SYN != 0:
		m.ended = false // a new connection from the same port
		m.fromInside, m.fromOutside = m.fromInside && !fromInside, m.fromOutside && fromInside
	case flags&(packet.FIN|packet.RST) != 0:
		m.ended = true
	case fromInside:
		m.fromInside = true
	default:
		m.fromOutside = true
	}
}

// life is how long the mapping lives from now on.
func (m *mapping) life(rules NAT) time.Duration {
	switch m.inside.proto {
	case packet.ProtocolUDP:
		return rules.UDP
	case packet.ProtocolTCP:
		if m.fromInside && m.fromOutside && !m.ended {
			return rules.TCP
		}
		return rules.TCPTransitory
	}
	return rules.ICMP
}
