package edge

import (
	"context"
	"errors"
	"time"

	"waypost/edge/store"
	"waypost/fault"
	"waypost/http/cache"
	"waypost/http/field"
)

// maxJoins bounds the fills of one key that a request waits for in turn
// because each brought another variant than its own.
const maxJoins = 4

// await waits for the head of the response that a fill brings, the request's
// own or another one's.
func (r *request) await() stage {
	ctx := r.x.Context()
	if r.join != nil {
		return r.awaitOther(ctx)
	}
	for {
		select {
		case i := <-r.fill.interims:
			r.hint(i)
		case h := <-r.fill.heads:
			for len(r.fill.interims) > 0 {
				r.hint(<-r.fill.interims)
			}
			return r.take(h)
		case <-ctx.Done():
			return r.clientLeft()
		}
	}
}

// hint passes an interim response on. A client that it does not reach will not
// be reached by the final response either, which shows there.
func (r *request) hint(i interim) { _ = r.x.Inform(i.status, i.fields) }

// take goes on with what the request's own fill brought.
func (r *request) take(h head) stage {
	r.report = h.report
	r.status.status = h.forwarded
	if !r.alias.covers(h.responseHead(r.fill)) {
		return r.apart(h)
	}
	switch {
	case errors.Is(h.err, errPass):
		r.leaveFill()
		r.object = nil
		return toPass
	case h.err != nil:
		r.failure = h.err
		return toFail
	case h.response != nil:
		r.answered = h.response
		return toRelay
	}
	r.object, r.reader = h.object, h.reader
	r.status.stored = h.stored
	r.measure(h.object)
	return toDeliver
}

// measure sets the age and lifetime of o as it stands now.
func (r *request) measure(o *store.Object) {
	r.verdict.Age = cache.Age(time.Now(), &o.Response)
	r.verdict.Lifetime = cache.Lifetime(r.site.rules, &o.Response)
	r.status.left(r.verdict.Lifetime, r.verdict.Age)
}

// awaitOther waits for somebody else's fill, and finds out whether what it
// brings answers this request too.
func (r *request) awaitOther(ctx context.Context) stage {
	o, err := r.join.Head(ctx)
	var failed *failure
	switch {
	case r.ranged && !r.slicing() && ctx.Err() == nil && (err != nil || !r.inReach(o) || !cache.Matches(r.site.rules, r.in.Fields, &o.Response)):
		return r.goAlone() // the origin can answer with the part alone
	case err == nil && !cache.Matches(r.site.rules, r.in.Fields, &o.Response):
		return r.joinNext(o) // another variant
	case err == nil && !r.alias.covers(&o.Response), errors.Is(err, store.ErrNotShared) && r.alias.policy != nil:
		return r.apart(head{})
	case err == nil && cache.Use(time.Now(), r.site.rules, &r.ask, &o.Response).Serves():
		r.object, r.status.collapsed = o, true
		r.measure(o)
		return toDeliver
	case err == nil, errors.Is(err, store.ErrNotShared):
		return r.goAlone()
	case ctx.Err() != nil:
		return r.clientLeft()
	case errors.Is(err, errLookAgain):
		if r.join = nil; r.lookups == maxLookups {
			return r.goAlone() // confirmed each time, and yet not to be used unconfirmed
		}
		r.now = time.Now()
		return toLookup
	case errors.As(err, &failed) && failed.status != 0 && r.object == nil:
		return r.goAlone() // the origin did answer: let it answer this one too
	case failed != nil:
		// The origin is in trouble: those who waited know it as well as the
		// one who asked. Asking again for each would be no help.
		r.failure = failed
		return toFail
	}
	return r.joinNext(nil) // the fill was given up for reasons of its own
}

// joinNext turns to the next fill of the same key that may bring what other did
// not, or leads it.
func (r *request) joinNext(other *store.Object) stage {
	if r.joins++; r.joins > maxJoins {
		return r.goAlone()
	}
	lead, join := r.join.Next(r.in.Fields, r.alike(other))
	if r.join = join; lead != nil {
		r.lead(lead)
	}
	return toAwait
}

// alike judges which fills to wait for, where a response of the resource is
// known: those whose request selects what this one does, so that nobody waits
// for another's variant. Nil is for any.
func (r *request) alike(known *store.Object) func(asked field.Fields) bool {
	if known == nil {
		return nil
	}
	return func(asked field.Fields) bool {
		return cache.Alike(r.site.rules, asked, r.in.Fields, &known.Response)
	}
}

// goAlone asks the origin for this request only.
func (r *request) goAlone() stage {
	r.join, r.alone = nil, true
	if r.object != nil {
		return toRevalidate
	}
	return toMiss
}

// clientLeft ends a request whose client is gone.
func (r *request) clientLeft() stage {
	r.sent.fault = fault.ConnectionTerminated
	return done
}
