package dns

import (
	"encoding/binary"

	mdns "github.com/miekg/dns"

	"waypost/trace"
)

// Sizes of messages.
const (
	MinUDP = 512   // RFC 1035 §2.3.4: what everybody takes over UDP
	MaxUDP = 1232  // fits into the 1280 octets that every IPv6 link carries whole, so no answer of ours is fragmented
	MaxTCP = 65535 // RFC 1035 §4.2.2: the length field has 16 bits
)

// EDNS is the OPT record of a query (RFC 6891).
type EDNS struct {
	Present bool
	Size    uint16 // the UDP payload size that the client takes, as it said
	Version uint8
	DO      bool   // DNSSEC records wanted (RFC 3225)
	Options []byte // all options in wire form, each known to be whole
	// Subnet is the client subnet option (RFC 7871); its Prefix is invalid
	// when there is none.
	Subnet Subnet
	// Trace is the context under trace.EDNSOption; zero when there is none.
	// Anybody can write one: believe it only from peers.
	Trace trace.Context
}

// read takes in the OPT record r whose rdata is data.
func (e *EDNS) read(r record, data []byte) Defect {
	e.Present = true
	e.Size = r.class
	e.Version = uint8(r.ttl >> 16)
	e.DO = r.ttl&(1<<15) != 0
	if e.Version != 0 {
		return Sound // RFC 6891 §6.1.3: only BADVERS can be said; the options are of that version
	}
	e.Options = data
	subnets := 0
	for len(data) > 0 {
		code, value, rest, ok := cutOption(data)
		if !ok {
			return BadOption
		}
		switch code {
		case mdns.EDNS0SUBNET:
			s, err := ParseSubnet(value)
			// RFC 7871 §6: in queries the scope must be 0.
			if subnets++; err != nil || s.Scope != 0 || subnets > 1 {
				return BadSubnet
			}
			e.Subnet = s
		case trace.EDNSOption:
			if c, ok := trace.ParseBinary(value); ok {
				e.Trace = c
			}
		}
		data = rest
	}
	return Sound
}

// Option returns the value of the first option with the code.
func (e *EDNS) Option(code uint16) (value []byte, ok bool) {
	for rest := e.Options; len(rest) > 0; {
		c, v, r, ok := cutOption(rest)
		if !ok {
			return nil, false
		}
		if c == code {
			return v, true
		}
		rest = r
	}
	return nil, false
}

// cutOption takes the first option off b (RFC 6891 §6.1.2).
func cutOption(b []byte) (code uint16, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < 4+size {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[4 : 4+size : 4+size], b[4+size:], true
}

// SetTrace puts c into m's OPT record, adding one where there is none. It
// replaces a context that is there already.
func SetTrace(m *mdns.Msg, c trace.Context) {
	setOption(m, &mdns.EDNS0_LOCAL{Code: trace.EDNSOption, Data: c.AppendBinary(nil)})
}

// TraceOf returns the context in m's OPT record.
func TraceOf(m *mdns.Msg) (trace.Context, bool) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if l, ok := o.(*mdns.EDNS0_LOCAL); ok && l.Code == trace.EDNSOption {
				return trace.ParseBinary(l.Data)
			}
		}
	}
	return trace.Context{}, false
}

// setOption puts o into m's OPT record in place of any with its code.
func setOption(m *mdns.Msg, o mdns.EDNS0) {
	opt := m.IsEdns0()
	if opt == nil {
		m.SetEdns0(MaxUDP, false)
		opt = m.IsEdns0()
	}
	for i, old := range opt.Option {
		if old.Option() == o.Option() {
			opt.Option[i] = o
			return
		}
	}
	opt.Option = append(opt.Option, o)
}

// ExtendedError says more about a failure than a response code can (RFC
// 8914). The zero value is no extended error: use a pointer, nil for none.
type ExtendedError struct {
	Code uint16 // RFC 8914 §4, e.g. mdns.ExtendedErrorCodeNotAuthoritative
	Text string // for people; may be empty
}
