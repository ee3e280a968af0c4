// Package trace is the record: what every station on the road says it did.
//
// A station (a browser, a resolver, an edge, an origin) notes [Fact]s in
// [Span]s. The facts are declared once, in catalogue.go, with their prose;
// docs/EVENTS.md and docs/record.schema.json are generated from there.
// Stations never format: views of a record live in package report.
//
// Recording is off unless someone asked: a nil *[Station] and a nil *[Span]
// are valid and do nothing, so a hot path carries one nil check. Where
// building a fact costs something, guard it with [Span.On].
package trace

import (
	"context"
	"math/rand/v2"
	"time"
)

// Event is one thing that happened at one station.
type Event struct {
	// Time is the moment at which the thing was done. What took time began
	// at Time minus Took.
	Time time.Time
	Took time.Duration
	// Station names who says so, e.g. "browser", "edge fra1".
	Station string
	// Trace is the journey; Span is the stretch of work that the event
	// belongs to; Parent is the span that caused it, zero at the root.
	Trace  ID
	Span   SpanID
	Parent SpanID
	Fact   Fact
	// Decision is set where a choice was made.
	Decision *Decision
}

// Decision is a choice and its grounds.
type Decision struct {
	Verdict string `json:"verdict" doc:"what was decided, one word or a few joined by hyphens"`
	Reason  string `json:"reason" doc:"why, in one sentence"`
	Clause  string `json:"clause,omitempty" doc:"the rule it follows, e.g. RFC 9111 §4.2.1; empty where no standard has a say"`
	Because string `json:"because,omitempty" doc:"the bytes that decided it, e.g. Cache-Control: s-maxage=60"`
	Remedy  string `json:"remedy,omitempty" doc:"the smallest change that would have given a better verdict"`
}

// Fact is the typed content of an event: one of the structs of the catalogue.
type Fact interface {
	// Kind is the event's name in the catalogue.
	Kind() Kind
}

// Kind names an event, e.g. "dns.referral".
type Kind string

// Recorder takes events. Implementations are safe for concurrent use and
// bounded; they do not keep the caller waiting.
type Recorder interface {
	Record(Event)
}

// Station is one party on the road with a pen of its own. The nil *Station
// records nothing.
type Station struct {
	Name     string
	Recorder Recorder
	// IDs is the source of span and trace ids; nil means math/rand/v2.
	// The lab sets it so that one seed gives one record.
	IDs func() uint64
}

func (s *Station) next() uint64 {
	for {
		var id uint64
		if s.IDs != nil {
			id = s.IDs()
		} else {
			id = rand.Uint64()
		}
		if id != 0 { // W3C Trace Context §3.2.2.3: all-zero ids are invalid
			return id
		}
	}
}

// Begin starts a new journey at this station.
func (s *Station) Begin() *Span {
	if s == nil || s.Recorder == nil {
		return nil
	}
	return &Span{station: s, trace: ID{s.next(), s.next()}, id: SpanID(s.next()), start: time.Now()}
}

// Join starts a span of work that another station caused; from is what the
// wire carried. It returns nil when from is not sampled.
func (s *Station) Join(from Context) *Span {
	if s == nil || s.Recorder == nil || !from.Sampled || from.Trace == (ID{}) {
		return nil
	}
	return &Span{station: s, trace: from.Trace, id: SpanID(s.next()), parent: from.Span, start: time.Now()}
}

// Span is one stretch of work at one station. The nil *Span records nothing.
// A Span is immutable after its creation and safe for concurrent use.
type Span struct {
	station *Station
	trace   ID
	id      SpanID
	parent  SpanID
	start   time.Time
}

// On reports whether notes are kept.
func (s *Span) On() bool { return s != nil }

// Child starts a span caused by s at the same station.
func (s *Span) Child() *Span {
	if s == nil {
		return nil
	}
	return &Span{station: s.station, trace: s.trace, id: SpanID(s.station.next()), parent: s.id, start: time.Now()}
}

// Note records f as happening now. The decision may be nil.
func (s *Span) Note(f Fact, d *Decision) {
	if s == nil {
		return
	}
	s.record(time.Now(), 0, f, d)
}

// Done records f as having lasted from the start of the span until now.
func (s *Span) Done(f Fact, d *Decision) {
	if s == nil {
		return
	}
	now := time.Now()
	s.record(now, now.Sub(s.start), f, d)
}

// Took records f as having lasted from start until end. It serves what was
// measured elsewhere, such as a handshake inside a library.
func (s *Span) Took(start, end time.Time, f Fact, d *Decision) {
	if s == nil {
		return
	}
	s.record(end, end.Sub(start), f, d)
}

func (s *Span) record(at time.Time, took time.Duration, f Fact, d *Decision) {
	s.station.Recorder.Record(Event{
		Time: at, Took: took, Station: s.station.Name,
		Trace: s.trace, Span: s.id, Parent: s.parent,
		Fact: f, Decision: d,
	})
}

// Start is when the span began; zero for nil.
func (s *Span) Start() time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.start
}

// Context is what the wire carries so that the next station can join.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return Context{Trace: s.trace, Span: s.id, Sampled: true}
}

type spanKey struct{}

// With returns a context that carries s; with a nil span, ctx itself.
func With(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, s)
}

// From returns the span that ctx carries, or nil.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}
