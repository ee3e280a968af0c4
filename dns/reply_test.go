package dns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

func rrs(t testing.TB, lines ...string) []mdns.RR {
	t.Helper()
	var all []mdns.RR
	for _, l := range lines {
		rr, err := mdns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return all
}

func set(t testing.TB, lines ...string) *RRset {
	t.Helper()
	s, err := NewRRset(rrs(t, lines...)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unpack(t testing.TB, packet []byte) *mdns.Msg {
	t.Helper()
	m := new(mdns.Msg)
	if err := m.Unpack(packet); err != nil {
		t.Fatalf("unpack %x: %v", packet, err)
	}
	return m
}

// lines are the records of a section with single spaces.
func lines(section []mdns.RR) string {
	var l []string
	for _, rr := range section {
		l = append(l, strings.Join(strings.Fields(rr.String()), " "))
	}
	return strings.Join(l, "; ")
}

func ExampleReply() {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	packet, _ := m.Pack()

	q := &Query{Transport: UDP}
	if defect := q.Parse(packet); defect != Sound {
		fmt.Println(defect)
		return
	}
	r := NewReply(nil, q)
	r.Flags = FlagAA
	r.Address("", netip.MustParseAddr("192.0.2.1"), 30)
	fmt.Println(len(packet), len(r.Finish()))
	// Output:
	// 31 47
}

func TestReplySections(t *testing.T) {
	q := question(t, "WWW.shop.test.", mdns.TypeA, 1232, &mdns.EDNS0_SUBNET{Code: 8, Family: 1, SourceNetmask: 24, Address: []byte{203, 0, 113, 0}})
	r := NewReply([]byte("before"), q)
	r.Flags, r.Rcode, r.Scope = FlagAA|FlagRA|FlagTC, mdns.RcodeSuccess, 20
	r.Extended = &ExtendedError{Code: mdns.ExtendedErrorCodeSynthesized, Text: "an edge near you"}
	r.Answer("", set(t, "star.shop.test. 60 CNAME Mail.Shop.Test."))
	r.Answer(MustName("mail.shop.test"), set(t, "mail.shop.test. 30 A 192.0.2.1", "mail.shop.test. 60 A 192.0.2.2", "mail.shop.test. 60 A 192.0.2.1"))
	r.CNAME(MustName("x.www.shop.test"), MustName("y.www.shop.test"), 5)
	r.Authority(set(t, "shop.test. 300 NS ns1.shop.test.", "shop.test. 300 NS ns.other.test."))
	r.Authority(set(t, "shop.test. 300 SOA ns1.shop.test. host.other. 1 2 3 4 5"))
	r.Additional(set(t, "ns1.shop.test. 300 AAAA 2001:db8::1"), false)
	r.Additional(set(t, "shop.test. 300 MX 10 www.shop.test."), false)
	r.Additional(set(t, "srv.shop.test. 300 SRV 1 2 3 www.shop.test."), false)
	r.Answer("", set(t, "late.shop.test. 60 A 192.0.2.1")) // over: not taken
	out := r.Finish()
	if string(out[:6]) != "before" {
		t.Fatalf("dst was overwritten")
	}
	m := unpack(t, out[6:])
	if m.Id != 0x1234 || !m.Response || !m.Authoritative || !m.RecursionAvailable || !m.RecursionDesired || m.Truncated {
		t.Errorf("header %v", m.MsgHdr)
	}
	if m.Question[0].Name != "WWW.shop.test." {
		t.Errorf("question %v: its spelling is the client's", m.Question)
	}
	const (
		answer    = "WWW.shop.test. 60 IN CNAME Mail.shop.test.; mail.shop.test. 30 IN A 192.0.2.1; mail.shop.test. 30 IN A 192.0.2.2; x.WWW.shop.test. 5 IN CNAME y.WWW.shop.test."
		authority = "shop.test. 300 IN NS ns1.shop.test.; shop.test. 300 IN NS ns.other.test.; shop.test. 300 IN SOA ns1.shop.test. host.other. 1 2 3 4 5"
	)
	if got := lines(m.Answer); got != answer {
		t.Errorf("answer\n got %s\nwant %s", got, answer)
	}
	if got := lines(m.Ns); got != authority {
		t.Errorf("authority\n got %s\nwant %s", got, authority)
	}
	if got := lines(m.Extra[:3]); got != "ns1.shop.test. 300 IN AAAA 2001:db8::1; shop.test. 300 IN MX 10 WWW.shop.test.; srv.shop.test. 300 IN SRV 1 2 3 www.shop.test." {
		t.Errorf("additional %s", got)
	}
	opt := m.IsEdns0()
	if opt == nil || opt.UDPSize() != MaxUDP || len(opt.Option) != 2 {
		t.Fatalf("OPT %v", opt)
	}
	if s, _ := SubnetOf(m); s.String() != "203.0.113.0/24 scope 20" {
		t.Errorf("subnet %v", s)
	}
	if e := opt.Option[1].(*mdns.EDNS0_EDE); e.InfoCode != mdns.ExtendedErrorCodeSynthesized || e.ExtraText != "an edge near you" {
		t.Errorf("extended error %v", e)
	}
}

// TestReplyEchoesSubnet: what a client sends of its subnet comes back as it
// was (RFC 7871 §7.2.1), a family of 0 too.
func TestReplyEchoesSubnet(t *testing.T) {
	for _, content := range []string{"\x00\x00\x00\x00", "\x00\x01\x00\x00", "\x00\x02\x00\x00", "\x00\x01\x14\x00\xcb\x00\x70"} {
		q := question(t, "x.test.", mdns.TypeA, 1232, &mdns.EDNS0_LOCAL{Code: mdns.EDNS0SUBNET, Data: []byte(content)})
		out := AppendError(nil, q, 0, nil)
		if got := string(out[len(out)-len(content):]); got != content {
			t.Errorf("sent %x, got %x", content, got)
		}
	}
}

func TestReplyTruncates(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("x.test. 60 A 192.0.2.%d", i))
	}
	big, small := set(t, many...), set(t, "x.test. 60 A 192.0.2.1") // 40 × 16 octets
	t.Run("answer", func(t *testing.T) {
		r := NewReply(nil, question(t, "x.test.", mdns.TypeA, 0))
		r.Answer("", big)
		r.Authority(set(t, "test. 1 NS a.test.")) // nothing follows
		m := unpack(t, r.Finish())
		if !m.Truncated || !r.Truncated() || len(m.Answer)+len(m.Ns) != 0 {
			t.Errorf("got %v", m)
		}
	})
	t.Run("fits with EDNS", func(t *testing.T) {
		r := NewReply(nil, question(t, "x.test.", mdns.TypeA, 1232))
		r.Answer("", big)
		if m := unpack(t, r.Finish()); m.Truncated || len(m.Answer) != 40 {
			t.Errorf("got %v", m)
		}
	})
	t.Run("additional may be missing", func(t *testing.T) {
		r := NewReply(nil, question(t, "x.test.", mdns.TypeA, 0))
		r.Answer("", small)
		r.Additional(big, false)
		r.Additional(small, false)
		if m := unpack(t, r.Finish()); m.Truncated || len(m.Answer) != 1 || len(m.Extra) != 1 {
			t.Errorf("got %v", m)
		}
	})
	t.Run("glue may not", func(t *testing.T) {
		r := NewReply(nil, question(t, "x.test.", mdns.TypeA, 0))
		r.Authority(small)
		r.Additional(big, true)
		if m := unpack(t, r.Finish()); !m.Truncated || len(m.Ns) != 1 || len(m.Extra) != 0 {
			t.Errorf("got %v", m)
		}
	})
	t.Run("text of an extended error goes first", func(t *testing.T) {
		q := question(t, "x.test.", mdns.TypeA, 512)
		out := AppendError(nil, q, mdns.RcodeRefused, &ExtendedError{Code: 1, Text: strings.Repeat("long ", 200)})
		if m := unpack(t, out); len(out) > 512 || m.Rcode != mdns.RcodeRefused || m.Truncated {
			t.Errorf("%d octets: %v", len(out), m)
		}
	})
	t.Run("more than TCP takes", func(t *testing.T) {
		text := strings.Repeat("a", 255)
		var huge []string
		for i := range 300 {
			huge = append(huge, fmt.Sprintf("x.test. 60 TXT %s %d", text, i))
		}
		q := question(t, "x.test.", mdns.TypeTXT, 0)
		q.Transport = TCP
		r := NewReply(nil, q)
		r.Answer("", set(t, huge...))
		if out := r.Finish(); len(out) > MaxTCP || !unpack(t, out).Truncated {
			t.Errorf("%d octets", len(out))
		}
	})
}

// TestReplyNames holds compression to names that only seem to share a suffix
// with the question.
func TestReplyNames(t *testing.T) {
	for _, tt := range []struct{ asked, name string }{
		{"www.shop.test.", "www.shop.test."},
		{"www.shop.test.", "shop.test."},
		{"www.shop.test.", "a.b.Shop.Test."},
		{"www.shop.test.", "."},
		{".", "www.shop.test."},
		{"www.shop.test.", "op.test."},
		{`x\004test.`, "test."}, // the octets of "test." at the end, but inside a label
		{"test.", `x\004test.`},
		{strings.Repeat("a123456789.", 23), "x.a123456789.a123456789."}, // a pointer beyond 255
	} {
		r := NewReply(nil, question(t, tt.asked, mdns.TypeNS, 0))
		r.Authority(set(t, tt.name+" 1 NS "+tt.name))
		m := unpack(t, r.Finish())
		ns := m.Ns[0].(*mdns.NS)
		if !strings.EqualFold(ns.Hdr.Name, tt.name) || !strings.EqualFold(ns.Ns, tt.name) {
			t.Errorf("asked %s, got %v, want %s", tt.asked, ns, tt.name)
		}
	}
}

func TestReplyAllocatesNothing(t *testing.T) {
	q := question(t, "www.shop.test.", mdns.TypeA, 1232)
	s, soa := set(t, "www.shop.test. 60 A 192.0.2.1"), set(t, "shop.test. 300 SOA ns1.shop.test. host.other. 1 2 3 4 5")
	dst := make([]byte, 0, MaxUDP)
	if got := testing.AllocsPerRun(100, func() {
		r := NewReply(dst, q)
		r.Answer("", s)
		r.Authority(soa)
		r.Finish()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestNewRRsetErrors(t *testing.T) {
	if _, err := NewRRset(); err == nil {
		t.Error("a set of nothing")
	}
	if _, err := NewRRset(rrs(t, "a. 1 A 192.0.2.1", "a. 1 AAAA ::1")...); err == nil {
		t.Error("a set of two types")
	}
	if _, err := NewRRset(&mdns.A{Hdr: mdns.RR_Header{Name: "a..b", Rrtype: mdns.TypeA}}); err == nil {
		t.Error("a set without a name")
	}
	if _, err := NewRRset(&mdns.A{Hdr: mdns.RR_Header{Name: "a.", Rrtype: mdns.TypeA}}); err == nil {
		t.Error("a record without data")
	}
	s := set(t, "a. 1 A 192.0.2.1")
	if got := lines(s.At(MustName("b"))); got != "b. 1 IN A 192.0.2.1" || lines(s.RRs) != "a. 1 IN A 192.0.2.1" {
		t.Errorf("At = %s", got)
	}
}

func packed(t testing.TB, m *mdns.Msg) *Packed {
	t.Helper()
	p, err := Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPacked(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Response, m.RecursionAvailable, m.RecursionDesired, m.Id = true, true, false, 77
	m.Answer = rrs(t, "www.shop.test. 300 CNAME x.cdn.test.", "x.cdn.test. 20 A 192.0.2.1")
	m.Ns = rrs(t, "cdn.test. 5 NS ns1.cdn.test.")
	m.SetEdns0(4096, true)
	before := m.String()
	p := packed(t, m)
	if m.String() != before {
		t.Error("Pack changed its message")
	}

	q := question(t, "wWw.shop.test.", mdns.TypeA, 1232)
	out, ok := p.Append([]byte("x"), q, Patch{Age: 12, Scope: 0})
	if !ok {
		t.Fatal("it does not answer")
	}
	got := unpack(t, out[1:])
	if got.Id != q.ID || !got.RecursionDesired || !got.RecursionAvailable || got.Question[0].Name != "wWw.shop.test." {
		t.Errorf("got %v", got)
	}
	if l := lines(got.Answer) + "; " + lines(got.Ns); !strings.EqualFold(l, "www.shop.test. 288 IN CNAME x.cdn.test.; x.cdn.test. 8 IN A 192.0.2.1; cdn.test. 0 IN NS ns1.cdn.test.") {
		t.Errorf("records %s", l)
	}
	if opt := got.IsEdns0(); opt == nil || opt.UDPSize() != MaxUDP || opt.Do() || len(got.Extra) != 1 {
		t.Errorf("OPT %v", opt)
	}

	// Without EDNS there is no OPT, and the original is untouched.
	out, _ = p.Append(nil, question(t, "www.shop.test.", mdns.TypeA, 0), Patch{})
	if got := unpack(t, out); got.IsEdns0() != nil || got.Answer[0].Header().Ttl != 300 || len(out) != p.Len() {
		t.Errorf("got %v", got)
	}
	for _, other := range []*Query{
		question(t, "wwv.shop.test.", mdns.TypeA, 0), question(t, "www.shop.test.", mdns.TypeAAAA, 0), question(t, "shop.test.", mdns.TypeA, 0),
	} {
		if _, ok := p.Append(nil, other, Patch{}); ok {
			t.Errorf("it answers %q %d", other.Name, other.Type)
		}
	}
}

func TestPackedFits(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("x.test.", mdns.TypeA)
	m.Response = true
	for i := range 20 {
		m.Extra = append(m.Extra, rrs(t, fmt.Sprintf("a%d.test. 60 AAAA 2001:db8::%d", i, i))...)
	}
	q := question(t, "x.test.", mdns.TypeA, 0)
	referral := m.Copy()
	referral.Ns = rrs(t, "test. 60 NS a1.test.")
	out, _ := packed(t, referral).Append(nil, q, Patch{})
	if got := unpack(t, out); !got.Truncated || len(got.Ns) != 0 || len(out) > MinUDP {
		t.Errorf("a referral without glue: %v", got)
	}
	m.Answer = rrs(t, "x.test. 60 A 192.0.2.1")
	out, _ = packed(t, m).Append(nil, q, Patch{Age: 10})
	if got := unpack(t, out); got.Truncated || len(got.Answer) != 1 || len(got.Extra) != 0 || got.Answer[0].Header().Ttl != 50 {
		t.Errorf("an answer: %v", got)
	}
	q.Transport = TCP
	out, _ = packed(t, m).Append(nil, q, Patch{})
	if got := unpack(t, out); len(got.Extra) != 20 {
		t.Errorf("over TCP: %d additional records", len(got.Extra))
	}
}

func TestPackedExtendedRcode(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("x.test.", mdns.TypeA)
	m.Rcode = mdns.RcodeBadCookie
	out, err := AppendMsg(nil, question(t, "x.test.", mdns.TypeA, 1232), m, Patch{})
	if err != nil || unpack(t, out).Rcode != mdns.RcodeBadCookie {
		t.Errorf("got %x, %v", out, err)
	}
	if _, err := AppendMsg(nil, question(t, "y.test.", mdns.TypeA, 0), m, Patch{}); err == nil {
		t.Error("it answers another question")
	}
	if _, err := Pack(new(mdns.Msg)); err == nil {
		t.Error("a response without a question")
	}
}

// FuzzPacked keeps whatever the library can read as an answer, and sends it
// to clients of every kind.
func FuzzPacked(f *testing.F) {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Answer = rrs(f, "www.shop.test. 300 CNAME x.cdn.test.", "x.cdn.test. 20 A 192.0.2.1")
	m.Ns = rrs(f, "cdn.test. 5 NS ns1.cdn.test.", "cdn.test. 5 SOA a. b. 1 2 3 4 5")
	m.Extra = rrs(f, "ns1.cdn.test. 5 AAAA 2001:db8::1", `ns1.cdn.test. 5 SVCB 1 . alpn="h2" port=53`)
	m.SetEdns0(1232, true)
	seed, _ := m.Pack()
	f.Add(seed, uint16(1232), uint32(7), false)
	f.Add(seed, uint16(0), uint32(1<<31), true)
	f.Fuzz(func(t *testing.T, packet []byte, size uint16, age uint32, tcp bool) {
		m := new(mdns.Msg)
		if m.Unpack(packet) != nil {
			return
		}
		p, err := Pack(m)
		if err != nil {
			return
		}
		asked := new(mdns.Msg)
		asked.Question = m.Question
		if size > 0 {
			asked.SetEdns0(size, true)
		}
		q := parsed(t, asked)
		if tcp {
			q.Transport = TCP
		}
		out, ok := p.Append(nil, q, Patch{Age: age})
		if !ok || len(out) > q.MaxSize() {
			t.Fatalf("%v: %d octets, %v", m, len(out), ok)
		}
		got := unpack(t, out)
		if got.Rcode&0xf != m.Rcode&0xf || len(got.Question) != 1 || (got.IsEdns0() != nil) != (size > 0) {
			t.Fatalf("%v becomes %v", m, got)
		}
		if got.Truncated {
			return
		}
		if len(got.Answer) != len(m.Answer) {
			t.Fatalf("%v becomes %v", m, got)
		}
		for i, rr := range got.Answer {
			before := m.Answer[i].Header().Ttl
			if after := rr.Header().Ttl; after != before-min(before, age) {
				t.Fatalf("TTL %d of age %d becomes %d", before, age, after)
			}
		}
	})
}

func TestPackedAllocatesNothing(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Answer = rrs(t, "www.shop.test. 300 A 192.0.2.1")
	p, q, dst := packed(t, m), question(t, "www.shop.test.", mdns.TypeA, 1232), make([]byte, 0, MaxUDP)
	if got := testing.AllocsPerRun(100, func() { p.Append(dst, q, Patch{Age: 3}) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestTruncate(t *testing.T) {
	m := new(mdns.Msg)
	m.SetQuestion("x.test.", mdns.TypeA)
	m.Answer = rrs(t, "x.test. 60 A 192.0.2.1")
	packet, _ := m.Pack()
	if got := truncate(packet, len(packet)); len(got) != len(packet) || unpack(t, got).Truncated {
		t.Errorf("what fits was cut: %v", unpack(t, got))
	}
	if got := unpack(t, truncate(packet, len(packet)-1)); !got.Truncated || len(got.Answer) != 0 || len(got.Question) != 1 {
		t.Errorf("got %v", got)
	}
	packet[headerLen] = 0x7f // a question that cannot be read
	binary.BigEndian.PutUint16(packet[6:], 1)
	if got := truncate(packet, 20); len(got) != headerLen || !unpack(t, got).Truncated {
		t.Errorf("got %x", got)
	}
}

func BenchmarkParse(b *testing.B) {
	q := question(b, "www.shop.test.", mdns.TypeA, 1232)
	packet := q.Packet
	b.ReportAllocs()
	for b.Loop() {
		q.Parse(packet)
	}
}

func BenchmarkPackedAppend(b *testing.B) {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Answer = rrs(b, "www.shop.test. 300 CNAME x.cdn.test.", "x.cdn.test. 300 A 192.0.2.1")
	p, q, dst := packed(b, m), question(b, "www.shop.test.", mdns.TypeA, 1232), make([]byte, 0, MaxUDP)
	b.ReportAllocs()
	for b.Loop() {
		p.Append(dst, q, Patch{Age: 3})
	}
}

func BenchmarkZoneAnswer(b *testing.B) {
	z := parse(b, shopZone, "shop.test")
	q, dst := question(b, "ns1.shop.test.", mdns.TypeA, 1232), make([]byte, 0, MaxUDP)
	packet := q.Packet
	b.ReportAllocs()
	for b.Loop() {
		q.Parse(packet)
		r := NewReply(dst, q)
		r.Answer("", z.LookupWire(q.Name, q.Type).Set)
		r.Finish()
	}
}
