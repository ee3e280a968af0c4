package edge

import (
	"context"
	"errors"
	"io"

	"waypost/edge/store"
	"waypost/http/cache"
)

// assembly sends what an index stands for, slice by slice. While one is sent
// the next is already being fetched, and no more than that: a client that
// leaves has cost two slices. Clients who want the same slice share its
// fetching.
type assembly struct {
	r           *request
	index       *store.Object
	size, slice int64
	key         []byte // buffer for the keys of slices

	number int64         // of the slice that is open; -1 for none
	object *store.Object // that slice
	reader *store.Reader // of it, from its start; nil when it is complete
	at     int64         // how far reader has come
	fill   *fill         // that brings it, where this request leads it
}

// maxCounted bounds the slices that are looked for only to say in
// Cache-Status whether all are there.
const maxCounted = 64

// deliverSlices answers from an index.
func (r *request) deliverSlices(o *store.Object, age int64) stage {
	a := &assembly{r: r, index: o, number: -1}
	a.size, a.slice = indexOf(&o.Response)
	defer a.close()
	whole := []cache.Range{{Length: a.size}}
	ranges := whole
	if r.ranged && r.in.Method == "GET" && cache.IfRange(r.in.Fields, cache.ValidatorOf(&o.Response)) {
		wanted, err := cache.ParseRange(r.in.Fields.Get("Range"), a.size)
		if errors.Is(err, cache.ErrUnsatisfiable) {
			return r.unsatisfied(a.size, age)
		}
		if err == nil {
			ranges = wanted
		}
	}
	if r.status.hit && r.in.Method == "GET" && !a.has(ranges) {
		r.status.hit, r.status.fwd = false, "partial"
	}
	if r.in.Method == "GET" {
		// Before the head is sent what has changed can still begin anew.
		if err := a.open(ranges[0].Start / a.slice); err != nil {
			return a.failed(err)
		}
		if r.status.fwd == "partial" {
			r.status.stored = a.object.Kept() // the others are no longer
		}
	}
	if &ranges[0] != &whole[0] {
		return r.deliverRanges(o.Fields, a.size, ranges, age, a.send)
	}
	if err := r.respond(200, r.fields(withoutRange(o.Fields), age), a.size); err != nil {
		return r.lost(err)
	}
	if r.in.Method != "HEAD" {
		a.send(whole[0])
	}
	return done
}

// failed finds out how to go on when the first slice is not to be had.
func (a *assembly) failed(err error) stage {
	r := a.r
	r.object = nil // the index alone is no answer
	switch {
	case r.x.Context().Err() != nil:
		return r.clientLeft()
	case errors.Is(err, errChanged):
		return a.startOver()
	}
	r.failure = err
	return toFail
}

// startOver has the new version asked for.
func (a *assembly) startOver() stage {
	r := a.r
	a.forget()
	r.leaveFill()
	if r.lookups >= maxLookups {
		r.edge.unsliced.set(r.key, r.now)
		r.alone = true
		return toPass // it changes each time we look
	}
	return toLookup
}

// forget drops the index, unless that has been done.
func (a *assembly) forget() {
	r := a.r
	if e := r.edge.store.Get(r.key); e.Select(r.site.rules, r.in.Fields) == a.index {
		r.edge.store.Purge(r.key)
	}
}

// has reports whether the slices of the ranges are stored, as far as it looks.
func (a *assembly) has(ranges []cache.Range) bool {
	counted := 0
	for _, p := range ranges {
		for n := p.Start / a.slice; n*a.slice < p.Start+p.Length && counted < maxCounted; n++ {
			counted++
			if a.stored(n) == nil {
				return false
			}
		}
	}
	return true
}

// send sends one range. It reports false when it broke off.
func (a *assembly) send(p cache.Range) bool {
	end := p.Start + p.Length
	for at := p.Start; at < end; {
		n := at / a.slice
		if err := a.open(n); err != nil {
			if errors.Is(err, errChanged) {
				a.forget()
			}
			a.r.broke(err)
			return false
		}
		next := min((n+1)*a.slice, end)
		if next < end {
			a.ahead(n + 1)
		}
		a.r.hold(a.object)
		if !a.copy(at-n*a.slice, next-n*a.slice) {
			return false
		}
		at = next
	}
	return true
}

// stored finds a slice that belongs to the index, or nil.
func (a *assembly) stored(n int64) *store.Object {
	s := a.r.edge.store
	a.key = sliceKey(a.key[:0], a.index.Key, &a.index.Response, n)
	e := s.Get(a.key)
	if e == nil && s.Recall(a.key, a.r.site.rules) {
		e = s.Get(a.key)
	}
	if e == nil || !a.belongs(e.Variants[0], n) {
		return nil
	}
	e.Variants[0].Touch()
	return e.Variants[0]
}

