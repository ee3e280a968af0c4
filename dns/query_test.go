package dns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"waypost/trace"
)

// question is a parsed query over UDP; size 0 is one without EDNS.
func question(t testing.TB, name string, qt Type, size uint16, options ...mdns.EDNS0) *Query {
	t.Helper()
	m := new(mdns.Msg)
	m.SetQuestion(name, qt)
	m.Id = 0x1234
	if size > 0 {
		m.SetEdns0(size, false)
		m.IsEdns0().Option = options
	}
	return parsed(t, m)
}

func parsed(t testing.TB, m *mdns.Msg) *Query {
	t.Helper()
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := &Query{Transport: UDP}
	if d := q.Parse(packet); d != Sound {
		t.Fatalf("parse %v: %s", m, d)
	}
	return q
}

func TestParse(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("wWw.Shop.TEST.", mdns.TypeAAAA)
	m.Id = 4711
	m.CheckingDisabled = true
	m.SetEdns0(4000, true)
	subnet := Subnet{Prefix: netip.MustParsePrefix("203.0.113.0/24")}
	SetSubnet(m, subnet)
	c := trace.Context{Trace: trace.ID{1, 2}, Span: 3, Sampled: true}
	SetTrace(m, c)
	q := parsed(t, m)
	if q.ID != 4711 || q.Opcode != 0 || q.Flags != FlagRD|FlagCD {
		t.Errorf("id %d, opcode %d, flags %#x", q.ID, q.Opcode, q.Flags)
	}
	if string(q.Name) != string(MustName("www.shop.test")) || q.Type != mdns.TypeAAAA || q.Class != mdns.ClassINET {
		t.Errorf("question %q %d %d", q.Name, q.Type, q.Class)
	}
	e := q.EDNS
	if !e.Present || e.Size != 4000 || !e.DO || e.Subnet != subnet || e.Trace != c {
		t.Errorf("EDNS %+v", e)
	}
	if v, ok := e.Option(mdns.EDNS0SUBNET); !ok || len(v) != 7 {
		t.Errorf("option 8 = %x, %v", v, ok)
	}
	if _, ok := e.Option(mdns.EDNS0COOKIE); ok {
		t.Errorf("there is a cookie")
	}
	if got := q.MaxSize(); got != MaxUDP {
		t.Errorf("MaxSize = %d", got)
	}
	if got := q.Question(); got.Name != "www.shop.test." || got.Qtype != mdns.TypeAAAA {
		t.Errorf("Question = %v", got)
	}
	if got, err := q.Msg(); err != nil || got.Id != 4711 {
		t.Errorf("Msg = %v, %v", got, err)
	}
	if c2, ok := TraceOf(m); !ok || c2 != c {
		t.Errorf("TraceOf = %v, %v", c2, ok)
	}
	if s, ok := SubnetOf(m); !ok || s != subnet {
		t.Errorf("SubnetOf = %v, %v", s, ok)
	}
	SetTrace(m, trace.Context{Trace: trace.ID{9, 9}, Span: 9})
	if c2, _ := TraceOf(m); c2.Span != 9 || len(m.IsEdns0().Option) != 2 {
		t.Errorf("SetTrace twice: %v, %d options", c2, len(m.IsEdns0().Option))
	}
}

func TestMaxSize(t *testing.T) {
	tests := []struct {
		edns uint16
		tr   string
		want int
	}{{0, UDP, 512}, {100, UDP, 512}, {512, UDP, 512}, {700, UDP, 700}, {1232, UDP, 1232}, {4096, UDP, 1232}, {65535, UDP, 1232}, {0, TCP, 65535}, {512, TCP, 65535}}
	for _, tt := range tests {
		q := question(t, "x.", mdns.TypeA, tt.edns)
		q.Transport = tt.tr
		if got := q.MaxSize(); got != tt.want {
			t.Errorf("MaxSize over %s with EDNS %d = %d, want %d", tt.tr, tt.edns, got, tt.want)
		}
	}
}

