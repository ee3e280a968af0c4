package edge

import (
	"context"
	"io"
	"strings"
	"time"

	"waypost/edge/rules"
	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/trace"
)

// What is stored uncoded is compressed once for each coding that is asked
// for, and the coded form kept with it (store.Memory.SetForm): it lives as
// long as the body, through confirmations, and goes when that goes; on disk it
// waits for the body to come back. What is not stored is compressed on its way
// (stream.go).
//
// Parts are those of the uncoded form, which a client can put together
// whatever this edge has in memory (RFC 9110 §14.2 leaves Range to us).

// Limits of compression.
const (
	// wholeSoon bounds the body, and wholeWait the time, that a client's first
	// byte waits for a body that is still coming in, to get it compressed: two
	// round trips to an origin that has it ready. A larger or slower one is
	// sent uncoded while it comes.
	wholeSoon = 256 << 10
	wholeWait = 200 * time.Millisecond
	// pressWait is how long a client waits for a form that is being made; the
	// uncoded one takes about as long to send on a line of 100 Mbit/s.
	pressWait = 500 * time.Millisecond
	// maxPressing bounds the bodies that wait to be compressed. Beyond it they
	// are sent uncoded: the processors are busy enough.
	maxPressing = 64
)

// considerCoding finds out whether o may be compressed, and in which coding
// for this client.
func (r *request) considerCoding(o *store.Object) {
	r.ruled.codable, r.ruled.coding = false, ""
	if r.ruled.by == nil || r.ruled.by.Compress == nil {
		return
	}
	size := o.Size()
	switch {
	case o.Status == 200:
	case o.Status == 206 && !isIndex(o):
		// The 200 of which it is a part would be compressed; slices are not.
		size = sizeOf(&o.Response)
	default:
		return
	}
	if !r.ruled.by.Compress.Fits(o.Fields, r.in.Fields, size) {
		return
	}
	r.ruled.codable = true
	r.ruled.coding = r.ruled.by.Compress.Choose(r.in.Fields)
}

// sizeOf is the size of the whole by what a 206 says of its part, -1 where that
// does not tell.
func sizeOf(part *cache.Response) int64 {
	p, ok := cache.PartOf(part)
	if !ok {
		return -1
	}
	return p.Size
}

// deliverCoded sends o in the client's coding. It reports false when it is to
// be sent uncoded.
func (r *request) deliverCoded(o *store.Object, age int64) (s stage, ok bool) {
	coding := r.ruled.coding
	body, known := o.Form(coding)
	made := false
	if !known && r.in.Method == "GET" {
		body, known, made = r.makeForm(o, coding)
	}
	r.noteCoding(o, coding, body, known, made)
	if len(body) == 0 {
		r.ruled.coding = ""
		return 0, false
	}
	r.out = r.ownFields(o.Fields, age)
	rules.Encode(&r.out, coding)
	r.weaken()
	r.decorate(true)
	if err := r.respond(200, r.out, int64(len(body))); err != nil {
		return r.lost(err), true
	}
	if r.in.Method != "HEAD" {
		if err := r.write(body); err != nil {
			return r.lost(err), true
		}
	}
	return done, true
}

// weaken marks the entity tag in r.out as weak where the client is sent, or
// has been sent, a coded form: its bytes are others than those of the tag
// (RFC 9110 §8.8.3.3). The origin still knows it again.
func (r *request) weaken() {
	if r.ruled.coding == "" {
		return
	}
	for i := range r.out {
		if l := &r.out[i]; len(l.Name) == len("ETag") && field.Is(l.Name, "ETag") && strings.HasPrefix(l.Value, `"`) {
			mark := r.begin()
			r.text = append(append(r.text, "W/"...), l.Value...)
			l.Value = r.value(mark)
		}
	}
}

// makeForm has o compressed, unless that takes too long for this client: known
// is false where it does. made tells that it is not from the disk; no bytes
// mean that the coding is of no use.
func (r *request) makeForm(o *store.Object, coding string) (body []byte, known, made bool) {
	if !r.whole(o) || !r.ruled.by.Compress.Fits(o.Fields, r.in.Fields, o.Size()) {
		return nil, false, false // its size may not have been known before
	}
	p := r.edge.presses.begin(r.edge, o, coding)
	if p == nil {
		return nil, false, false
	}
	timer := time.NewTimer(pressWait)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.body, p.err == nil, p.err == nil && !p.recalled
	case <-timer.C:
	case <-r.x.Context().Done():
	}
	return nil, false, false
}

// whole waits a little for the rest of an object that is coming in.
func (r *request) whole(o *store.Object) bool {
	if o.Complete() {
		return true
	}
	if o.Size() > wholeSoon {
		return false
	}
	if _, err := r.open(o, 0, -1); err != nil { // should it take too long
		return false
	}
	ahead, err := o.Reader(0, -1)
	if err != nil {
		return o.Complete()
	}
	defer ahead.Close()
	ctx, cancel := context.WithTimeout(r.x.Context(), wholeWait)
	defer cancel()
	for n := 0; n <= wholeSoon; {
		chunk, err := ahead.Next(ctx)
		n += len(chunk)
		if err != nil {
			return err == io.EOF && o.Complete() //nolint:errorlint // an end is io.EOF itself (io.Reader)
		}
	}
	return false
}

// noteCoding notes the choice.
func (r *request) noteCoding(o *store.Object, coding string, body []byte, known, made bool) {
	if !r.span.On() {
		return
	}
	f := trace.CodingDecision{Coding: coding, Identity: o.Size(), Coded: int64(len(body)), Made: made}
	d := &trace.Decision{Verdict: "encode", Reason: "the client takes the coding, and the content compresses well",
		Clause: "RFC 9110 §12.5.3", Because: "Accept-Encoding: " + strings.Clone(r.in.Fields.Join("Accept-Encoding"))}
	if len(body) == 0 {
		f.Coding, d.Verdict, d.Reason = "identity", "identity", "the coding does not make it smaller"
		if !known {
			d.Reason = "there is no coded form yet, and none was worth the wait"
		}
	}
	r.span.Note(f, d)
}
