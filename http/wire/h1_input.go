package wire

import "io"

const (
	// inputSize is the read buffer that a connection begins with: it holds
	// the head of nearly every request.
	inputSize = 4 << 10
	// inputKeep is the largest read buffer that is kept for another use.
	inputKeep = 16 << 10
	// inputRoom is the least space behind a head for reading the body's
	// framing; with less, the body gets a buffer of its own.
	inputRoom = 512
)

// input is what has been read from a connection and not been used up:
// buf[r:w]. The bytes before base belong to a head whose strings are in use.
type input struct {
	src  io.Reader
	buf  []byte
	base int
	r, w int
}

// pending is what has been read and not been used.
func (in *input) pending() []byte { return in.buf[in.r:in.w] }

// more reads once, behind what is pending. The strings of the head stay
// valid; those over the pending bytes do not.
func (in *input) more() error {
	if in.r == in.w {
		in.r, in.w = in.base, in.base
	}
	switch {
	case len(in.buf)-in.base < inputRoom:
		in.move(make([]byte, max(inputSize, 2*(in.w-in.r))))
	case in.w == len(in.buf) && in.r > in.base:
		in.w = in.base + copy(in.buf[in.base:], in.pending())
		in.r = in.base
	case in.w == len(in.buf):
		in.move(make([]byte, 2*(in.w-in.r)))
	}
	n, err := in.src.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil // an error will come again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// move takes the pending bytes to another buffer. The old one lives on as
// long as strings over it do.
func (in *input) move(buf []byte) {
	in.w = copy(buf, in.pending())
	in.buf, in.base, in.r = buf, 0, 0
}

// read takes pending bytes, or reads from the connection straight into p.
func (in *input) read(p []byte) (int, error) {
	if in.r == in.w {
		if len(p) >= inputSize {
			return in.src.Read(p)
		}
		if err := in.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.pending())
	in.r += n
	return n, nil
}
