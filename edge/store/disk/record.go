package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The format of a record: a prefix of fixed size, the key, the head, the
// body. Numbers are little-endian.
//
//	0  mark         8 bytes, the segment's (segment.go)
//	8  checksum     CRC-32C of what follows of the prefix, key and head
//	12 kind         1 a record, 2 a deletion of the key's records
//	16 key length   in bytes
//	20 head length
//	24 body checksum
//	28 body length  8 bytes
//	36 variant      8 bytes
const prefixSize = 44

// summed is where the bytes begin that the checksum covers.
const summed = 12

// mark is what each record of a segment begins with. It is drawn for the
// segment and leaves it never: an origin that chooses a body cannot write into
// it what would be taken for a record, whatever a crash has left of the bytes
// before.
type mark [8]byte

// The kinds of records.
const (
	kindRecord   = 1
	kindDeletion = 2
)

// What a prefix may claim: more is no record of ours.
const (
	MaxKey  = 64 << 10 // a URL of the longest request line, twice
	MaxHead = 1 << 20  // a response head at its limit, with room
)

// prefix is the fixed part of a record.
type prefix struct {
	kind       uint32
	key, head  uint32 // lengths
	bodySum    uint32
	body       uint64 // length
	variant    uint64
	headerSum  uint32
	headerSize int64 // prefix, key and head together
}

// appendHeader appends prefix, key and head. The mark is left to whoever
// writes them to a segment.
func appendHeader(dst []byte, kind uint32, key string, variant uint64, head []byte, bodySum uint32, body int64) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, summed)...)
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(head)))
	dst = binary.LittleEndian.AppendUint32(dst, bodySum)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(body))
	dst = binary.LittleEndian.AppendUint64(dst, variant)
	dst = append(append(dst, key...), head...)
	binary.LittleEndian.PutUint32(dst[start+len(mark{}):], crc32.Checksum(dst[start+summed:], castagnoli))
	return dst
}

var errNoRecord = errors.New("no record")

// parsePrefix reads the fixed part of a record of the segment with that mark.
// It does not check the sum, which covers what follows.
func parsePrefix(b []byte, of mark) (prefix, error) {
	if len(b) < prefixSize || mark(b) != of {
		return prefix{}, errNoRecord
	}
	p := prefix{
		headerSum: binary.LittleEndian.Uint32(b[8:]),
		kind:      binary.LittleEndian.Uint32(b[12:]),
		key:       binary.LittleEndian.Uint32(b[16:]),
		head:      binary.LittleEndian.Uint32(b[20:]),
		bodySum:   binary.LittleEndian.Uint32(b[24:]),
		body:      binary.LittleEndian.Uint64(b[28:]),
		variant:   binary.LittleEndian.Uint64(b[36:]),
	}
	if p.kind != kindRecord && p.kind != kindDeletion || p.key > MaxKey || p.head > MaxHead || p.body > 1<<40 {
		return prefix{}, errNoRecord
	}
	p.headerSize = prefixSize + int64(p.key) + int64(p.head)
	return p, nil
}

// check verifies prefix, key and head, which b begins with, and returns the
// latter two. They lie over b.
func (p *prefix) check(b []byte) (key, head []byte, err error) {
	if int64(len(b)) < p.headerSize || crc32.Checksum(b[summed:p.headerSize], castagnoli) != p.headerSum {
		return nil, nil, errNoRecord
	}
	return b[prefixSize : prefixSize+p.key], b[prefixSize+p.key : p.headerSize], nil
}

// size is that of the whole record.
func (p *prefix) size() int64 { return p.headerSize + int64(p.body) }
