package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The format of a record: a prefix of fixed size, the key, the head, the
// body. Numbers are little-endian.
//
//	0  magic        "wpr1"
//	4  checksum     CRC-32C of bytes 8 to 40, key and head
//	8  kind         1 a record, 2 a deletion of the key's records
//	12 key length   in bytes
//	16 head length
//	20 body checksum
//	24 body length  8 bytes
//	32 variant      8 bytes
const prefixSize = 40

const magic = 0x31727077 // "wpr1"

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

// appendHeader appends prefix, key and head.
func appendHeader(dst []byte, kind uint32, key string, variant uint64, head []byte, bodySum uint32, body int64) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(head)))
	dst = binary.LittleEndian.AppendUint32(dst, bodySum)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(body))
	dst = binary.LittleEndian.AppendUint64(dst, variant)
	dst = append(append(dst, key...), head...)
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], castagnoli))
	return dst
}

var errNoRecord = errors.New("no record")

// parsePrefix reads the fixed part. It does not check the sum, which covers
// what follows.
func parsePrefix(b []byte) (prefix, error) {
	if len(b) < prefixSize || binary.LittleEndian.Uint32(b) != magic {
		return prefix{}, errNoRecord
	}
	p := prefix{
		headerSum: binary.LittleEndian.Uint32(b[4:]),
		kind:      binary.LittleEndian.Uint32(b[8:]),
		key:       binary.LittleEndian.Uint32(b[12:]),
		head:      binary.LittleEndian.Uint32(b[16:]),
		bodySum:   binary.LittleEndian.Uint32(b[20:]),
		body:      binary.LittleEndian.Uint64(b[24:]),
		variant:   binary.LittleEndian.Uint64(b[32:]),
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
	if int64(len(b)) < p.headerSize || crc32.Checksum(b[8:p.headerSize], castagnoli) != p.headerSum {
		return nil, nil, errNoRecord
	}
	return b[prefixSize : prefixSize+p.key], b[prefixSize+p.key : p.headerSize], nil
}

// size is that of the whole record.
func (p *prefix) size() int64 { return p.headerSize + int64(p.body) }
