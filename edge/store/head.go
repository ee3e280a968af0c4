package store

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
)

// headFormat is the first byte of a head on disk. Another one is not read:
// the object is then fetched anew.
const headFormat = 1

// appendHead writes what of a response is not its body, for the disk.
func appendHead(dst []byte, r *cache.Response) []byte {
	dst = append(dst, headFormat)
	dst = binary.AppendUvarint(dst, uint64(r.Status))
	for _, t := range [...]time.Time{r.Asked, r.Received, r.Purged} {
		dst = appendTime(dst, t)
	}
	dst = appendFields(dst, r.Fields)
	return appendFields(dst, r.Selecting)
}

// appendTime writes t to the nanosecond; zero stays zero.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(dst, 0)
	}
	return binary.AppendVarint(dst, t.UnixNano())
}

func appendFields(dst []byte, f field.Fields) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(f)))
	for _, line := range f {
		for _, s := range [...]string{line.Name, line.Value} {
			dst = binary.AppendUvarint(dst, uint64(len(s)))
			dst = append(dst, s...)
		}
	}
	return dst
}

var errHead = errors.New("head on disk: not one of ours")

// parseHead reads what appendHead wrote.
func parseHead(b []byte) (*cache.Response, error) {
	p := headParser{rest: b}
	if len(b) == 0 || b[0] != headFormat {
		return nil, errHead
	}
	p.rest = b[1:]
	r := &cache.Response{Status: int(p.number(999))}
	r.Asked, r.Received, r.Purged = p.time(), p.time(), p.time()
	r.Fields, r.Selecting = p.fields(), p.fields()
	if p.failed || len(p.rest) > 0 {
		return nil, errHead
	}
	return r, nil
}

type headParser struct {
	rest   []byte
	failed bool
}

func (p *headParser) number(most uint64) uint64 {
	n, size := binary.Uvarint(p.rest)
	if size <= 0 || n > most {
		p.failed, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

func (p *headParser) time() time.Time {
	n, size := binary.Varint(p.rest)
	if size <= 0 {
		p.failed, p.rest = true, nil
		return time.Time{}
	}
	p.rest = p.rest[size:]
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func (p *headParser) text() string {
	n := p.number(uint64(len(p.rest)))
	if n > uint64(len(p.rest)) {
		p.failed = true
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

func (p *headParser) fields() field.Fields {
	n := p.number(uint64(len(p.rest))) // a line takes two bytes at least
	var f field.Fields
	for range n {
		if p.failed {
			return nil
		}
		f = append(f, field.Line{Name: p.text(), Value: p.text()})
	}
	return f
}

// variantOf numbers the variants of one key: two with the same selection
// (see sameSelection) have one number.
func variantOf(r *cache.Response) uint64 {
	h := fnv.New64a()
	h.Write([]byte(r.Fields.Join("Vary")))
	h.Write(appendFields(nil, r.Selecting))
	return h.Sum64()
}