// belongs reports whether an object is slice n of this index.
func (a *assembly) belongs(o *store.Object, n int64) bool {
	held, ok := cache.PartOf(&o.Response)
	want := slice{size: a.slice, number: n}
	return ok && held == want.part(a.size) && cache.SameRepresentation(&a.index.Response, &o.Response)
}

// open has slice n at hand, which may still be on its way in.
func (a *assembly) open(n int64) error {
	if n == a.number {
		return nil
	}
	a.close()
	for range maxJoins {
		if o := a.stored(n); o != nil {
			a.number, a.object = n, o
			return nil
		}
		lead, join := a.r.edge.store.Begin(a.key)
		if lead != nil {
			if a.stored(n) == nil {
				return a.lead(n, lead)
			}
			lead.Abort(errLookAgain) // it has just come
			continue
		}
		if err := a.flush(); err != nil {
			return err
		}
		o, err := join.Head(a.r.x.Context())
		var failed *failure
		switch {
		case err == nil && a.belongs(o, n):
			if reader, err := o.Reader(0, -1); err == nil {
				a.number, a.object, a.reader, a.at = n, o, reader, 0
				if !a.r.status.hit && a.r.fill == nil {
					a.r.status.collapsed = true
				}
				return nil
			}
			return a.lead(n, a.r.edge.store.BeginAlone(a.key)) // its first bytes are gone
		case a.r.x.Context().Err() != nil, errors.Is(err, errChanged), errors.As(err, &failed):
			return err
		}
	}
	return a.lead(n, a.r.edge.store.BeginAlone(a.key))
}

// lead fetches slice n.
func (a *assembly) lead(n int64, filling *store.Filling) error {
	r := a.r
	f := a.newFill(n, filling)
	a.fill = f
	r.edge.run(f)
	if err := a.flush(); err != nil {
		return err
	}
	select {
	case h := <-f.heads:
		if h.err != nil {
			r.report = h.report
			return h.err
		}
		a.number, a.object, a.reader, a.at = n, h.object, h.reader, 0
		return nil
	case <-r.x.Context().Done():
		return context.Cause(r.x.Context())
	}
}

// flush sends what has been written before something is waited for.
func (a *assembly) flush() error {
	if a.r.sent.status == 0 {
		return nil
	}
	return a.r.x.Flush()
}

// ahead begins to fetch slice n, which will be wanted next.
func (a *assembly) ahead(n int64) {
	if a.stored(n) == nil {
		a.r.edge.unattended(a.key, func(filling *store.Filling) *fill { return a.newFill(n, filling) })
	}
}

// newFill is a fill for slice n, whose key is in a.key.
func (a *assembly) newFill(n int64, filling *store.Filling) *fill {
	f := prepareFill(a.r, filling, a.key)
	f.askForSlice(slice{size: a.slice, number: n, of: &a.index.Response})
	return f
}

// copy sends the open slice's bytes from one offset to another. It reports
// false when it broke off.
func (a *assembly) copy(from, to int64) bool {
	r := a.r
	if a.reader == nil && a.object.Complete() {
		return r.sendPart(a.object, cache.Range{Start: from, Length: to - from})
	}
	if a.reader == nil || a.at > from {
		reader, err := a.object.Reader(from, -1)
		if err != nil {
			r.broke(err)
			return false
		}
		a.closeReader()
		a.reader, a.at = reader, from
	}
	ctx := r.x.Context()
	for a.at < to {
		if !a.reader.Ready() {
			if err := r.x.Flush(); err != nil {
				r.lost(err)
				return false
			}
		}
		chunk, err := a.reader.Next(ctx)
		if err != nil {
			if err == io.EOF { //nolint:errorlint // an end is io.EOF itself (io.Reader)
				err = io.ErrUnexpectedEOF
			}
			r.broke(err)
			return false
		}
		chunk = a.cut(chunk, from, to)
		if err := r.write(chunk); err != nil {
			r.lost(err)
			return false
		}
	}
	return true
}

// cut takes from the bytes that follow those that were read what lies between
// two offsets.
func (a *assembly) cut(chunk []byte, from, to int64) []byte {
	start := a.at
	a.at += int64(len(chunk))
	return chunk[min(max(from-start, 0), int64(len(chunk))):max(min(to-start, int64(len(chunk))), 0)]
}

// close lets go of the open slice.
func (a *assembly) close() {
	a.closeReader()
	if a.fill != nil {
		a.fill.leave()
		a.fill = nil
	}
	a.number, a.object = -1, nil
}

func (a *assembly) closeReader() {
	if a.reader != nil {
		a.reader.Close()
		a.reader = nil
	}
}
