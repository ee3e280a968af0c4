package edge

import (
	"context"
	"net/netip"
	"time"

	"waypost/edge/rules"
	"waypost/edge/store"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
	"waypost/upstream"
)

// request is one request in its life. It is pooled: what is set by start and
// after it is forgotten by finish, the buffers stay. It is used by the one
// goroutine that serves the exchange. One whose stage has panicked is not used
// again: others may still refer to it.
type request struct {
	edge *Edge
	x    wire.Exchange
	in   *wire.Request // as it came, or mine
	mine wire.Request  // where the site's rules have changed it
	ask  cache.Request // what package cache needs to know of in
	now  time.Time     // when the request came
	site *site

	// Which fields the request has, found in one pass.
	ranged      bool // Range
	conditional bool // If-None-Match, If-Modified-Since: a cache evaluates them
	stateful    bool // If-Match, If-Unmodified-Since: only the origin can (RFC 9111 §4.3.2)

	// What the stages hand on.
	entry     *store.Entry
	object    *store.Object // stored, or being filled
	rest      *store.Object // a part of it, where only the rest is wanted
	reader    *store.Reader // of object, when it was opened early
	holding   *store.Object // what is being sent of the store
	verdict   cache.Verdict
	fill      *fill
	join      *store.Joining
	alone     bool            // ask without company: the company did not suit
	lookups   int             // into the store
	recalled  bool            // what was found came from the disk
	parted    bool            // there are parts, though none that serves
	joins     int             // fills of others waited for
	noted     bool            // edge.lookup is in the record
	fetching  *trace.Span     // of a trip that this request makes itself
	answered  *fetch.Response // of the origin, to be relayed
	received  time.Time       // when its head came
	report    *upstream.Report
	failure   error // why the origin brought no answer
	limited   *limitedBody
	release   context.CancelFunc // ends what is not bound to the client's context
	expected  expected           // where what is relayed would be kept
	keeping   *store.Filling     // of what is kept while it is relayed
	press     *rules.Stream      // compresses what is relayed; nil: nothing does
	complete  bool               // and has come to its end
	part      *store.Object      // that is, where it is a part
	problem   problem            // what the edge answers itself
	status    cacheStatus
	ruled     ruled   // by the site's rules
	alias     alias   // where what is stored for another query serves
	sent      account // for the record
	span      *trace.Span
	untrusted string // traceparent of somebody whom we do not trust

	// Buffers that outlive the request.
	host  []byte       // lower case, without port
	key   []byte       // of the store
	text  []byte       // values of fields, see text.go
	path  []byte       // of ruled.path, where it is not as it came
	query []byte       // in the normal form that a policy gives it
	out   field.Fields // to be sent
	kept  field.Fields // of mine

	held   []held // places among the requests of a client
	target []byte // of mine, as the key has it
}

// account is what was sent.
type account struct {
	status int
	bytes  int64
	fault  fault.Kind // why it ended early
}

// start takes on an exchange.
func (r *request) start(x wire.Exchange) {
	r.x, r.in = x, x.Request()
	r.now = time.Now()
	r.ask = cache.Request{Method: r.in.Method, Fields: r.in.Fields,
		Scheme: r.in.Scheme, Host: r.in.Authority, Path: r.in.Path}
}

// finish ends a request that has come to its end, and readies r for another.
func (r *request) finish() {
	r.letGo()
	clear(r.out)
	clear(r.kept)
	*r = request{edge: r.edge, host: r.host[:0], key: r.key[:0], text: r.text[:0], path: r.path[:0], query: r.query[:0], alias: alias{key: r.alias.key[:0]}, out: r.out[:0], kept: r.kept[:0], target: r.target[:0], held: r.held[:0]}
}

// letGo gives back what the request holds and notes what was sent.
func (r *request) letGo() {
	r.leaveFill()
	if r.holding != nil {
		r.holding.LetGo()
	}
	r.unexpect()
	if r.keeping != nil {
		r.keeping.Abort(errGivenUp) // unless it was committed
	}
	if r.answered != nil {
		r.answered.Body.Close()
	}
	if r.press != nil {
		r.press.Release()
	}
	r.releasePlaces()
	if r.release != nil {
		r.release()
	}
	if r.span.On() {
		r.noteResponse()
	}
}

// leaveFill lets go of the fill that the request has led.
func (r *request) leaveFill() {
	if r.reader != nil {
		r.reader.Close()
		r.reader = nil
	}
	if r.fill != nil {
		r.fill.leave()
		r.fill = nil
	}
}

// client is the address of who asks.
func (r *request) client() netip.Addr { return r.x.Conn().Remote.Addr() }
