package edge

import (
	"context"
	"io"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
)

// relayBuffer is what is read from the origin at a time: two TLS records.
const relayBuffer = 32 << 10

// relay sends the origin's response on as it comes: what has been read is
// flushed before more is waited for, so that events arrive when they happen.
func (r *request) relay() stage {
	resp := r.answered
	r.invalidate(resp)
	if r.ranged && resp.Status == 206 && r.in.Method == "GET" && r.lookups > 0 && r.object == nil {
		// Who asks for a second part will ask for a third.
		if kept := r.keepPart(resp); !kept || r.parted {
			r.wholeBehind()
		}
	} else {
		r.keep(resp)
	}
	r.unexpect()
	defer func() { r.noteFetch(r.came(resp)) }()
	stop := r.breakOff(resp)
	defer stop()
	r.pressing(resp)
	if err := r.relayed(resp); err != nil {
		return r.lost(err)
	}
	if r.in.Method == "HEAD" || resp.FramedBy == "no-body" {
		return done
	}
	return r.copy(resp)
}

// copy sends the body on.
func (r *request) copy(resp *fetch.Response) stage {
	buf := r.edge.buffers.Get().(*[relayBuffer]byte)
	defer r.edge.buffers.Put(buf)
	if resp.Length < 0 {
		_ = r.x.Flush() // the body may be long in coming; a failed write shows again
	}
	for came := int64(0); ; {
		n, err := resp.Body.Read(buf[:])
		if came += int64(n); n > 0 {
			if r.keeping != nil {
				_, _ = r.keeping.Write(buf[:n]) // fails only when it is over
			}
			if err := r.passOn(buf[:n]); err != nil {
				return r.lost(err)
			}
			if came != resp.Length {
				if err := r.flush(); err != nil {
					return r.lost(err)
				}
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // an end is io.EOF itself (io.Reader); a body that broke off may hold it in its chain
			if r.keeping != nil {
				if r.complete = r.keeping.Commit(); r.complete && r.part != nil {
					r.joinParts()
				} else if r.complete {
					r.edge.learnAll(r.site, r.edge.store.Get(r.key))
				}
			}
			if r.press != nil {
				if err := r.press.Close(); err != nil {
					return r.lost(err)
				}
			} else if resp.Trailers != nil {
				if f := resp.Trailers(); len(f) > 0 {
					_ = r.x.Trailers(f) // the body is whole without them
				}
			}
			return done
		case err != nil && r.drained(resp):
			return done // an event stream may end anywhere: its client comes back
		case err != nil:
			if r.x.Context().Err() == nil {
				r.edge.troubled(r.site, r.report)
			}
			r.sent.fault = fault.Of(err)
			r.x.Abort()
			return done
		}
	}
}

// breakOff ends the exchange with the origin when the client leaves, where
// that was not begun with the client's own context. Event streams end, too,
// when the server is to stop.
func (r *request) breakOff(resp *fetch.Response) (stop func()) {
	left := func() bool { return true }
	if r.fill != nil || r.release != nil {
		left = context.AfterFunc(r.x.Context(), func() { resp.Body.Close() })
	}
	if !endless(resp) || r.x.Conn().Draining == nil {
		return func() { left() }
	}
	over := make(chan struct{})
	draining := r.x.Conn().Draining
	go func() {
		select {
		case <-draining:
			resp.Body.Close()
		case <-over:
		}
	}()
	return func() {
		left()
		close(over)
	}
}

// drained reports whether the response is an event stream that ended because
// the server is to stop.
func (r *request) drained(resp *fetch.Response) bool {
	if !endless(resp) {
		return false
	}
	select {
	case <-r.x.Conn().Draining:
		return r.x.Context().Err() == nil
	default:
		return false
	}
}

// invalidate drops what the request has made invalid (RFC 9111 §4.4): what
// is stored for its target, and for the targets that Location and
// Content-Location name on the same site.
func (r *request) invalidate(resp *fetch.Response) {
	in := r.in
	if !cache.Invalidates(in.Method, resp.Status) {
		return
	}
	r.drop(in.Path)
	for _, path := range cache.InvalidatesAlso(in.Scheme, in.Authority, in.Path, resp.Fields) {
		r.drop(path)
	}
}

// keep begins to keep a response that is relayed: the answer to a POST where
// it says that it is the target's representation, and for how long (RFC 9110
// §9.3.3), that to a GET which went alone because earlier ones were not to be
// kept, or the whole where a part was asked for.
func (r *request) keep(resp *fetch.Response) {
	whole := r.ranged && resp.Status == 200 // from an origin that does not know Range, or not of this
	if r.expected.whole == nil || r.in.Method != "POST" && !r.alone && !whole || variesByUs(resp.Fields) || endless(resp) {
		return
	}
	came := r.came(resp)
	if cache.Store(r.received, r.site.rules, &r.ask, came).Action != cache.Keep {
		return
	}
	if asked := r.in.Path; r.in.Method == "POST" && (r.makeKey() != toLookup || r.in.Path != asked) {
		return // the origin was told more than the key
	}
	r.keeping = r.expected.whole
	o := r.keeping.Start(kept(r.site.rules, &r.ask, came), resp.Length, true, nil)
	r.status.stored = o.Kept()
	r.measure(o)
	if r.site.shares(&o.Response, r.received) {
		r.edge.marks.clear(r.key)
	}
}

// came is the origin's response as package cache wants it.
func (r *request) came(resp *fetch.Response) *cache.Response {
	return &cache.Response{Status: resp.Status, Fields: resp.Fields, Asked: r.now, Received: r.received}
}

// lost ends a request whose client could not be written to.
func (r *request) lost(err error) stage {
	r.sent.fault = fault.Of(err)
	return done
}
