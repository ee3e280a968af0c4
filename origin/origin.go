// Package origin is the content server: files, handlers, validators, ranges.
//
// A [Server] is a wire.Handler. It answers a request by the [Route] that
// takes it or else from its [Files]; the edge in front of it, or any client,
// speaks to it through http/wire.
//
// What a handler sees differs in one point from other servers: it works
// against a [Response] that goes on after the client has left. A handler that
// takes longer than the edge's patience ends as it would have ended, and the
// server's own account of the request (trace.OriginResponse) then says with
// which status, and that nobody was there to read it. A handler that wants to
// stop early asks [Response.Context].
//
// The files read in the order of a request: origin.go takes it, route.go
// finds who answers, request.go and response.go are what a handler holds,
// account.go tells the record. files.go and what follows it are static
// content; events.go and socket.go are the two kinds of answer that last.
package origin

import (
	"errors"
	"net/netip"
	"runtime/debug"
	"time"

	"waypost/http/wire"
	"waypost/trace"
)

// DefaultMaxBody is the largest request body that a route takes when neither
// it nor the configuration says otherwise: far more than a form, far less
// than a picture from a camera.
const DefaultMaxBody = 1 << 20

// Config says what a Server serves. It must not change while in use.
type Config struct {
	// Routes are asked before Files.
	Routes []Route
	// Files answers what no route takes; nil: 404.
	Files *Files
	// MaxBody is the largest request body in bytes where a route says
	// nothing; 0 means DefaultMaxBody.
	MaxBody int64
	// Station notes an origin.response for each request that comes with a
	// sampled traceparent from an address within TrustTrace. nil: none.
	Station    *trace.Station
	TrustTrace []netip.Prefix
	// Panicked is told when a handler panics. It may be nil.
	Panicked func(handler string, value any, stack []byte)
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	config Config
	routes table
}

// New returns a server for the configuration, or says which route is wrong.
func New(c Config) (*Server, error) {
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	routes, err := compile(c.Routes)
	if err != nil {
		return nil, err
	}
	return &Server{config: c, routes: routes}, nil
}

// Serve answers one request (wire.Handler).
func (s *Server) Serve(x wire.Exchange) {
	w := &Response{x: x, arrived: time.Now(), handler: "none"}
	w.span = s.join(x)
	w.watch()
	r, problem := newRequest(x, s.config.MaxBody)
	if problem != nil {
		w.Refuse(problem)
	} else {
		s.answer(w, r)
	}
	w.finish(r)
}

// join takes up the journey that the request belongs to, where it comes from
// somebody whose word counts.
func (s *Server) join(x wire.Exchange) *trace.Span {
	if s.config.Station == nil {
		return nil
	}
	value, ok := x.Request().Fields.Lookup("traceparent")
	if !ok || !within(s.config.TrustTrace, x.Conn().Remote.Addr()) {
		return nil
	}
	from, ok := trace.ParseContext(value)
	if !ok {
		return nil
	}
	return s.config.Station.Join(from)
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// answer finds the handler and runs it. A panic becomes a 500 where the head
// has not left yet; otherwise the answer is broken off, so that nobody takes
// a part for the whole.
func (s *Server) answer(w *Response, r *Request) {
	handle, problem := s.find(w, r)
	if problem != nil {
		w.Refuse(problem)
		return
	}
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if s.config.Panicked != nil {
			s.config.Panicked(w.handler, value, debug.Stack())
		}
		w.failed = "the handler broke off"
		switch {
		case w.socket != nil:
			w.socket.Close(StatusInternalError, "")
		case w.status == 0:
			w.Fields = nil
			w.Refuse(&Problem{Status: 500, Detail: "the handler broke off"})
		default:
			w.x.Abort()
		}
	}()
	handle(w, r)
}

// Fail answers with err: a [Problem] as it is, a client that broke off with
// 400, anything else with 500 and without its text, which is not the
// client's business.
func (w *Response) Fail(err error) {
	var p *Problem
	switch {
	case errors.As(err, &p):
		w.Refuse(p)
	case clientFault(err):
		w.Refuse(&Problem{Status: 400, Detail: "the request ended before its end"})
	default:
		w.Refuse(&Problem{Status: 500, Detail: "the request could not be answered"})
	}
}
