package wire

import (
	"bytes"
	"errors"
	"io"

	"waypost/http/field"
)

// The framings of an HTTP/1 body (RFC 9112 §6), by the names of
// Response.FramedBy.
const (
	framedNoBody    = "no-body"
	framedByLength  = "content-length"
	framedChunked   = "chunked"
	framedByClose   = "close"
	framedEndStream = "end_stream" // HTTP/2
)

const (
	// maxChunkLine bounds a chunk-size line with its extensions. Nobody
	// sends any; the size alone is at most 16 digits.
	maxChunkLine = 256
	// maxChunkWaste bounds what chunk lines cost beyond maxChunkShare, so
	// that nobody makes us read megabytes of extensions for a few bytes.
	maxChunkWaste = 16 << 10
	// maxChunkShare is the overhead that each chunk has free: its size line
	// and the CRLF behind it, in any reasonable form.
	maxChunkShare = 16
)

// h1Body reads one body off an input. At the end it returns io.EOF, when the
// connection ends before it io.ErrUnexpectedEOF, and for a violation of the
// chunked coding's grammar a *refusal. Errors stick.
type h1Body struct {
	in       *input
	framed   string
	left     int64 // bytes of the body, or of the chunk, still to come
	step     chunkStep
	waste    int
	seen     int // pending bytes of a trailer section already looked at
	trailers field.Fields
	limits   *Limits
	err      error
}

// chunkStep is what comes next in a chunked body (RFC 9112 §7.1).
type chunkStep int

const (
	chunkSize chunkStep = iota
	chunkData
	chunkEnd // the CRLF after the data
	chunkTrailers
)

// newBody returns the body of the given framing; length counts only for
// framedByLength.
func newBody(in *input, framed string, length int64, limits *Limits) h1Body {
	b := h1Body{in: in, framed: framed, left: length, limits: limits}
	if framed == framedNoBody || framed == framedByLength && length == 0 {
		b.err = io.EOF
	}
	return b
}

// ended reports whether the body has been read to its end.
func (b *h1Body) ended() bool {
	return b.err == io.EOF //nolint:errorlint // an end is io.EOF itself; a failure may hold it in its chain
}

func (b *h1Body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	switch b.framed {
	case framedByLength:
		n, err = b.readData(p)
		if err == nil && b.left == 0 {
			b.err = io.EOF // found without another call to the connection
		}
	case framedChunked:
		n, err = b.readChunked(p)
	default:
		if n, err = b.in.read(p); errors.Is(err, io.EOF) {
			b.err = io.EOF
			return n, io.EOF
		}
	}
	if err != nil {
		b.err = err
	}
	if n > 0 {
		return n, nil
	}
	return n, b.err
}

// readData reads bytes of the body or chunk whose length is known.
func (b *h1Body) readData(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.in.read(p)
	b.left -= int64(n)
	if b.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

func (b *h1Body) readChunked(p []byte) (int, error) {
	for {
		switch b.step {
		case chunkSize:
			if done, err := b.readSize(); err != nil {
				return 0, err
			} else if !done {
				break
			}
			if b.left == 0 {
				b.step = chunkTrailers
			} else {
				b.step = chunkData
			}
			continue
		case chunkData:
			n, err := b.readData(p)
			if b.left == 0 {
				b.step = chunkEnd
				b.endChunk()
			}
			return n, err
		case chunkEnd:
			if b.endChunk() {
				continue
			}
			if q := b.in.pending(); len(q) > 0 && (q[0] != '\r' || len(q) > 1) {
				return 0, refuse(400, "chunk data longer than its size: %s follows it", quote(q[:min(2, len(q))]))
			}
		case chunkTrailers:
			if done, err := b.readTrailers(); err != nil {
				return 0, err
			} else if done {
				return 0, io.EOF
			}
		}
		if err := b.in.more(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
}

// readSize reads chunk-size [ chunk-ext ] CRLF; false when it is not
// complete.
func (b *h1Body) readSize() (done bool, err error) {
	line, n, bad := nextLine(b.in.pending())
	if bad != nil {
		return false, bad
	}
	if n > maxChunkLine || n == 0 && len(b.in.pending()) > maxChunkLine {
		return false, refuse(400, "chunk size line longer than %d bytes", maxChunkLine)
	}
	if n == 0 {
		return false, nil
	}
	if b.left, bad = parseChunkLine(line); bad != nil {
		return false, bad
	}
	b.in.r += n
	if b.waste += n - maxChunkShare - int(min(b.left, maxChunkWaste)); b.waste < 0 {
		b.waste = 0
	}
	if b.waste > maxChunkWaste {
		return false, refuse(400, "more than %d bytes of chunk extensions", maxChunkWaste)
	}
	return true, nil
}

// maxChunkDigits bounds the digits of a chunk size: 15 hex digits fit in 60
// bits.
const maxChunkDigits = 15

// parseChunkLine reads chunk-size and checks, but does not interpret, the
// extensions (RFC 9112 §7.1.1).
func parseChunkLine(line []byte) (size int64, bad *refusal) {
	i := 0
	for ; i < len(line) && classes[line[i]]&classHex != 0; i++ {
		if i == maxChunkDigits {
			return 0, refuse(400, "chunk size %s is too large", quote(line))
		}
		size = size<<4 | int64(unhex(line[i]))
	}
	if i == 0 {
		return 0, refuse(400, "invalid chunk size %s", quote(line))
	}
	ext := line[i:]
	if len(ext) == 0 {
		return size, nil
	}
	ext = bytes.TrimLeft(ext, " \t")
	if len(ext) == 0 || ext[0] != ';' || !validValue(str(ext)) {
		return 0, refuse(400, "invalid chunk size line %s", quote(line))
	}
	return size, nil
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	default:
		return c&^0x20 - 'A' + 10
	}
}

// endChunk takes the CRLF behind a chunk if it is there.
func (b *h1Body) endChunk() bool {
	if q := b.in.pending(); len(q) >= 2 && q[0] == '\r' && q[1] == '\n' {
		b.in.r += 2
		b.step = chunkSize
		return true
	}
	return false
}

// readTrailers reads the trailer section; false when it is not complete.
func (b *h1Body) readTrailers() (done bool, err error) {
	q := b.in.pending()
	if bytes.IndexByte(q[min(b.seen, len(q)):], '\n') >= 0 {
		f, n, bad := parseFields(q, nil, nil, b.limits.HeaderCount)
		if bad != nil {
			return false, bad
		}
		if n > 0 {
			b.trailers = f.Clone()
			b.in.r += n
			return true, nil
		}
	}
	if b.seen = len(q); b.seen > b.limits.HeaderBytes {
		return false, refuse(431, "trailer section longer than %d bytes", b.limits.HeaderBytes)
	}
	return false, nil
}
