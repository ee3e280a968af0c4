package wire

import (
	"bytes"
	"io"
	"strconv"

	"github.com/quic-go/qpack"
	"golang.org/x/net/http2/hpack"

	"waypost/http/field"
)

// This file codes field sections (RFC 9204), without a dynamic table. What a
// section must hold is the same as in HTTP/2 (RFC 9114 §4.2, §4.3), so that
// h2_block.go judges both.

// beginSection readies the block for a section of HTTP/3.
func (b *fieldBlock) beginSection(limits *Limits) {
	*b = fieldBlock{limits: limits, endStream: true, fields: b.fields[:0], length: -1}
}

// decodeSection decodes a section. Nothing of it is needed for others, so
// what goes beyond the limits is not looked at.
func (b *fieldBlock) decodeSection(p []byte) error {
	next := qpack.NewDecoder().Decode(p)
	for !b.tooMany {
		f, err := next()
		switch {
		case err == io.EOF: //nolint:errorlint // the end is io.EOF itself
			return nil
		case err != nil:
			return breaks(qpackDecompression, "field section: %v", err)
		}
		b.field(hpack.HeaderField{Name: f.Name, Value: f.Value})
	}
	return nil
}

// sectionWriter encodes one section after the other.
type sectionWriter struct {
	enc     *qpack.Encoder
	encoded bytes.Buffer
	digits  [20]byte
}

func (w *sectionWriter) add(name, value string) {
	if w.enc == nil {
		w.enc = qpack.NewEncoder(&w.encoded)
	}
	_ = w.enc.WriteField(qpack.HeaderField{Name: name, Value: value}) // to a buffer, which takes all
}

func (w *sectionWriter) addInt(name string, n int64) {
	w.add(name, str(strconv.AppendInt(w.digits[:0], n, 10)))
}

// addFields adds the fields of f that are not the codec's own business. They
// have been checked.
func (w *sectionWriter) addFields(f field.Fields) {
	for i := range f {
		if !connectionField(f[i].Name) {
			w.add(lower(f[i].Name), f[i].Value)
		}
	}
}

// appendTo appends the section as a HEADERS frame and begins another one.
func (w *sectionWriter) appendTo(b []byte) []byte {
	if w.encoded.Len() == 0 {
		w.encoded.Write([]byte{0, 0}) // no field: the prefix alone (RFC 9204 §4.5.1)
	}
	b = appendH3Frame(b, h3Headers, int64(w.encoded.Len()))
	b = append(b, w.encoded.Bytes()...)
	w.encoded.Reset()
	if w.enc != nil {
		_ = w.enc.Close() // the next one has a prefix of its own
	}
	return b
}
