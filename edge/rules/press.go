package rules

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Levels of compression. A body is compressed once and sent often, so more is
// spent on it than by a server that compresses every response; the steps
// beyond these cost several times as much for a percent or two.
const (
	brotliLevel = 6
	gzipLevel   = 7
	zstdLevel   = zstd.SpeedBetterCompression
)

// zstdWindow is the largest that browsers must take (RFC 9659 §3).
const zstdWindow = 8 << 20

// Press compresses. The zero value is ready, it is safe for concurrent use,
// and keeps the working memory of its encoders for the next body.
type Press struct{ gzip, brotli, zstd sync.Pool }

// Encode returns body, in pieces, in a coding of [Codings], or nil when that
// is not smaller by a twentieth at least: the client would unpack it for
// nothing. The bytes fill their memory.
func (p *Press) Encode(coding string, body [][]byte) ([]byte, error) {
	size := 0
	for _, piece := range body {
		size += len(piece)
	}
	var out bytes.Buffer
	out.Grow(size/4 + 64)
	if err := p.encode(coding, &out, body); err != nil {
		return nil, err
	}
	if out.Len() > size-size/20 {
		return nil, nil
	}
	return bytes.Clone(out.Bytes()), nil
}

func (p *Press) encode(coding string, out *bytes.Buffer, body [][]byte) error {
	switch coding {
	case "gzip":
		w, _ := p.gzip.Get().(*gzip.Writer)
		if w == nil {
			w, _ = gzip.NewWriterLevel(nil, gzipLevel) // fails only for a level that there is not
		}
		w.Reset(out)
		err := write(w, body)
		w.Reset(io.Discard) // lets go of out
		p.gzip.Put(w)
		return err
	case "br":
		w, _ := p.brotli.Get().(*brotli.Writer)
		if w == nil {
			w = brotli.NewWriterLevel(nil, brotliLevel)
		}
		w.Reset(out)
		err := write(w, body)
		w.Reset(io.Discard) // lets go of out
		p.brotli.Put(w)
		return err
	case "zstd":
		w, _ := p.zstd.Get().(*zstd.Encoder)
		if w == nil {
			var err error
			w, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1))
			if err != nil {
				return err
			}
		}
		w.Reset(out)
		err := write(w, body)
		w.Reset(io.Discard) // lets go of out
		p.zstd.Put(w)
		return err
	}
	return fmt.Errorf("compress: no coding %q", coding)
}

// write writes all pieces and ends the stream.
func write(w interface {
	Write(p []byte) (int, error)
	Close() error
}, body [][]byte) error {
	for _, piece := range body {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Close()
}
