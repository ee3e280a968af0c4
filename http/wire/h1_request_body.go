package wire

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"waypost/fault"
	"waypost/http/field"
)

// requestBody is the body of a request on an HTTP/1 server. It is not used
// again with its exchange: a reader that outlives the exchange finds it
// closed.
type requestBody struct {
	h1Body
	mu    sync.Mutex
	x     *h1Exchange // nil once the exchange has ended
	begun atomic.Bool // a read has begun, and 100 (Continue) was sent where it was due
	done  bool        // guarded by x.watchMu: read to its end
}

var errBodyClosed = errors.New("read request body: the exchange has ended")

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.x == nil {
		return 0, errBodyClosed
	}
	if !b.begun.Load() {
		b.begun.Store(true)
		if err := b.x.sendContinue(); err != nil {
			return 0, err
		}
		b.x.c.under.readAtPace(b.limits.BodyIdleTimeout, MinRate)
	}
	n, err := b.read(p)
	if b.ended() {
		b.x.bodyEnded(b)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // an end is io.EOF itself
		err = bodyFault(err)
		b.x.gone(err)
	}
	return n, err
}

// Trailers are the fields after the body, once it has been read to its end.
func (b *requestBody) Trailers() field.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

// bodyFault names why a request body cannot be read.
func bodyFault(err error) error {
	var bad *refusal
	kind := fault.ConnectionTerminated
	switch {
	case errors.As(err, &bad):
		kind = fault.HTTPRequestError
	case isTimeout(err):
		kind = fault.ConnectionReadTimeout
	}
	return fault.New(kind, "read request body", err)
}

// sendContinue sends 100 (Continue) if the client waits for it and the
// final response is not on its way.
func (x *h1Exchange) sendContinue() error {
	if !x.req.Expect {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.responded || x.body.in.r < x.body.in.w {
		return nil // the client is not waiting, or no more
	}
	x.out = append(x.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
	return x.Flush()
}

// finish ends the body's use. It reads what the handler left, within
// DrainBytes, and reports whether the next request can be found behind it.
func (b *requestBody) finish() bool {
	x := b.x
	if !b.mu.TryLock() {
		// Somebody is still reading. The exchange is over for him.
		x.c.under.interrupt()
		b.mu.Lock()
		x.c.under.resume()
	}
	defer b.mu.Unlock()
	b.x = nil
	if b.ended() {
		return true
	}
	if b.err != nil || x.last || b.framed == framedByLength && b.left > b.limits.DrainBytes {
		return false
	}
	x.c.under.readAtPace(b.limits.BodyIdleTimeout, MinRate)
	scrap := make([]byte, inputSize)
	for total := int64(0); total <= b.limits.DrainBytes; {
		n, err := b.read(scrap)
		if total += int64(n); err != nil {
			return err == io.EOF //nolint:errorlint // an end is io.EOF itself
		}
	}
	return false
}
