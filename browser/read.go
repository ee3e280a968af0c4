package browser

import (
	"bytes"
	"fmt"
	"io"

	"waypost/fault"
	"waypost/fetch"
)

// bodyRead is a response body that has been read, as far as it came.
type bodyRead struct {
	codings     []string
	raw         []byte // as transferred; nil when it was too large to keep
	decoded     []byte // with the codings undone, when it was wanted
	size        int64  // of what decoding yielded
	transferred int64
	whole       bool // raw is all of it
	err         error
}

// maxKept bounds one body in the private cache: a video must not sweep out
// everything else.
const maxKept = 8 << 20

// read reads a response's body to its end, undoing its codings; wanted keeps
// what that yields. The bytes transferred are kept beside it for the cache.
func (t *trip) read(resp *fetch.Response, wanted bool) (b bodyRead) {
	if b.codings, b.err = contentCodings(resp.Fields); b.err != nil {
		resp.Body.Close()
		return b
	}
	return t.pump(resp, b.codings, wanted)
}

// drain reads a body that means nothing, such as a redirect's.
func (t *trip) drain(resp *fetch.Response) bodyRead { return t.pump(resp, nil, false) }

// pump moves the body through the meter and the decoders.
func (t *trip) pump(resp *fetch.Response, codings []string, wanted bool) bodyRead {
	defer resp.Body.Close()
	b := bodyRead{codings: codings}
	wire := &meter{from: resp.Body, load: t.load, url: t.url.Redacted(), left: t.load.limits.Body, behind: t.behind}
	decoder := newDecoder(wire, b.codings, t.load.limits.Decoded)
	defer decoder.Close()
	var text bytes.Buffer
	into := io.Discard
	if wanted {
		into = &text
	}
	b.size, b.err = io.Copy(into, decoder)
	b.transferred = resp.Bytes()
	b.decoded = text.Bytes()
	if b.whole = b.err == nil && !wire.overflow; b.whole {
		b.raw = wire.raw.Bytes()
	}
	return b
}

// meter counts a body against the limits of a load and keeps a copy as long
// as that is small.
type meter struct {
	from     io.Reader
	load     *load
	url      string
	left     int64
	behind   bool // not counted among the page's bytes
	raw      bytes.Buffer
	overflow bool
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	m.left -= int64(n)
	if !m.overflow {
		if m.raw.Len()+n > maxKept {
			m.overflow, m.raw = true, bytes.Buffer{}
		} else {
			m.raw.Write(p[:n])
		}
	}
	page, limits := int64(0), m.load.limits
	if !m.behind {
		page = m.load.bytes.Add(int64(n))
	}
	switch {
	case m.left < 0:
		return 0, fault.New(fault.HTTPResponseBodySize, "load "+m.url,
			fmt.Errorf("the body has more than %d bytes", limits.Body))
	case page > limits.Page:
		return 0, fault.New(fault.HTTPResponseBodySize, "load "+m.url,
			fmt.Errorf("the page has more than %d bytes", limits.Page))
	}
	return n, err
}
