package dns

import (
	"encoding/binary"
	"net/netip"

	mdns "github.com/miekg/dns"
)

// Reply builds the response to one query out of record sets, without
// allocation while dst has room. Sections are filled in their order: Answer,
// Authority, Additional. A set that does not fit into q.MaxSize sets TC, and
// nothing follows it (RFC 2181 §9); an additional set that may be missing is
// left out silently instead.
//
// Names are compressed against the question only, where most of a response's
// names have their suffix.
type Reply struct {
	Rcode    int
	Flags    uint16         // FlagAA, FlagRA, FlagAD; QR, TC, RD and CD are the builder's business
	Scope    int            // how many bits of the client subnet the answer depends on (RFC 7871 §7.2.1)
	Extended *ExtendedError // nil: none. Sent only to clients that speak EDNS

	q       *Query
	buf     []byte
	start   int // where the message begins in buf
	section int
	counts  [3]uint16
	cut     bool // something did not fit
}

// The sections after the question.
const (
	answerSection = iota
	authoritySection
	additionalSection
)

// NewReply begins a response to q at the end of dst.
func NewReply(dst []byte, q *Query) Reply {
	r := Reply{q: q, buf: dst, start: len(dst)}
	var header [headerLen]byte
	binary.BigEndian.PutUint16(header[:], q.ID)
	if q.questionEnd > 0 {
		header[5] = 1
	}
	r.buf = append(r.buf, header[:]...)
	if q.questionEnd > 0 {
		r.buf = append(r.buf, q.Packet[headerLen:q.questionEnd]...)
	}
	return r
}

// AppendError appends a response without records to dst.
func AppendError(dst []byte, q *Query, rcode int, extended *ExtendedError) []byte {
	r := NewReply(dst, q)
	r.Rcode, r.Extended = rcode, extended
	return r.Finish()
}

// Answer adds s to the answer section. owner is where the records stand; ""
// is the name asked for.
func (r *Reply) Answer(owner Name, s *RRset) { r.add(answerSection, owner, s, true) }

// Authority adds s to the authority section.
func (r *Reply) Authority(s *RRset) { r.add(authoritySection, s.Owner, s, true) }

// Additional adds s to the additional section. Where must is set the
// response is useless without it, as a referral is without glue (RFC 9471).
func (r *Reply) Additional(s *RRset, must bool) { r.add(additionalSection, s.Owner, s, must) }

// Address adds one made-up A or AAAA record to the answer section. owner is as
// in [Reply.Answer].
func (r *Reply) Address(owner Name, addr netip.Addr, ttl uint32) {
	addr = addr.Unmap()
	if r.cut || !r.enter(answerSection) {
		return
	}
	mark := len(r.buf)
	if addr.Is4() {
		a := addr.As4()
		r.head(owner, mdns.TypeA, ttl)
		r.buf = append(append(r.buf, 0, 4), a[:]...)
	} else {
		a := addr.As16()
		r.head(owner, mdns.TypeAAAA, ttl)
		r.buf = append(append(r.buf, 0, 16), a[:]...)
	}
	r.keep(mark, 1, true)
}

// CNAME adds one made-up CNAME record to the answer section, as a DNAME asks
// for (RFC 6672 §3.1).
func (r *Reply) CNAME(owner, target Name, ttl uint32) {
	if r.cut || !r.enter(answerSection) {
		return
	}
	mark := len(r.buf)
	r.head(owner, mdns.TypeCNAME, ttl)
	size := len(r.buf)
	r.buf = append(r.buf, 0, 0)
	r.buf = appendName(r.buf, target, r.q.Name)
	binary.BigEndian.PutUint16(r.buf[size:], uint16(len(r.buf)-size-2))
	r.keep(mark, 1, true)
}

// Truncated reports whether something did not fit.
func (r *Reply) Truncated() bool { return r.cut }

// enter moves on to a section. It reports false for one that is over: a
// record there would be counted to the wrong section.
func (r *Reply) enter(section int) bool {
	if section < r.section {
		return false
	}
	r.section = section
	return true
}

func (r *Reply) add(section int, owner Name, s *RRset, must bool) {
	if r.cut || !r.enter(section) {
		return
	}
	mark := len(r.buf)
	for i := range s.data {
		d := &s.data[i]
		r.head(owner, s.Type, s.TTL)
		size := len(r.buf)
		r.buf = append(r.buf, 0, 0)
		done := 0
		for _, n := range d.names {
			if n.to > done {
				r.buf = append(r.buf, d.wire[done:n.from]...)
				r.buf = appendName(r.buf, d.wire[n.from:n.to], r.q.Name)
				done = n.to
			}
		}
		r.buf = append(r.buf, d.wire[done:]...)
		binary.BigEndian.PutUint16(r.buf[size:], uint16(len(r.buf)-size-2))
		if len(r.buf)-r.start > MaxTCP {
			break // keep refuses it; no need to copy the rest
		}
	}
	r.keep(mark, len(s.data), must)
}

