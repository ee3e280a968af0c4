package rules

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"waypost/http/field"
)

// What is compressed on its way is compressed for one client: less is spent on
// it than on what is stored (press.go), in time and in memory.
const (
	brotliStreamLevel  = 3
	brotliStreamWindow = 18 // 256 KiB, as with zstd
	gzipStreamLevel    = 5
	zstdStreamLevel    = zstd.SpeedFastest
	zstdStreamWindow   = 256 << 10
	// MaxStreams bounds the bodies that are compressed on their way at once: an
	// encoder takes up to 2 MiB for as long as its client takes to read. Beyond
	// it they go uncoded.
	MaxStreams = 32
)

// Streams compresses bodies on their way. The zero value is ready, and it is
// safe for concurrent use.
type Streams struct {
	open               atomic.Int64
	gzip, brotli, zstd sync.Pool
}

// encoder is what the three libraries have in common.
type encoder interface {
	io.Writer
	Flush() error
	Close() error
	Reset(out io.Writer)
}

// Stream is one body. Write may hold bytes back until Flush; Close ends the
// body, and Release gives the encoder back, after an error too. It is used by
// one goroutine at a time.
type Stream struct {
	encoder
	all  *Streams
	pool *sync.Pool
}

// Open begins a body in a coding of [Codings] that is written to out. It
// returns nil where too many are open, or there is no such coding.
func (all *Streams) Open(coding string, out io.Writer) *Stream {
	if all.open.Add(1) > MaxStreams {
		all.open.Add(-1)
		return nil
	}
	s := &Stream{all: all, pool: map[string]*sync.Pool{"gzip": &all.gzip, "br": &all.brotli, "zstd": &all.zstd}[coding]}
	var err error
	if s.pool == nil {
		err = fmt.Errorf("compress: no coding %q", coding)
	} else if s.encoder, _ = s.pool.Get().(encoder); s.encoder == nil {
		s.encoder, err = newEncoder(coding)
	}
	if err != nil {
		all.open.Add(-1)
		return nil
	}
	s.Reset(out)
	return s
}

func newEncoder(coding string) (encoder, error) {
	switch coding {
	case "gzip":
		return gzip.NewWriterLevel(nil, gzipStreamLevel)
	case "br":
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: brotliStreamLevel, LGWin: brotliStreamWindow}), nil
	}
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdStreamLevel), zstd.WithWindowSize(zstdStreamWindow),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
}

// Release gives the encoder back. It is called once.
func (s *Stream) Release() {
	s.Reset(io.Discard) // lets go of out
	s.pool.Put(s.encoder)
	s.all.open.Add(-1)
}

// Guessable reports whether the length of a compressed answer could give its
// secrets away (BREACH; Gluck, Harris, Prado 2013): a page elsewhere has the
// user's browser ask with guesses in the URL, again and again, and whoever sees
// the lengths on the wire learns which guess the answer holds already. The
// browser has to be the one to add what the secret hangs on, a cookie or a
// password, and to say from where it was told to ask: where it says that this
// was our own page, or the user, there is nobody to guess.
//
// What is stored is the same for all, and holds no secret of one.
func Guessable(req field.Fields) bool {
	if !req.Has("Cookie") && !promptedFor(req.Get("Authorization")) {
		return false
	}
	switch req.Join("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	}
	return true
}

// promptedFor reports whether credentials are of the kind that a browser adds
// by itself. No browser does that with a bearer's token.
func promptedFor(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return scheme != "" && !strings.EqualFold(scheme, "Bearer")
}
