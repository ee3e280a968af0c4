package browser

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"waypost/fault"
	"waypost/http/field"
)

// The codings that we undo, as Accept-Encoding lists them. Over cleartext
// browsers ask for the older two only, since middleboxes have spoiled the
// others.
const (
	codingsSecure = "gzip, deflate, br, zstd"
	codingsClear  = "gzip, deflate"
)

// Limits of decoding.
const (
	// maxCodings bounds the codings of one response. Two are rare already;
	// each costs the memory of a window.
	maxCodings = 3
	// zstdWindow is the most that RFC 9659 §3 lets a server ask for.
	zstdWindow = 8 << 20
)

// contentCodings returns the codings of a response in the order in which
// they were applied (RFC 9110 §8.4); identity is none.
func contentCodings(f field.Fields) ([]string, error) {
	var codings []string
	for c := range f.All("Content-Encoding") {
		switch c = strings.ToLower(c); c {
		case "identity":
			continue
		case "x-gzip": // RFC 9110 §8.4.1.3
			c = "gzip"
		case "gzip", "deflate", "br", "zstd":
		default:
			return nil, fault.New(fault.HTTPResponseContentCoding, "decode",
				fmt.Errorf("content coding %q is not known", c))
		}
		if codings = append(codings, c); len(codings) > maxCodings {
			return nil, fault.New(fault.HTTPResponseContentCoding, "decode",
				fmt.Errorf("more than %d content codings", maxCodings))
		}
	}
	return codings, nil
}

// decoder reads a body with its content codings undone. The most that it
// yields is bounded, so that a small body cannot fill the memory.
type decoder struct {
	codings []string
	from    *source
	out     io.Reader
	left    int64 // bytes that may still be yielded
	limit   int64
	close   []func()
}

// source remembers what went wrong under the decoders: that is then the
// fault, not what a decoder makes of it.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// newDecoder undoes codings, the last applied first, and yields at most limit
// bytes.
func newDecoder(r io.Reader, codings []string, limit int64) *decoder {
	return &decoder{codings: codings, from: &source{Reader: r}, left: limit, limit: limit}
}

// Read fails with fault.HTTPResponseContentCoding where the coding is broken,
// with fault.HTTPResponseBodySize beyond the limit, and with whatever the
// body underneath failed with.
func (d *decoder) Read(p []byte) (int, error) {
	if d.out == nil {
		if err := d.begin(); err != nil {
			return 0, d.explain(err)
		}
	}
	n, err := d.out.Read(p)
	if d.left -= int64(n); d.left < 0 {
		return 0, fault.New(fault.HTTPResponseBodySize, "decode",
			fmt.Errorf("the body unpacks to more than %d bytes", d.limit))
	}
	if err == io.EOF {
		// What follows the coded data is nothing to us, but the message is
		// not over before it has been read.
		if _, rest := io.Copy(io.Discard, d.from); rest != nil {
			return n, rest
		}
		return n, io.EOF
	}
	return n, d.explain(err)
}

// explain names the fault of an error.
func (d *decoder) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case d.from.err != nil:
		return d.from.err
	}
	return fault.New(fault.HTTPResponseContentCoding, "decode "+strings.Join(d.codings, ", "), err)
}

// begin stacks the decoders. An empty body has nothing to undo.
func (d *decoder) begin() error {
	in := bufio.NewReader(d.from)
	switch _, err := in.Peek(1); {
	case err == io.EOF:
		d.out = in
		return nil
	case err != nil:
		return err
	}
	for i := len(d.codings) - 1; i >= 0; i-- {
		out, err := d.undo(d.codings[i], in)
		if err != nil {
			return err
		}
		in = bufio.NewReader(out)
	}
	d.out = in
	return nil
}

func (d *decoder) undo(coding string, in *bufio.Reader) (io.Reader, error) {
	switch coding {
	case "gzip":
		return gzip.NewReader(in)
	case "deflate":
		// The coding is zlib's (RFC 9110 §8.4.1.2). Servers that send bare
		// deflate are common enough for browsers to take both.
		if b, err := in.Peek(2); err == nil && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
			return zlib.NewReader(in)
		}
		return flate.NewReader(in), nil
	case "br":
		return brotli.NewReader(in), nil
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), // no goroutines
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		d.close = append(d.close, z.Close)
		return z, nil
	}
	return nil, errors.ErrUnsupported
}

// Close frees what the decoders hold. It does not close the body.
func (d *decoder) Close() {
	for _, f := range d.close {
		f()
	}
}
