package edge

import (
	"io"

	"waypost/edge/store"
	"waypost/fault"
	"waypost/http/cache"
	"waypost/http/field"
)

// deliver sends an object of the store: all of it, a part, or word that the
// client's own copy is still right.
func (r *request) deliver() stage {
	o := r.object
	age := max(seconds(r.verdict.Age), 0)
	r.considerCoding(o)
	// Where the answer is no success, preconditions do not count (RFC 9110
	// §13.2.1).
	if r.conditional && o.Status >= 200 && o.Status < 300 {
		if yes, _ := cache.NotModified(r.in.Fields, cache.ValidatorOf(&o.Response)); yes {
			return r.notModified(o, age)
		}
	}
	r.hold(o)
	if o.Status == 206 {
		if isIndex(o) {
			return r.deliverSlices(o, age)
		}
		return r.deliverFromPart(o, age)
	}
	if r.ranged && r.in.Method == "GET" && o.Status == 200 {
		if s, ok := r.deliverPart(o, age); ok {
			return s
		}
	}
	if r.ruled.coding != "" {
		if s, ok := r.deliverCoded(o, age); ok {
			return s
		}
	}
	body, err := r.open(o, 0, -1)
	if err != nil {
		r.object = nil // its first bytes are gone; ask for this request alone
		return r.goAlone()
	}
	if err := r.respond(o.Status, r.fields(o.Fields, age), o.Size()); err != nil {
		return r.lost(err)
	}
	if r.in.Method == "HEAD" {
		return done
	}
	return r.send(o, body)
}

// open prepares the reading of an object that is still coming in. It returns
// nil for one that is complete: that has its bytes at hand.
func (r *request) open(o *store.Object, from, length int64) (*store.Reader, error) {
	whole := from == 0 && length < 0
	if whole && r.reader != nil {
		return r.reader, nil // since before the first byte
	}
	if o.Complete() {
		return nil, nil
	}
	reader, err := o.Reader(from, length)
	if err != nil {
		return nil, err
	}
	if r.reader != nil {
		r.reader.Close()
	}
	r.reader = reader
	return reader, nil
}

// hold keeps the account of what this client has of the store, however slowly
// it reads.
func (r *request) hold(o *store.Object) {
	if r.holding != nil {
		r.holding.LetGo()
		r.holding = nil
	}
	if o.Hold() {
		r.holding = o
	}
}

// send sends the whole body.
func (r *request) send(o *store.Object, body *store.Reader) stage {
	if body != nil {
		r.stream(body)
		return done
	}
	for _, chunk := range o.Chunks() {
		if err := r.write(chunk); err != nil {
			return r.lost(err)
		}
	}
	return done
}

// stream sends a body while it comes in. What has come is flushed before
// more is waited for. It reports false when it broke off.
func (r *request) stream(body *store.Reader) bool {
	ctx := r.x.Context()
	for {
		if !body.Ready() {
			if err := r.x.Flush(); err != nil {
				r.lost(err)
				return false
			}
		}
		chunk, err := body.Next(ctx)
		if len(chunk) > 0 {
			if err := r.write(chunk); err != nil {
				r.lost(err)
				return false
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // an end is io.EOF itself (io.Reader)
			r.awaitNote()
			return true
		case err != nil:
			r.broke(err)
			return false
		}
	}
}

// broke ends a response whose bytes do not come, so that a client that is
// still there can see it.
func (r *request) broke(err error) {
	if r.x.Context().Err() != nil {
		r.clientLeft()
		return
	}
	r.sent.fault = fault.Of(err)
	r.x.Abort()
}

// notModified tells the client that its copy is right, with the fields that
// RFC 9110 §15.4.5 asks for.
func (r *request) notModified(o *store.Object, age int64) stage {
	all := r.ownFields(o.Fields, age)
	kept := all[:0]
	for _, l := range all {
		if inNotModified(l.Name) {
			kept = append(kept, l)
		}
	}
	clear(all[len(kept):])
	r.out = kept
	r.weaken()
	if r.ruled.by != nil {
		r.decorate(false)
	}
	if err := r.respond(304, r.out, 0); err != nil {
		return r.lost(err)
	}
	return done
}

// inNotModified reports whether a field belongs into a 304: what is needed
// to renew the client's copy, and what we say ourselves. The rest describes
// a body that is not sent.
func inNotModified(name string) bool {
	switch len(name) {
	case len("Age"):
		return field.Is(name, "Age") || field.Is(name, "Via")
	case len("Date"):
		return field.Is(name, "Date") || field.Is(name, "ETag") || field.Is(name, "Vary")
	case len("Expires"):
		return field.Is(name, "Expires")
	case len("Set-Cookie"):
		return field.Is(name, "Set-Cookie")
	case len("Cache-Status"):
		return field.Is(name, "Cache-Status")
	case len("Cache-Control"):
		// Last-Modified helps clients without entity tags.
		return field.Is(name, "Cache-Control") || field.Is(name, "Last-Modified") || field.Is(name, "Server-Timing")
	case len("Content-Location"):
		return field.Is(name, "Content-Location")
	case len("CDN-Cache-Control"):
		return field.Is(name, "CDN-Cache-Control")
	}
	return false
}
