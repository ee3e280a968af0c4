package dns

import (
	"encoding/binary"
	"errors"
	"fmt"

	mdns "github.com/miekg/dns"
)

// Packed is a response kept ready to be sent many times: a cached answer. It
// is immutable and safe for concurrent use.
type Packed struct {
	name      Name
	msg       []byte
	ttls      []uint16 // where the TTLs are in msg
	essential int      // octets up to the additional section
	glue      bool     // the additional section belongs to a referral
	rcode     int
}

// Patch is what is different each time a [Packed] response is sent. The zero
// value changes nothing but what the query itself asks for.
type Patch struct {
	Age      uint32         // seconds by which every TTL is lowered, to 0 at most
	Scope    int            // see [Reply]
	Extended *ExtendedError // see [Reply]
}

// Pack makes a Packed of m, which has one question. Its OPT record is left
// out: each client gets its own. m is not changed.
func Pack(m *mdns.Msg) (*Packed, error) {
	if len(m.Question) != 1 {
		return nil, errors.New("pack response: not exactly one question")
	}
	name, err := ParseName(m.Question[0].Name)
	if err != nil {
		return nil, err
	}
	plain := *m
	plain.Compress = true
	plain.Rcode = m.Rcode & rcodeMask
	plain.Extra = nil
	for _, rr := range m.Extra {
		if rr.Header().Rrtype != mdns.TypeOPT {
			plain.Extra = append(plain.Extra, rr)
		}
	}
	msg, err := plain.Pack()
	if err != nil {
		return nil, err
	}
	if len(msg) > MaxTCP {
		return nil, errors.New("pack response: longer than 65535 octets")
	}
	// The library packs records that it read without data into what nobody
	// can read.
	if err := new(mdns.Msg).Unpack(msg); err != nil {
		return nil, fmt.Errorf("pack response: %w", err)
	}
	p := &Packed{name: name, msg: msg, rcode: m.Rcode, glue: len(m.Answer) == 0 && !m.Authoritative}
	off := headerLen + len(name) + 4
	p.essential = off
	for i := range len(m.Answer) + len(m.Ns) + len(plain.Extra) {
		r, defect := skipRecord(msg, off)
		if defect != Sound {
			return nil, defect
		}
		p.ttls = append(p.ttls, uint16(r.head+4))
		off = r.end
		if i < len(m.Answer)+len(m.Ns) {
			p.essential = off
		}
	}
	return p, nil
}

// Len is the size of the response in octets, without OPT.
func (p *Packed) Len() int { return len(p.msg) }

// Append appends the response to q: its id, its RD and CD bits, its spelling
// of the name, its OPT record. A response longer than q.MaxSize loses its
// additional section, or, when that is not enough or may not be, all records
// and sets TC. It reports false when the response does not answer q.
func (p *Packed) Append(dst []byte, q *Query, patch Patch) ([]byte, bool) {
	question := headerLen + len(p.name) + 4
	if string(q.Name) != string(p.name) || q.questionEnd != question ||
		string(p.msg[question-4:question]) != string(q.Packet[question-4:question]) {
		return dst, false
	}
	start := len(dst)
	size, room := len(p.msg), q.MaxSize()-optSize(q, nil)
	cut := false
	switch {
	case size <= room:
	case p.essential <= room && !p.glue:
		size = p.essential
	default:
		size, cut = question, true
	}
	dst = append(dst, p.msg[:size]...)
	msg := dst[start:]
	copy(msg[headerLen:], q.Packet[headerLen:question])
	binary.BigEndian.PutUint16(msg, q.ID)
	const theirs = FlagRD | FlagCD
	flags := binary.BigEndian.Uint16(msg[2:])&^(theirs|FlagTC) | FlagQR | q.Flags&theirs
	if cut {
		flags |= FlagTC
		clear(msg[6:headerLen])
	} else if size < len(p.msg) {
		clear(msg[10:headerLen])
	}
	binary.BigEndian.PutUint16(msg[2:], flags)
	for _, at := range p.ttls {
		if int(at) >= size {
			break
		}
		ttl := binary.BigEndian.Uint32(msg[at:])
		binary.BigEndian.PutUint32(msg[at:], ttl-min(ttl, patch.Age))
	}
	return appendOPT(dst, start, q, p.rcode, patch.Scope, patch.Extended), true
}

// AppendMsg appends m as the response to q: the slow path of [Packed.Append].
// m answers q's question; its id, RD, CD and OPT record are replaced.
func AppendMsg(dst []byte, q *Query, m *mdns.Msg, patch Patch) ([]byte, error) {
	p, err := Pack(m)
	if err != nil {
		return dst, err
	}
	out, ok := p.Append(dst, q, patch)
	if !ok {
		return dst, errors.New("pack response: it answers another question")
	}
	return out, nil
}

// truncate cuts a response down to its question and sets TC when it is
// longer than limit: the server's guard behind its handlers.
func truncate(msg []byte, limit int) []byte {
	if len(msg) <= limit || len(msg) < headerLen {
		return msg
	}
	end := headerLen
	if binary.BigEndian.Uint16(msg[4:]) == 1 {
		if off, defect := skipName(msg, headerLen); defect == Sound && off+4 <= min(limit, len(msg)) {
			end = off + 4
		}
	}
	if end == headerLen {
		clear(msg[4:6])
	}
	clear(msg[6:headerLen])
	binary.BigEndian.PutUint16(msg[2:], binary.BigEndian.Uint16(msg[2:])|FlagTC)
	return msg[:end]
}
