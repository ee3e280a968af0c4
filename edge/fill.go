package edge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
	"waypost/upstream"
)

// A fill asks the origin for one object on behalf of whoever wants it. It
// runs in a goroutine of its own and outlives the client who caused it: once
// that client and all who joined have left, it goes on for AbandonAfter, so
// that the next visitor finds the object, and is then given up. What turns
// out not to be for the store is handed to the first client alone, and given
// up at once when that one has left.
type fill struct {
	edge    *Edge
	site    *site
	filling *store.Filling
	key     []byte
	confirm *store.Object // the stored object to be confirmed, nil for none
	rest    *store.Object // the stored part to be completed, nil for none
	missing cache.Range   // of it
	slice   *slice        // what is to be asked for; nil for the whole
	ranged  bool          // the first client wants a part
	span    *trace.Span

	// The request, in memory of our own: as the client made it and as the
	// origin gets it.
	ask   cache.Request
	out   wire.Request
	ruled ruled // by the site's rules

	ctx    context.Context // ends the exchange with the origin
	cancel context.CancelCauseFunc

	heads    chan head     // to the first client: one, unless it has left
	interims chan interim  // to the first client, before the head
	left     chan struct{} // closed when the first client has left
	done     chan struct{} // closed when the fill has ended

	mu        sync.Mutex
	ended     bool
	abandoned *time.Timer // runs when the first client left before the end

	object   *store.Object // what is being filled
	report   *upstream.Report
	asked    time.Time
	received time.Time
	verdict  cache.Verdict // whether the response may be stored
	stored   bool          // and whether it was
}

// head is what a fill tells the client who started it. One of object,
// response and err is set.
type head struct {
	object    *store.Object
	reader    *store.Reader // from the start of object's body, nil when it is complete
	response  *fetch.Response
	err       error
	report    *upstream.Report
	forwarded int  // the status that the origin sent, where another one is served
	stored    bool // the object is to be kept
}

// interim is a 1xx response to be passed on.
type interim struct {
	status int
	fields field.Fields
}

// maxInterims bounds the interim responses that wait to be passed on. We
// deviate from RFC 9110 §15.2, which has proxies forward them all: beyond the
// bound they are dropped, for a client that does not read must not hold the
// fill up.
const maxInterims = 8

// Why a fill ended without a response for anybody.
var (
	errLookAgain = errors.New("the store has changed: look again")
	errAbandoned = errors.New("nobody waits for the response any more")
	errGivenUp   = errors.New("the fill was given up")
)

// failure is an origin's failure that all who wait for it share.
type failure struct {
	err    error // nil when the origin answered with a 5xx
	status int   // that 5xx
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.err.Error()
	}
	return "the origin answered with an error"
}

// Unwrap returns what went wrong on the way to the origin.
func (f *failure) Unwrap() error { return f.err }

// newFill prepares the fill that r's client waits for.
func newFill(r *request, filling *store.Filling, confirm *store.Object) *fill {
	f := prepareFill(r, filling, r.key)
	f.confirm, f.ranged = confirm, r.ranged
	switch {
	case confirm != nil:
		f.out.Fields = append(f.out.Fields, cache.Validators(&confirm.Response)...)
	case r.rest != nil:
		f.askForRest(r.rest)
	}
	if r.rest == nil && r.slicing() {
		f.askForSlice(slice{size: r.site.Policy.Slice, number: r.firstSlice()})
	}
	return f
}

// prepareFill prepares a fill of key by an unconditional request. The filling
// is the fill's from then on; should this panic, those who wait for it are
// told to go on without.
func prepareFill(r *request, filling *store.Filling, key []byte) *fill {
	prepared := false
	defer func() {
		if !prepared {
			filling.Abort(errGivenUp)
		}
	}()
	f := &fill{
		edge: r.edge, site: r.site, filling: filling, key: slices.Clone(key),
		ask: cache.Request{Method: "GET", Fields: r.in.Fields.Clone(), Scheme: r.in.Scheme,
			Host: strings.Clone(r.in.Authority), Path: strings.Clone(r.in.Path)},
		heads: make(chan head), interims: make(chan interim, maxInterims),
		left: make(chan struct{}), done: make(chan struct{}),
		span: r.span.Child(), ruled: r.ruled.keep(),
	}
	filling.Asked(f.ask.Fields)
	f.ctx, f.cancel = context.WithCancelCause(r.behalf(trace.With(r.edge.ctx, f.span)))
	f.out = wire.Request{
		Method: "GET", Authority: f.ask.Host, Path: f.ask.Path,
		Fields: r.outbound(f.span, forStore).Clone(), TakesTrailers: r.in.TakesTrailers,
		Interim: f.interim,
	}
	prepared = true
	return f
}

// run starts f, or fails it when the edge is closing.
func (e *Edge) run(f *fill) {
	if !e.spawn(f.run) {
		f.filling.Abort(errClosed)
		go func() { // ends when the client takes the news, or leaves
			f.offer(head{err: errClosed})
			f.end()
		}()
	}
}

func (f *fill) run() {
	defer f.end()
	defer f.filling.Abort(errGivenUp)
	if f.slice != nil && f.slice.of != nil {
		f.fetchSlice()
		return
	}
	f.fetch()
}

// interim passes a 1xx response on to the first client.
func (f *fill) interim(status int, fields field.Fields) {
	if status == 100 {
		return // was meant for us
	}
	select {
	case f.interims <- interim{status, f.ruled.hint(fields, f.span)}:
	default:
	}
}

// offer gives the first client its head. It reports false when that has
// left: then whatever is in h is still the fill's.
func (f *fill) offer(h head) bool {
	h.report = f.report
	select {
	case f.heads <- h:
		return true
	case <-f.left:
		return false
	}
}

// leave tells the fill that the first client is gone, or served. It is
// called once.
func (f *fill) leave() {
	close(f.left)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		f.cancel(nil)
		return
	}
	grace := AbandonAfter
	if f.edge.abandoned.Add(1) > maxAbandoned {
		grace = 0
	}
	f.abandoned = time.AfterFunc(grace, f.giveUp)
}

// giveUp ends the fill unless there are others who read it.
func (f *fill) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.filling.Audience() == 0 {
		f.cancel(errAbandoned)
		return
	}
	if !f.ended {
		f.abandoned.Reset(AbandonAfter)
	}
}

// end is the end of the fill's goroutine.
func (f *fill) end() {
	f.mu.Lock()
	f.ended = true
	if f.abandoned != nil {
		f.abandoned.Stop()
		f.edge.abandoned.Add(-1)
		f.cancel(nil) // nobody else will
	}
	f.mu.Unlock()
	close(f.done)
}