// head appends owner, type, class and TTL of a record.
func (r *Reply) head(owner Name, t Type, ttl uint32) {
	if owner == "" {
		r.buf = append(r.buf, 0xc0, headerLen)
	} else {
		r.buf = appendName(r.buf, owner, r.q.Name)
	}
	r.buf = binary.BigEndian.AppendUint16(r.buf, t)
	r.buf = binary.BigEndian.AppendUint16(r.buf, mdns.ClassINET)
	r.buf = binary.BigEndian.AppendUint32(r.buf, ttl)
}

// keep counts n records added since mark, or takes them back when the
// message has become too long.
func (r *Reply) keep(mark, n int, must bool) {
	if len(r.buf)-r.start+optSize(r.q, nil) <= r.q.MaxSize() {
		r.counts[r.section] += uint16(n)
		return
	}
	r.buf = r.buf[:mark]
	r.cut = r.cut || must
}

// Finish completes the message and returns dst with it appended.
func (r *Reply) Finish() []byte {
	head := r.buf[r.start:]
	flags := FlagQR | r.q.Flags&(opcodeMask|FlagRD|FlagCD) | r.Flags&(FlagAA|FlagRA|FlagAD) | uint16(r.Rcode)&rcodeMask
	if r.cut {
		flags |= FlagTC
	}
	binary.BigEndian.PutUint16(head[2:], flags)
	for i, n := range r.counts {
		binary.BigEndian.PutUint16(head[6+2*i:], n)
	}
	return appendOPT(r.buf, r.start, r.q, r.Rcode, r.Scope, r.Extended)
}

// optSize is how long the OPT record of a response to q is; extended may be
// nil.
func optSize(q *Query, extended *ExtendedError) int {
	if !q.EDNS.Present {
		return 0
	}
	size := 11
	if p := q.EDNS.Subnet.Prefix; p.IsValid() {
		size += 8 + (p.Bits()+7)/8
	}
	if extended != nil {
		size += 6 + len(extended.Text)
	}
	return size
}

// appendOPT completes the message that begins at buf[start:] with an OPT
// record (RFC 6891 §6.1.1: only when the query had one) and counts it.
func appendOPT(buf []byte, start int, q *Query, rcode, scope int, extended *ExtendedError) []byte {
	if !q.EDNS.Present {
		return buf
	}
	if len(buf)-start+optSize(q, extended) > q.MaxSize() {
		extended = nil
	}
	size := optSize(q, extended)
	buf = append(buf, 0)
	buf = binary.BigEndian.AppendUint16(buf, mdns.TypeOPT)
	buf = binary.BigEndian.AppendUint16(buf, MaxUDP)
	do := byte(0)
	if q.EDNS.DO {
		do = 0x80
	}
	buf = append(buf, byte(rcode>>4), 0, do, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(size-11))
	if s := q.EDNS.Subnet; s.Prefix.IsValid() {
		s.Scope = scope
		buf = binary.BigEndian.AppendUint16(buf, mdns.EDNS0SUBNET)
		buf = binary.BigEndian.AppendUint16(buf, uint16(4+(s.Prefix.Bits()+7)/8))
		family := len(buf)
		buf = s.AppendBinary(buf)
		if asked, ok := q.EDNS.Option(mdns.EDNS0SUBNET); ok {
			copy(buf[family:], asked[:2]) // as it was sent: with 0 bits it may be 0
		}
	}
	if extended != nil {
		buf = binary.BigEndian.AppendUint16(buf, mdns.EDNS0EDE)
		buf = binary.BigEndian.AppendUint16(buf, uint16(2+len(extended.Text)))
		buf = binary.BigEndian.AppendUint16(buf, extended.Code)
		buf = append(buf, extended.Text...)
	}
	head := buf[start:]
	binary.BigEndian.PutUint16(head[10:], binary.BigEndian.Uint16(head[10:])+1)
	return buf
}

// appendName appends name, replacing the longest suffix that the question
// has too by a pointer to it (RFC 1035 §4.1.4). The question stands right
// after the header, so a place in its name is a place in the message.
func appendName[N Name | []byte](buf []byte, name N, question []byte) []byte {
	for i := 0; i < len(name) && name[i] != 0; {
		rest := name[i:]
		if at := len(question) - len(rest); at >= 0 && equalFold(rest, question[at:]) && boundary(question, at) {
			return append(buf, 0xc0|byte((headerLen+at)>>8), byte(headerLen+at))
		}
		end := min(i+1+int(name[i]), len(name))
		buf = append(buf, name[i:end]...)
		i = end
	}
	return append(buf, 0)
}

// equalFold compares two names of one length whose second is in lower case.
// Length octets are below 'A' and compare as they are.
func equalFold[N Name | []byte](a N, b []byte) bool {
	for i := range b {
		if lower(a[i]) != b[i] {
			return false
		}
	}
	return true
}

// boundary reports whether a label of name begins at offset at.
func boundary(name []byte, at int) bool {
	i := 0
	for i < at && name[i] != 0 {
		i += 1 + int(name[i])
	}
	return i == at
}
