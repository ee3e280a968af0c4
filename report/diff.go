package report

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"waypost/trace"
)

// Diff says what changed between two loads of a page: the sums side by side,
// then each response whose source or status changed.
func Diff(w io.Writer, a, b *trace.Load, s Style) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, s.paint(faint, fmt.Sprintf("%s  %12s  %12s", column("", 28), "first", "second")))
	sumA, sumB := sum(a), sum(b)
	for _, row := range []struct {
		name string
		a, b string
	}{
		{"time to the last byte", ms(sumA.took), ms(sumB.took)},
		{"questions to name servers", fmt.Sprint(sumA.questions), fmt.Sprint(sumB.questions)},
		{"connections", fmt.Sprint(sumA.connects), fmt.Sprint(sumB.connects)},
		{"TLS handshakes", handshakes(sumA), handshakes(sumB)},
		{"requests on the network", fmt.Sprint(sumA.requests), fmt.Sprint(sumB.requests)},
		{"from the private cache", fmt.Sprint(sumA.cached), fmt.Sprint(sumB.cached)},
		{"edge hits / lookups", fmt.Sprintf("%d / %d", sumA.hits, sumA.lookups), fmt.Sprintf("%d / %d", sumB.hits, sumB.lookups)},
		{"trips to the origin", fmt.Sprint(sumA.fetches), fmt.Sprint(sumB.fetches)},
		{"body bytes transferred", size(sumA.bytes), size(sumB.bytes)},
	} {
		c := ink("")
		if row.a != row.b {
			c = bold
		}
		fmt.Fprintf(out, "%s  %12s  %s\n", column(row.name, 28), row.a, s.paint(c, fmt.Sprintf("%12s", row.b)))
	}
	fmt.Fprintln(out)
	first := map[string]Row{}
	for _, r := range Rows(a) {
		first[r.URL] = r
	}
	rows := Rows(b)
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(label(r.URL, b.URL))))
	}
	width = min(width, 40)
	for _, r := range rows {
		old, ok := first[r.URL]
		was, is := "not asked for", source(r)
		if ok {
			was = source(old)
		}
		if was != is {
			fmt.Fprintf(out, "%s  %s → %s\n", column(safe(label(r.URL, b.URL)), width), safe(was), s.paint(verdictInk(lastWord(r.From)), safe(is)))
		}
		delete(first, r.URL)
	}
	return out.Flush()
}

func source(r Row) string {
	if r.From == "private cache" {
		return r.From
	}
	return join(" ", fmt.Sprint(r.Status), r.From, r.Fault)
}

func handshakes(t totals) string {
	if t.resumed == 0 {
		return fmt.Sprint(t.handshakes)
	}
	return fmt.Sprintf("%d (%d resumed)", t.handshakes, t.resumed)
}

// totals is what a load cost.
type totals struct {
	took                                     time.Duration
	questions, connects, handshakes, resumed int
	requests, cached, lookups, hits, fetches int
	bytes                                    int64
}

func sum(l *trace.Load) totals {
	var t totals
	station := loader(l)
	paged, asked, bytes := false, 0, int64(0) // what there is without a page to say it
	answered := l.Start                       // else the last event; its connections may live on
	if n := len(l.Events); n > 0 {
		answered = l.Events[n-1].Time
	}
	for _, e := range l.Events {
		switch f := e.Fact.(type) {
		case trace.DNSQuery:
			t.questions++
		case trace.TCPConnect:
			if f.Fault == "" && e.Station == station {
				t.connects++
			}
		case trace.QUICConnect:
			if f.Fault == "" && e.Station == station {
				t.connects++
			}
		case trace.TLSHandshake:
			if e.Station != station {
				continue
			}
			t.handshakes++
			if f.Resumed {
				t.resumed++
			}
		case trace.EdgeLookup:
			t.lookups++
			if e.Decision != nil && e.Decision.Verdict == "hit" {
				t.hits++
			}
		case trace.OriginFetch:
			t.fetches++
		case trace.PageLoad:
			t.took = e.Time.Sub(l.Start)
			t.requests, t.cached, t.bytes = f.Requests, f.Cached, f.Bytes
			paged = true
		case trace.HTTPRequest:
			if e.Station == station {
				asked++
			}
		case trace.HTTPResponse:
			if e.Station == station {
				bytes += f.Bytes
				answered = e.Time
			}
		}
	}
	if !paged {
		t.requests, t.bytes, t.took = asked, bytes, answered.Sub(l.Start)
	}
	return t
}
