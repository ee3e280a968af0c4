package wire

import (
	"errors"
	"io"
	"sync"

	"waypost/fault"
	"waypost/http/field"
)

// responseBody is the body of a response on an HTTP/1.1 client. Its end frees
// the connection; closed before, it takes the connection along unless the
// rest has already arrived.
type responseBody struct {
	h1Body
	under     *transport
	keepAlive bool
	mu        sync.Mutex
	call      *h1Call // nil once the exchange has ended
	closed    bool    // Close came first: nobody has read what was taken then
}

var errResponseClosed = errors.New("read response body: closed")

func (b *responseBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.call == nil {
		if b.ended() && !b.closed {
			return 0, io.EOF
		}
		return 0, errResponseClosed
	}
	n, err := b.read(p)
	if b.ended() {
		b.finish()
		return n, err
	}
	if err != nil {
		err = b.fault(err)
		b.finish()
	}
	return n, err
}

// fault names why the body broke off.
func (b *responseBody) fault(err error) error {
	const op = "read response body"
	ctx := b.call.ctx
	if ctx.Err() != nil {
		return contextFault(ctx, op, fault.ConnectionReadTimeout)
	}
	var bad *refusal
	switch {
	case errors.As(err, &bad) && bad.status == 431:
		return fault.New(fault.HTTPResponseTrailerSection, op, err)
	case errors.As(err, &bad):
		return fault.New(fault.HTTPResponseTransferCoding, op, err)
	case isTimeout(err):
		return fault.New(fault.ConnectionReadTimeout, op, err)
	}
	return fault.New(fault.HTTPResponseIncomplete, op, err)
}

// finish ends the exchange.
func (b *responseBody) finish() {
	call := b.call
	b.call = nil
	call.end(b.keepAlive && b.ended())
}

// Trailers are the fields after the body, once it has been read to its end.
func (b *responseBody) Trailers() field.Fields {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailers
}

func (b *responseBody) Close() error {
	if !b.mu.TryLock() {
		// A read is under way: end it, as closing a connection does.
		b.under.hangUp()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.call == nil {
		return nil
	}
	b.closed = true
	b.takeArrived()
	b.finish()
	return nil
}

// takeArrived reads on to the end of the body if it has already come, so that
// the connection can be used again.
func (b *responseBody) takeArrived() {
	b.in.src = nothingMore{}
	scrap := make([]byte, 512)
	for b.err == nil {
		_, _ = b.read(scrap) // its error is in b.err
	}
	b.in.src = b.under
}

// nothingMore is a source that is not to be waited for.
type nothingMore struct{}

func (nothingMore) Read([]byte) (int, error) { return 0, errResponseClosed }
