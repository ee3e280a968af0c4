package dns

import (
	"errors"
	"fmt"

	mdns "github.com/miekg/dns"
)

// RRset is all records of one owner and type (RFC 2181 §5), together with
// their wire form. It is immutable.
type RRset struct {
	Owner  Name
	Type   Type
	TTL    uint32 // seconds; the same for all records (RFC 2181 §5.2)
	RRs    []mdns.RR
	Target Name // of a CNAME or DNAME; "" for other types

	data []rdata
}

// rdata is the uncompressed wire form of one record's data.
type rdata struct {
	wire []byte
	// names are the spans of wire that hold names which RFC 3597 §4 allows
	// to be compressed; a span that ends at 0 is none.
	names [2]span
}

type span struct{ from, to int }

// NewRRset puts records of one owner, type and class IN together. The TTL of
// the set is the smallest among them (RFC 2181 §5.2 where they differ).
// Records that say the same twice are kept once. The records now belong to
// the set.
func NewRRset(rrs ...mdns.RR) (*RRset, error) {
	if len(rrs) == 0 {
		return nil, errors.New("record set without records")
	}
	h := rrs[0].Header()
	owner, err := ParseName(h.Name)
	if err != nil {
		return nil, err
	}
	s := &RRset{Owner: owner, Type: h.Rrtype, TTL: h.Ttl}
	for _, rr := range rrs {
		if rr.Header().Rrtype != s.Type {
			return nil, fmt.Errorf("record set %s %s: a %s record among them", owner, TypeString(s.Type), TypeString(rr.Header().Rrtype))
		}
		d, err := packRdata(rr)
		if err != nil {
			return nil, fmt.Errorf("record set %s %s: %w", owner, TypeString(s.Type), err)
		}
		s.add(rr, d)
	}
	if err := s.finish(); err != nil {
		return nil, fmt.Errorf("record set %s %s: %w", owner, TypeString(s.Type), err)
	}
	return s, nil
}

// add puts one more record into a set that is being made.
func (s *RRset) add(rr mdns.RR, d rdata) {
	s.TTL = min(s.TTL, rr.Header().Ttl)
	s.RRs, s.data = append(s.RRs, rr), append(s.data, d)
}

// finish removes duplicates, gives all records one TTL and reads the target.
func (s *RRset) finish() error {
	kept := 0
	seen := make(map[string]bool, len(s.data))
	for i := range s.data {
		if key := string(s.data[i].wire); !seen[key] {
			seen[key] = true
			s.RRs[kept], s.data[kept] = s.RRs[i], s.data[i]
			kept++
		}
	}
	s.RRs, s.data = s.RRs[:kept], s.data[:kept]
	for _, rr := range s.RRs {
		rr.Header().Ttl = s.TTL
	}
	if s.Type != mdns.TypeCNAME && s.Type != mdns.TypeDNAME {
		return nil
	}
	var err error
	s.Target, err = NameFromWire(s.data[0].wire)
	return err
}

// packRdata returns the wire form of rr's data.
func packRdata(rr mdns.RR) (rdata, error) {
	buf := make([]byte, mdns.Len(rr)+MaxName)
	end, err := mdns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return rdata{}, err
	}
	// What the library packs without data it cannot read back.
	if _, _, err := mdns.UnpackRR(buf[:end], 0); err != nil {
		return rdata{}, err
	}
	r, defect := skipRecord(buf[:end], 0)
	if defect != Sound {
		return rdata{}, defect
	}
	d := rdata{wire: append([]byte(nil), buf[r.data:r.end]...)}
	if len(d.wire) == 0 {
		return rdata{}, errors.New("a record without data")
	}
	// RFC 3597 §4: only the types of RFC 1035 may have compressed names.
	switch rr.Header().Rrtype {
	case mdns.TypeNS, mdns.TypeCNAME, mdns.TypePTR:
		d.names[0] = span{0, len(d.wire)}
	case mdns.TypeMX:
		d.names[0] = span{2, len(d.wire)}
	case mdns.TypeSOA:
		first, defect := skipName(d.wire, 0)
		if defect != Sound {
			return rdata{}, defect
		}
		second, defect := skipName(d.wire, first)
		if defect != Sound {
			return rdata{}, defect
		}
		d.names[0], d.names[1] = span{0, first}, span{first, second}
	}
	return d, nil
}

// withTTL is the set with another TTL.
func (s *RRset) withTTL(ttl uint32) *RRset {
	t := *s
	t.TTL = ttl
	t.RRs = s.At("")
	for _, rr := range t.RRs {
		rr.Header().Ttl = ttl
	}
	return &t
}

// At returns copies of the records as they stand at owner: what a wildcard
// gives to the names that it matches. An empty owner leaves them where they
// are.
func (s *RRset) At(owner Name) []mdns.RR {
	rrs := make([]mdns.RR, len(s.RRs))
	for i, rr := range s.RRs {
		rrs[i] = mdns.Copy(rr)
		if owner != "" {
			rrs[i].Header().Name = owner.String()
		}
	}
	return rrs
}