func TestParseDefects(t *testing.T) {
	const (
		header = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		asked  = "\x03www\x04test\x00\x00\x01\x00\x01"
		opt    = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
	)
	count := func(h string, at int, n byte) string { return h[:at] + string(n) + h[at+1:] }
	with := func(options string) string {
		return count(header, 11, 1) + asked + opt[:9] + "\x00" + string(byte(len(options))) + options
	}
	tests := []struct {
		name, packet string
		want         Defect
		rcode        int // -1: no answer
	}{
		{"nothing", "", NoHeader, -1},
		{"eleven octets", header[:11], NoHeader, -1},
		{"a response", count(header, 2, 0x81) + asked, NotAQuery, -1},
		{"notify", count(header, 2, 0x20) + asked, UnknownOpcode, mdns.RcodeNotImplemented},
		{"no question", count(header, 5, 0), NotOneQuestion, mdns.RcodeFormatError},
		{"two questions", count(header, 5, 2) + asked + asked, NotOneQuestion, mdns.RcodeFormatError},
		{"question missing", header, CutShort, mdns.RcodeFormatError},
		{"cut in a label", header + "\x03ww", CutShort, mdns.RcodeFormatError},
		{"cut before the class", header + asked[:len(asked)-1], CutShort, mdns.RcodeFormatError},
		{"pointer to itself", header + "\xc0\x0c\x00\x01\x00\x01", CompressedQuestion, mdns.RcodeFormatError},
		{"pointer after a label", header + "\x01a\xc0\x00\x00\x01\x00\x01", CompressedQuestion, mdns.RcodeFormatError},
		{"label type 01", header + "\x41a\x00\x00\x01\x00\x01", BadLabel, mdns.RcodeFormatError},
		{"256 octets", header + strings.Repeat("\x01a", 128) + "\x00\x00\x01\x00\x01", LongName, mdns.RcodeFormatError},
		{"OPT missing", count(header, 11, 1) + asked, CutShort, mdns.RcodeFormatError},
		{"OPT cut short", count(header, 11, 1) + asked + opt[:8], CutShort, mdns.RcodeFormatError},
		{"OPT longer than the packet", count(header, 11, 1) + asked + opt[:10] + "\x01", CutShort, mdns.RcodeFormatError},
		{"two OPT", count(header, 11, 2) + asked + opt + opt, TwoOPT, mdns.RcodeFormatError},
		{"OPT at a name", count(header, 11, 1) + asked + "\x01a" + opt, OPTOwner, mdns.RcodeFormatError},
		{"version 1", count(header, 11, 1) + asked + opt[:6] + "\x01" + opt[7:], UnknownVersion, mdns.RcodeBadVers},
		{"option without length", with("\x00\x08\x00"), BadOption, mdns.RcodeFormatError},
		{"option too long", with("\x00\x08\x00\x01"), BadOption, mdns.RcodeFormatError},
		{"subnet of nothing", with("\x00\x08\x00\x00"), BadSubnet, mdns.RcodeFormatError},
		{"subnet with bits beyond the prefix", with("\x00\x08\x00\x07\x00\x01\x14\x00\x7f\x00\x01"), BadSubnet, mdns.RcodeFormatError},
		{"subnet with an octet too many", with("\x00\x08\x00\x06\x00\x01\x08\x00\x7f\x00"), BadSubnet, mdns.RcodeFormatError},
		{"subnet longer than an address", with("\x00\x08\x00\x09\x00\x01\x21\x00\x7f\x00\x00\x01\x00"), BadSubnet, mdns.RcodeFormatError},
		{"subnet with a scope", with("\x00\x08\x00\x05\x00\x01\x08\x08\x7f"), BadSubnet, mdns.RcodeFormatError},
		{"subnet of no family", with("\x00\x08\x00\x05\x00\x03\x08\x00\x7f"), BadSubnet, mdns.RcodeFormatError},
		{"two subnets", with("\x00\x08\x00\x05\x00\x01\x08\x00\x7f\x00\x08\x00\x05\x00\x01\x08\x00\x7f"), BadSubnet, mdns.RcodeFormatError},
		{"sound", header + asked, Sound, 0},
		{"sound with EDNS", with("\x00\x08\x00\x05\x00\x01\x08\x00\x7f"), Sound, 0},
		{"sound with a subnet of nobody", with("\x00\x08\x00\x04\x00\x00\x00\x00"), Sound, 0},
		{"a trace of rubbish is no matter", with("\xff\x78\x00\x02ab"), Sound, 0},
		{"octets after the end", header + asked + "rest", Sound, 0},
	}
	for _, tt := range tests {
		q := &Query{Transport: UDP}
		got := q.Parse([]byte(tt.packet))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			continue
		}
		rcode, answer := got.Rcode()
		if answer != (tt.rcode >= 0) || answer && rcode != tt.rcode {
			t.Errorf("%s: rcode %d, %v, want %d", tt.name, rcode, answer, tt.rcode)
		}
		if !answer {
			continue
		}
		// Every refusal can be read, and repeats what could be read.
		m := new(mdns.Msg)
		out := AppendError(nil, q, rcode, nil)
		if err := m.Unpack(out); err != nil || m.Rcode != rcode || m.Id != 0x1234 || !m.Response || len(out) > MaxUDP {
			t.Errorf("%s: refused with %v, %v", tt.name, m, err)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	subnet := &mdns.EDNS0_SUBNET{Code: mdns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{203, 0, 113, 0}}
	q := question(t, "www.shop.test.", mdns.TypeA, 1232, subnet)
	packet := q.Packet
	if got := testing.AllocsPerRun(100, func() { q.Parse(packet) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestSubnet(t *testing.T) {
	for _, s := range []Subnet{
		{netip.MustParsePrefix("203.0.113.0/24"), 0},
		{netip.MustParsePrefix("203.0.112.0/20"), 16},
		{netip.MustParsePrefix("0.0.0.0/0"), 0},
		{netip.MustParsePrefix("192.0.2.1/32"), 32},
		{netip.MustParsePrefix("2001:db8:1:200::/56"), 48},
		{netip.MustParsePrefix("::/0"), 0},
		{netip.MustParsePrefix("2001:db8::1/128"), 128},
	} {
		got, err := ParseSubnet(s.AppendBinary(nil))
		if err != nil || got != s {
			t.Errorf("%v is read back as %v, %v", s, got, err)
		}
		m := new(mdns.Msg)
		m.SetQuestion("x.", mdns.TypeA)
		SetSubnet(m, s)
		if got, ok := SubnetOf(m); !ok || got != s {
			t.Errorf("%v in a message is read back as %v, %v", s, got, ok)
		}
	}
	for addr, want := range map[string]string{"203.0.113.77": "203.0.113.0/24", "::ffff:203.0.113.77": "203.0.113.0/24", "2001:db8:1:2ff::7": "2001:db8:1:200::/56", "fe80::1%eth0": "fe80::/56"} {
		if got := SubnetFor(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("SubnetFor(%s) = %s, want %s", addr, got, want)
		}
	}
	if s := SubnetFor(netip.Addr{}); s.Prefix.IsValid() {
		t.Errorf("SubnetFor(nobody) = %v", s)
	}
	if _, ok := SubnetOf(new(mdns.Msg)); ok {
		t.Error("a subnet in an empty message")
	}
	if _, ok := TraceOf(new(mdns.Msg)); ok {
		t.Error("a trace in an empty message")
	}
	if got := (Subnet{netip.MustParsePrefix("192.0.2.0/24"), 16}).String(); got != "192.0.2.0/24 scope 16" {
		t.Errorf("String = %q", got)
	}
}

func TestTypes(t *testing.T) {
	for s, want := range map[string]Type{"a": mdns.TypeA, "AAAA": mdns.TypeAAAA, "TYPE65280": 65280, "type1": 1} {
		if got, err := ParseType(s); err != nil || got != want {
			t.Errorf("ParseType(%q) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "TYPE", "TYPE65536", "WHAT"} {
		if got, err := ParseType(s); err == nil {
			t.Errorf("ParseType(%q) = %d", s, got)
		}
	}
	if a, b, c := TypeString(65280), ClassString(9), RcodeString(4000); a != "TYPE65280" || b != "CLASS9" || c != "RCODE4000" {
		t.Errorf("%s %s %s", a, b, c)
	}
	if a, b, c := TypeString(1), ClassString(1), RcodeString(3); a != "A" || b != "IN" || c != "NXDOMAIN" {
		t.Errorf("%s %s %s", a, b, c)
	}
}

// FuzzMessage holds the fast path against the library: whatever both accept
// they read alike, and what only the library accepts is refused for a reason
// that it does not check.
func FuzzMessage(f *testing.F) {
	m := new(mdns.Msg)
	m.SetQuestion("WWW.shop.test.", mdns.TypeA)
	m.SetEdns0(1232, true)
	SetSubnet(m, Subnet{Prefix: netip.MustParsePrefix("203.0.113.0/24")})
	SetTrace(m, trace.Context{Trace: trace.ID{1, 2}, Span: 3, Sampled: true})
	seed, _ := m.Pack()
	f.Add(seed)
	m = new(mdns.Msg)
	m.SetIxfr("shop.test.", 1, "ns1.shop.test.", "host.shop.test.")
	seed, _ = m.Pack()
	f.Add(seed)
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		q := &Query{Transport: UDP}
		defect := q.Parse(packet)
		if rcode, answer := defect.Rcode(); answer {
			out := AppendError(nil, q, rcode, &ExtendedError{Code: 1, Text: "why"})
			r := new(mdns.Msg)
			if err := r.Unpack(out); err != nil || r.Rcode != rcode&^0xf|rcode&0xf && q.EDNS.Present || len(out) > q.MaxSize() {
				t.Fatalf("refusal %x of %x: %v, rcode %d", out, packet, err, r.Rcode)
			}
		}
		m := new(mdns.Msg)
		err := m.Unpack(packet)
		if err != nil {
			return // the library reads rdata that we skip, so we may accept more
		}
		if defect != Sound {
			checkRefusal(t, packet, defect, m)
			return
		}
		if len(m.Question) != 1 {
			t.Fatalf("%x: %d questions", packet, len(m.Question))
		}
		name, err := ParseName(m.Question[0].Name)
		if err != nil || string(name) != string(q.Name) || m.Question[0].Qtype != q.Type || m.Question[0].Qclass != q.Class {
			t.Fatalf("%x: library reads %v, we %q %d %d (%v)", packet, m.Question[0], q.Name, q.Type, q.Class, err)
		}
		if m.Id != q.ID || m.Opcode != q.Opcode || m.RecursionDesired != (q.Flags&FlagRD != 0) || m.CheckingDisabled != (q.Flags&FlagCD != 0) {
			t.Fatalf("%x: library reads header %v, we %d %#x", packet, m.MsgHdr, q.ID, q.Flags)
		}
		opt := m.IsEdns0()
		if (opt != nil) != q.EDNS.Present {
			t.Fatalf("%x: library reads OPT %v, we %+v", packet, opt, q.EDNS)
		}
		if opt == nil {
			return
		}
		if opt.UDPSize() != q.EDNS.Size || opt.Version() != q.EDNS.Version || opt.Do() != q.EDNS.DO {
			t.Fatalf("%x: library reads OPT %v, we %+v", packet, opt, q.EDNS)
		}
		s, ok := SubnetOf(m)
		if ok != q.EDNS.Subnet.Prefix.IsValid() || ok && s != q.EDNS.Subnet {
			if s.Prefix.Bits() != 0 { // of nobody: the family is of no importance
				t.Fatalf("%x: library reads subnet %v, we %v", packet, s, q.EDNS.Subnet)
			}
		}
		if c, _ := TraceOf(m); c != q.EDNS.Trace {
			t.Fatalf("%x: library reads trace %v, we %v", packet, c, q.EDNS.Trace)
		}
	})
}

// checkRefusal checks that a packet which the library takes was refused for
// a reason that holds.
func checkRefusal(t *testing.T, packet []byte, defect Defect, m *mdns.Msg) {
	counts := 0
	for i := 4; i < 12; i += 2 {
		counts += int(binary.BigEndian.Uint16(packet[i:]))
	}
	opts := 0
	for _, rr := range m.Extra {
		if rr.Header().Rrtype == mdns.TypeOPT {
			opts++
		}
	}
	holds := true
	switch defect {
	case NotAQuery:
		holds = m.Response
	case UnknownOpcode:
		holds = m.Opcode != mdns.OpcodeQuery
	case NotOneQuestion:
		holds = binary.BigEndian.Uint16(packet[4:]) != 1
	case CutShort:
		// The library forgives counts that promise more than there is, and
		// a question without type or class.
		holds = counts > len(m.Question)+len(m.Answer)+len(m.Ns)+len(m.Extra) || m.Question[0].Qclass == 0
	case TwoOPT:
		holds = opts > 1
	case CompressedQuestion, OPTOwner, BadSubnet:
	case UnknownVersion:
		holds = m.IsEdns0() != nil && m.IsEdns0().Version() != 0
	default:
		holds = false
	}
	if !holds {
		t.Fatalf("%x: refused for %s, but the library reads %v", packet, defect, m)
	}
}
