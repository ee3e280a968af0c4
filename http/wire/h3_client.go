package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/quic-go/quic-go"

	"waypost/fault"
	"waypost/http/field"
)

func (c *H3Client) serves() bool    { return false }
func (c *H3Client) violated(string) {}

// Proto implements [Client].
func (c *H3Client) Proto() string { return alpnH3 }

// Free implements [Client]. How many streams the server allows is known only
// when it does not allow another.
func (c *H3Client) Free() bool {
	if c.usable() != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting == 0
}

// Alive implements [Client].
func (c *H3Client) Alive() bool { return c.usable() == nil }

// Settled is closed when the handshake is complete.
func (c *H3Client) Settled() <-chan struct{} { return c.quic.HandshakeComplete() }

// Done is closed when the connection has ended and its socket is closed.
func (c *H3Client) Done() <-chan struct{} { return c.done }

// Err is why the connection has ended; nil while it lives.
func (c *H3Client) Err() error { return c.dead() }

// TLS is the state of the handshake, as far as it has come.
func (c *H3Client) TLS() tls.ConnectionState { return c.quic.ConnectionState().TLS }

// Close ends the connection and what is under way on it, and closes its
// socket.
func (c *H3Client) Close() error {
	c.die(fault.New(fault.ConnectionTerminated, "connection closed", nil))
	c.close(h3NoError, "")
	c.hangUp()
	return nil
}

// ends is called when the connection has ended, whoever ended it.
func (c *H3Client) ends() {
	_ = c.dead() // keeps the reason
	c.hangUp()
}

// usable is nil when streams can be opened.
func (c *H3Client) usable() error {
	if err := c.dead(); err != nil {
		return fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: %w", ErrRetry, ErrUnprocessed, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.goingAway {
		return fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: the server is going away", ErrRetry, ErrUnprocessed))
	}
	return nil
}

// Do implements [Client].
func (c *H3Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if ctx.Err() != nil {
		return nil, contextFault(ctx, "send request", fault.HTTPResponseTimeout)
	}
	if err := checkRequestToSend(r); err != nil {
		return nil, err
	}
	early := r.Body == nil && r.Upgrade == "" && safeMethod(r.Method)
	for again := false; ; again = true {
		if !early {
			if err := c.awaitSettled(ctx); err != nil {
				return nil, err
			}
		}
		early = !c.settled()
		resp, err := c.attempt(ctx, r)
		switch {
		case !again && errors.Is(err, quic.Err0RTTRejected):
			if err := c.restart(ctx); err != nil {
				return nil, err
			}
		case early && err == nil && resp.Status == http.StatusTooEarly:
			resp.Body.Close() // RFC 8470 §5.2: again, after the handshake
		default:
			return resp, err
		}
		early = false
	}
}

func (c *H3Client) settled() bool {
	select {
	case <-c.quic.HandshakeComplete():
		return true
	default:
		return false
	}
}

// awaitSettled waits for the end of the handshake.
func (c *H3Client) awaitSettled(ctx context.Context) error {
	select {
	case <-c.quic.HandshakeComplete():
		return nil
	case <-ctx.Done():
		return contextFault(ctx, "QUIC handshake", fault.ConnectionTimeout)
	case <-c.quic.Context().Done():
		return c.usable()
	}
}

// restart begins anew on a connection whose early data the server did not
// look at: streams and settings of before are void (RFC 9114 §7.2.4.2).
func (c *H3Client) restart(ctx context.Context) error {
	if err := c.awaitSettled(ctx); err != nil {
		return err
	}
	c.restarting.Lock()
	defer c.restarting.Unlock()
	if c.restarted {
		return nil
	}
	c.restarted = true
	if _, err := c.quic.NextConnection(ctx); err != nil {
		return quicFault("QUIC handshake", err)
	}
	return c.greet()
}

// goneAway ends the calls that the server will not look at.
func (c *H3Client) goneAway(id uint64) error {
	if id%4 != 0 {
		return breaks(h3IDError, "GOAWAY with %d, which is no request stream", id)
	}
	c.mu.Lock()
	c.goingAway = true
	var lost []*h3Call
	for _, n := range slices.Sorted(maps.Keys(c.calls)) {
		if uint64(n) >= id {
			lost = append(lost, c.calls[n])
		}
	}
	c.mu.Unlock()
	for _, x := range lost {
		x.fail(fault.New(fault.ConnectionTerminated, "send request", fmt.Errorf("%w, %w: the server is going away", ErrRetry, ErrUnprocessed)))
	}
	c.closeIfDone()
	return nil
}

// forget is told that a call has ended.
func (c *H3Client) forget(x *h3Call) {
	c.mu.Lock()
	delete(c.calls, x.q.StreamID())
	c.mu.Unlock()
	c.closeIfDone()
}

// closeIfDone closes a connection of which nothing more can come.
func (c *H3Client) closeIfDone() {
	c.mu.Lock()
	over := c.goingAway && len(c.calls) == 0 && c.err == nil
	c.mu.Unlock()
	if over {
		go func() { _ = c.Close() }()
	}
}

// attempt sends r on a stream of its own.
func (c *H3Client) attempt(ctx context.Context, r *Request) (*Response, error) {
	x := &h3Call{client: c, ctx: ctx, req: r}
	if err := x.open(); err != nil {
		return nil, err
	}
	resp, err := x.exchange()
	if err != nil {
		x.release()
		return nil, err
	}
	return resp, nil
}

// requestFields encodes the head of a request.
func (w *sectionWriter) requestFields(r *Request) {
	method, scheme := r.Method, r.Scheme
	if r.Upgrade != "" {
		method = http.MethodConnect // RFC 9220 §3
	}
	if scheme == "" {
		scheme = "https"
	}
	w.add(":method", method)
	if method != http.MethodConnect || r.Upgrade != "" {
		w.add(":scheme", scheme)
		w.add(":path", r.Path)
	}
	w.add(":authority", r.Authority)
	if r.Upgrade != "" {
		w.add(":protocol", r.Upgrade)
	}
	for i := range r.Fields {
		l := &r.Fields[i]
		if !connectionField(l.Name) && !field.Is(l.Name, "Host") {
			w.add(lower(l.Name), l.Value)
		}
	}
	if r.Body != nil && r.Length >= 0 || r.Body == nil && announcesNoBody(r.Method) {
		w.addInt("content-length", max(r.Length, 0))
	}
	if r.TakesTrailers {
		w.add("te", "trailers")
	}
	if r.Expect && r.Body != nil {
		w.add("expect", "100-continue")
	}
}
