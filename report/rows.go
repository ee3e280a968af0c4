package report

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"waypost/trace"
)

// Row is one response of a load as a waterfall shows it.
type Row struct {
	URL    string
	Status int    // 0 where none came
	From   string // where the bytes came from: "private cache", "fra1 hit", "fra1 miss", …
	Fault  string
	Bytes  int64
	Phases []Phase // in the order of time, relative to the load's start
}

// Phase is a stretch of a row.
type Phase struct {
	Name       string // one of the phase names
	Start, End time.Duration
}

// The phases of a response.
const (
	phaseQueue   = "queue"   // waiting for a free connection
	phaseNames   = "names"   // resolving
	phaseConnect = "connect" // TCP handshake
	phaseTLS     = "tls"     // TLS handshake
	phaseWait    = "wait"    // from the request to the first byte
	phaseReceive = "receive" // from the first byte to the last
	phaseCache   = "cache"   // answered from the private cache
)

// Start is when the row's first phase began.
func (r *Row) Start() time.Duration {
	if len(r.Phases) == 0 {
		return 0
	}
	return r.Phases[0].Start
}

// End is when its last phase ended.
func (r *Row) End() time.Duration {
	end := time.Duration(0)
	for _, p := range r.Phases {
		end = max(end, p.End)
	}
	return end
}

// Rows reads the responses out of a record: one for each http.response and
// for each private-cache hit of the station that loaded the page. An event
// belongs to the response that its span, or the nearest span above, led to.
func Rows(l *trace.Load) []Row {
	b := rowBuilder{load: l, station: loader(l), parent: map[trace.SpanID]trace.SpanID{}, owner: map[trace.SpanID]bool{}, open: map[trace.SpanID]*Row{}, done: map[trace.SpanID][]*Row{}}
	b.findSpans()
	for _, e := range l.Events {
		if e.Station == b.station {
			b.add(e)
		} else if e.Fact.Kind() == trace.KindEdgeLookup && e.Decision != nil {
			if row := b.last(b.ownerOf(e.Span)); row != nil {
				row.From = e.Station + " " + e.Decision.Verdict
			}
		}
	}
	return b.rows()
}

// loader is the station that loaded the page, or that sent the first request
// where there is no page: a fetch of the lab.
func loader(l *trace.Load) string {
	asked := ""
	for _, e := range l.Events {
		switch e.Fact.(type) {
		case trace.URLParsed, trace.PageLoad:
			return e.Station
		case trace.HTTPRequest:
			if asked == "" {
				asked = e.Station
			}
		}
	}
	return asked
}

type rowBuilder struct {
	load    *trace.Load
	station string
	parent  map[trace.SpanID]trace.SpanID
	owner   map[trace.SpanID]bool // spans that hold a response
	open    map[trace.SpanID]*Row // the row under way in an owner
	done    map[trace.SpanID][]*Row
}

// findSpans learns who caused whom and which spans lead to responses.
func (b *rowBuilder) findSpans() {
	for _, e := range b.load.Events {
		b.parent[e.Span] = e.Parent
		switch f := e.Fact.(type) {
		case trace.HTTPResponse:
			b.owner[e.Span] = true
		case trace.CacheDecision:
			if isPrivateHit(f, e.Decision) {
				b.owner[e.Span] = true
			}
		}
	}
}

func isPrivateHit(f trace.CacheDecision, d *trace.Decision) bool {
	return f.Store == "private-cache" && d != nil && (d.Verdict == "hit" || d.Verdict == "stale")
}

// ownerOf climbs from a span to the nearest one that leads to a response.
func (b *rowBuilder) ownerOf(s trace.SpanID) trace.SpanID {
	for range 64 { // deeper than any causal chain of a page; bounds a record with a loop
		if b.owner[s] || s == 0 {
			return s
		}
		s = b.parent[s]
	}
	return 0
}

func (b *rowBuilder) row(s trace.SpanID) *Row {
	if b.open[s] == nil {
		b.open[s] = &Row{}
	}
	return b.open[s]
}

// last is the row that an edge's account belongs to: the one under way, or
// else the latest.
func (b *rowBuilder) last(s trace.SpanID) *Row {
	if r := b.open[s]; r != nil {
		return r
	}
	if d := b.done[s]; len(d) > 0 {
		return d[len(d)-1]
	}
	return nil
}

func (b *rowBuilder) add(e trace.Event) {
	owner := b.ownerOf(e.Span)
	if owner == 0 {
		return
	}
	at := e.Time.Sub(b.load.Start)
	phase := func(name string, from, to time.Duration) {
		r := b.row(owner)
		if to > from {
			r.Phases = append(r.Phases, Phase{name, from, to})
		}
	}
	switch f := e.Fact.(type) {
	case trace.DNSAnswer:
		phase(phaseNames, at-e.Took, at)
	case trace.TCPConnect:
		phase(phaseConnect, at-e.Took, at)
	case trace.QUICConnect:
		phase(phaseConnect, at-e.Took, at)
	case trace.TLSHandshake:
		phase(phaseTLS, at-e.Took, at)
	case trace.HTTPRequest:
		b.row(owner) // what an edge says from here on is about this row
		if f.Queued > 0 {
			phase(phaseQueue, at-time.Duration(f.Queued), at)
		}
	case trace.HTTPResponse:
		r := b.row(owner)
		first := at - e.Took + time.Duration(f.FirstByte)
		phase(phaseWait, at-e.Took, min(first, at))
		if f.Status != 0 {
			phase(phaseReceive, first, at)
		}
		r.URL, r.Status, r.Bytes, r.Fault = f.URL, f.Status, f.Bytes, f.Fault
		b.close(owner)
	case trace.CacheDecision:
		if isPrivateHit(f, e.Decision) {
			r := b.row(owner)
			r.URL, r.Status, r.From = f.URL, 200, "private cache"
			r.Phases = append(r.Phases, Phase{phaseCache, at - e.Took, at})
			b.close(owner)
		}
	}
}

func (b *rowBuilder) close(owner trace.SpanID) {
	r := b.open[owner]
	slices.SortStableFunc(r.Phases, func(x, y Phase) int { return cmp.Compare(x.Start, y.Start) })
	b.done[owner] = append(b.done[owner], r)
	delete(b.open, owner)
}

func (b *rowBuilder) rows() []Row {
	var all []Row
	for _, rows := range b.done {
		for _, r := range rows {
			all = append(all, *r)
		}
	}
	slices.SortFunc(all, func(x, y Row) int {
		return cmp.Or(cmp.Compare(x.Start(), y.Start()), cmp.Compare(x.End(), y.End()), cmp.Compare(x.URL, y.URL))
	})
	return all
}

// label shortens a URL for a column: what it shares with the page's goes.
func label(raw, page string) string {
	u, err1 := url.Parse(raw)
	p, err2 := url.Parse(page)
	if err1 != nil || err2 != nil || u.Host != p.Host {
		return strings.TrimPrefix(strings.TrimPrefix(raw, "https://"), "http://")
	}
	return u.RequestURI()
}
