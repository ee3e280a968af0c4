package edge

import (
	"errors"
	"io"
	"sync/atomic"
)

// errTooLarge ends the reading of a request body of unknown length that
// grew beyond what the site takes.
var errTooLarge = errors.New("the request body is larger than this site takes")

// admitBody checks the request body against the site's limit. Nothing is
// read here: a client that waits for 100 (Continue) gets none when it is
// refused (RFC 9110 §10.1.1). A body of unknown length is counted while it
// passes.
func (r *request) admitBody() bool {
	most := r.site.Policy.MaxBody
	if r.in.Length >= 0 {
		return r.in.Length <= most
	}
	r.limited = &limitedBody{body: r.in.Body, left: most}
	return true
}

// limitedBody lets through so many bytes and not one more.
type limitedBody struct {
	body  io.Reader
	left  int64
	burst atomic.Bool
}

func (l *limitedBody) Read(p []byte) (int, error) {
	if l.burst.Load() {
		return 0, errTooLarge
	}
	// One byte more than allowed shows that there is more.
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	if int64(n) > l.left {
		l.burst.Store(true)
		return int(l.left), errTooLarge
	}
	l.left -= int64(n)
	return n, err
}

// exceeded reports whether the limit was met. It may be called on nil.
func (l *limitedBody) exceeded() bool { return l != nil && l.burst.Load() }
