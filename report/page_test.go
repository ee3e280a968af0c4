package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"waypost/trace"
)

// htmlOf writes a document and returns the page.
func htmlOf(t *testing.T, d Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole is a document with a part of every sort.
func whole() Document {
	d := newFakeTransfer(24_000, 6).document()
	d.Loads = []trace.Load{firstLoad(), secondLoad()}
	return d
}

// TestPage holds the page's structure; its looks are page.css.
func TestPage(t *testing.T) {
	page := htmlOf(t, whole())
	golden(t, "page.html", []byte(strings.Replace(page, pageCSS, "", 1)))
}

func TestTextDiagrams(t *testing.T) {
	d := newFakeTransfer(24_000, 6).document()
	var b bytes.Buffer
	for _, v := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"ladder.txt", func(w io.Writer) error { return Ladder(w, &d.Sequences[0], Style{}) }},
		{"ladder-narrow.txt", func(w io.Writer) error { return Ladder(w, &d.Sequences[0], Style{Colour: true, Width: 60}) }},
		{"curves.txt", func(w io.Writer) error { return Curves(w, &d.Charts[0], Style{}) }},
		{"curves-colour.txt", func(w io.Writer) error { return Curves(w, &d.Charts[0], Style{Colour: true, Width: 80}) }},
	} {
		b.Reset()
		if err := v.write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, v.file, b.Bytes())
	}
}

// TestPageStandsAlone: nothing is loaded, nothing runs, every id is there
// once and every reference leads somewhere.
func TestPageStandsAlone(t *testing.T) {
	page := htmlOf(t, whole())
	ids, wanted := map[string]int{}, map[string]bool{}
	links := regexp.MustCompile(`^(#[a-z0-9-]+|https://www\.rfc-editor\.org/rfc/rfc\d+(#section-[\d.]+)?)$`)
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		switch token.Data {
		case "script", "link", "img", "iframe", "object", "embed", "image", "use", "foreignobject", "form", "base":
			t.Errorf("the page holds a <%s>", token.Data)
		}
		for _, a := range token.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "aria-labelledby":
				for _, id := range strings.Fields(a.Val) {
					wanted[id] = true
				}
			case a.Key == "href":
				if !links.MatchString(a.Val) {
					t.Errorf("a link leads to %q", a.Val)
				}
				if id, ok := strings.CutPrefix(a.Val, "#"); ok {
					wanted[id] = true
				}
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style":
				t.Errorf("<%s> has the attribute %s=%q", token.Data, a.Key, a.Val)
			}
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("the id %s is there %d times", id, n)
		}
	}
	for id := range wanted {
		if ids[id] == 0 {
			t.Errorf("nothing has the id %s", id)
		}
	}
	if strings.Contains(pageCSS, "url(") || strings.Contains(pageCSS, "@import") {
		t.Error("the style loads something")
	}
}

// TestPageIsHarmless: whatever peers put into names, it stays text.
func TestPageIsHarmless(t *testing.T) {
	const evil = "\"'><script>alert(1)</script><img src=x onerror=y></svg></style><!--\x1b[2J\u202e\xff"
	d := whole()
	d.Title, d.Summary = evil, evil+"\n\n"+evil
	d.Sums = []Sum{{evil, evil, evil}}
	d.Notes = []string{evil}
	d.Tables = []Table{{Title: evil, Summary: evil, Head: []string{evil}, Rows: [][]string{{evil}}}}
	l := firstLoad()
	l.URL, l.Fault = evil, evil
	for i := range l.Events {
		l.Events[i].Station = evil
		l.Events[i].Decision = &trace.Decision{Verdict: evil, Reason: evil, Clause: "RFC 9111 §4.2" + evil, Because: evil, Remedy: evil}
	}
	l.Events[0].Fact = trace.URLParsed{Typed: evil, URL: evil, Changes: []string{evil}}
	d.Loads = []trace.Load{l}
	q := &d.Sequences[0]
	q.Title, q.Summary = evil, evil
	q.Lanes = []Lane{{evil, evil}, {evil, evil}}
	for i := range q.Segments {
		q.Segments[i].Label, q.Segments[i].Kind = evil, SegmentKind(evil)
	}
	q.Segments[2].Lost = evil
	for i := range q.States {
		q.States[i].Name = evil
	}
	for i := range q.Notes {
		q.Notes[i].Short, q.Notes[i].Text, q.Notes[i].Clause = evil, evil, evil
	}
	c := &d.Charts[0]
	c.Title, c.Summary, c.Trail, c.Notes = evil, evil, q, q.Notes
	for i := range c.Panels {
		c.Panels[i].Title, c.Panels[i].Unit = evil, Unit(evil)
		for k := range c.Panels[i].Series {
			c.Panels[i].Series[k].Name = evil
		}
	}
	page := htmlOf(t, d)
	for _, bad := range []string{"<script", "<img", "<!--", "\x1b", "\u202e", "\xff"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "</style>"); n != 1 {
		t.Errorf("%d style sheets end, want 1", n)
	}
	var b bytes.Buffer
	if err := errors.Join(Ladder(&b, q, Style{}), Curves(&b, c, Style{})); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("a terminal would obey: %q", b.String())
	}
}

// TestPageIsBounded: however much there is, the page stays one that a browser
// opens, and says what it leaves out.
func TestPageIsBounded(t *testing.T) {
	const many = 100_000
	q := Sequence{Title: "much", Omitted: 7, Lanes: []Lane{{"a", ""}, {"b", ""}}}
	var points []Point
	for i := range many {
		at := time.Duration(i) * time.Millisecond
		s := Segment{From: i % 2, To: 1 - i%2, Sent: at, Arrived: at + time.Millisecond, Kind: SegmentAgain, Label: strings.Repeat("x", 100), Seq: int64(i) * 100, Bytes: 100, Ack: int64(i), Window: 1000}
		if i%3 == 0 {
			s.Lost = strings.Repeat("why ", 100)
		}
		q.Segments = append(q.Segments, s)
		q.Notes = append(q.Notes, Note{At: at, Short: "turn", Text: fmt.Sprint(i, strings.Repeat(" word", 10_000/(i+1)))})
		q.States = append(q.States, State{At: at, Lane: i % 2, Name: "S"})
		points = append(points, Point{at, float64(i % 1000)})
	}
	l := firstLoad()
	for len(l.Events) < many {
		l.Events = append(l.Events, l.Events[1])
	}
	d := Document{
		Loads: []trace.Load{l}, Sequences: []Sequence{q},
		Charts: []Chart{{Trail: &q, Notes: q.Notes, Panels: []Panel{{"p", Bytes, []Series{{Name: "s", Points: points}, {Name: "d", Points: points, Dots: true}}}}}},
		Tables: []Table{{Title: "t", Head: []string{"h"}, Rows: make([][]string, many)}},
	}
	page := htmlOf(t, d)
	if got, limit := len(page), 4<<20; got > limit {
		t.Errorf("the page has %d bytes, want at most %d", got, limit)
	}
	for _, want := range []string{"segments left out", "The first 1000 of 100000 segments as text", "7 segments went that were not collected", "99920 later notes left out", "98000 later steps left out", "99000 rows left out", "first 2000 of"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var b bytes.Buffer
	if err := errors.Join(Ladder(&b, &q, Style{}), Curves(&b, &d.Charts[0], Style{})); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines > 700 {
		t.Errorf("%d lines in a terminal, want at most 700", lines)
	}
}

// TestEmptyParts: a part without content, or with nonsense, is drawn as such.
func TestEmptyParts(t *testing.T) {
	for _, d := range []Document{
		{},
		{Loads: []trace.Load{{}}, Sequences: []Sequence{{}}, Charts: []Chart{{}}, Tables: []Table{{}}, Sums: []Sum{{}}},
		{Charts: []Chart{{Trail: &Sequence{}, Panels: []Panel{{Series: []Series{{}, {Points: []Point{{0, math.NaN()}, {1, math.Inf(1)}, {-5, -3}}}}}}}}},
		{Sequences: []Sequence{{Lanes: []Lane{{"only", ""}}, Segments: []Segment{{From: 0, To: 0}, {From: -1, To: 9}}, States: []State{{Lane: 5, Name: "x"}, {Lane: -1, Name: "y"}}, Notes: []Note{{Lane: Nobody}, {Lane: 70}}}}},
		{Sequences: []Sequence{{Lanes: make([]Lane, 12), Segments: []Segment{{From: 0, To: 7, Sent: -5, Arrived: -9}, {From: 3, To: 11}}}}},
	} {
		page := htmlOf(t, d)
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
			t.Errorf("a coordinate is no number in\n%s", page)
		}
		for i := range d.Sequences {
			if err := Ladder(io.Discard, &d.Sequences[i], Style{Width: 1}); err != nil {
				t.Error(err)
			}
		}
		for i := range d.Charts {
			if err := Curves(io.Discard, &d.Charts[i], Style{Width: 1}); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFoldLosesNothing: what a ladder shows and what its folds count is all
// that there was.
func TestFoldLosesNothing(t *testing.T) {
	for _, size := range []int64{0, 1_000, 24_000, 100_000, 400_000} {
		q := newFakeTransfer(size, 6, 30, 61, 62, 63).q
		segments := ordered(&q)
		for _, shown := range []int{4, 20, maxRungsText, maxRungs} {
			drawn, folded, before := 0, 0, time.Duration(0)
			for _, r := range rungs(&q, segments, shown, maxTurns) {
				if r.at < before {
					t.Fatalf("%d bytes, %d shown: a rung at %v follows one at %v", size, shown, r.at, before)
				}
				before = r.at
				switch {
				case r.segment != nil:
					drawn++
				case r.fold != nil:
					folded += r.fold.segments
				}
			}
			if drawn+folded != len(q.Segments) {
				t.Errorf("%d bytes: %d drawn and %d folded, want %d together", size, drawn, folded, len(q.Segments))
			}
			if most := shown + 2*(shown+len(q.Notes)+len(q.States)); drawn > most {
				t.Errorf("%d bytes: %d drawn, want at most %d", size, drawn, most)
			}
		}
	}
}

// TestForwarded: what a host between the ends passes on is named once.
func TestForwarded(t *testing.T) {
	ms := time.Millisecond
	q := Sequence{Lanes: []Lane{{"client", ""}, {"router", ""}, {"server", ""}}, Segments: []Segment{
		{From: 0, To: 1, Sent: 0, Arrived: ms, Label: "SYN"},
		{From: 1, To: 2, Sent: ms, Arrived: 2 * ms, Label: "SYN"},
		{From: 2, To: 1, Sent: 3 * ms, Arrived: 4 * ms, Label: "SYN,ACK"},
		{From: 0, To: 1, Sent: 4 * ms, Label: "SYN", Lost: "by lot"},
		{From: 1, To: 0, Sent: 5 * ms, Arrived: 6 * ms, Label: "SYN,ACK"},
		{From: 1, To: 2, Sent: 7 * ms, Arrived: 8 * ms, Label: "SYN"}, // nobody sent it to the router
	}}
	var got []bool
	for _, s := range ordered(&q) {
		got = append(got, s.forwarded())
	}
	if want := []bool{false, true, false, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("forwarded: %v, want %v", got, want)
	}
	page := htmlOf(t, Document{Sequences: []Sequence{q}})
	if n := strings.Count(page, ">SYN,ACK</text>"); n != 1 {
		t.Errorf("SYN,ACK is named %d times, want once", n)
	}
}

func TestTimeTicks(t *testing.T) {
	for _, tt := range []struct {
		end  time.Duration
		want string
	}{
		{0, "0 µs"},
		{900 * time.Microsecond, "0 200 400 600 800 µs"},
		{41 * time.Millisecond, "0 10 20 30 40 ms"},
		{2020 * time.Millisecond, "0 0.5 1 1.5 2 s"},
		{100 * time.Second, "0 20 40 60 80 100 s"},
		{25 * time.Minute, "0 5 10 15 20 25 min"},
		{110 * time.Minute, "0 30 60 90 min"},
		{48 * time.Hour, "0 10 20 30 40 h"},
	} {
		at, labels := timeTicks(tt.end, 5)
		if got := strings.Join(labels, " "); got != tt.want || len(at) != len(labels) {
			t.Errorf("ticks up to %v are %q, want %q", tt.end, got, tt.want)
		}
	}
}

func TestClauseLink(t *testing.T) {
	for _, tt := range []struct{ clause, href string }{
		{"RFC 5681 §3.2", "https://www.rfc-editor.org/rfc/rfc5681#section-3.2"},
		{"RFC 5681 §3.2 step 6", "https://www.rfc-editor.org/rfc/rfc5681#section-3.2"},
		{"RFC 826", "https://www.rfc-editor.org/rfc/rfc826"},
		{"RFC 826.1", ""},
		{"RFC ", ""},
		{"RFC 123456", ""},
		{"WHATWG URL §4.4", ""},
	} {
		got := clauseLink(tt.clause)
		if tt.href == "" && strings.Contains(got, "href") || tt.href != "" && !strings.Contains(got, `"`+tt.href+`"`) {
			t.Errorf("%q becomes %s, want a link to %q", tt.clause, got, tt.href)
		}
	}
}

// TestPanelLimit: a curve far above the others is named, not drawn.
func TestPanelLimit(t *testing.T) {
	flat := func(v float64) Series { return Series{Points: []Point{{0, v}}} }
	for _, tt := range []struct {
		series []Series
		limit  float64
		above  int
	}{
		{[]Series{flat(10), flat(20)}, 20, 0},
		{[]Series{flat(10), flat(4000)}, 10, 1},
		{[]Series{flat(4000)}, 4000, 0},
		{[]Series{flat(4000), {}}, 4000, 0},
		{[]Series{{Points: []Point{{0, 1}, {9, 4000}}}, flat(10)}, 4000, 0},
		{[]Series{{Points: []Point{{0, 1}, {2, 4000}}}, flat(10)}, 10, 1},
		{nil, 1, 0},
	} {
		limit, above := panelLimit(tt.series, 10)
		n := 0
		for _, a := range above {
			if a {
				n++
			}
		}
		if limit != tt.limit || n != tt.above {
			t.Errorf("limit %v with %d above, want %v with %d", limit, n, tt.limit, tt.above)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		at, end time.Duration
		want    string
	}{
		{1500 * time.Nanosecond, time.Millisecond, "1.5 µs"},
		{43 * time.Millisecond, time.Second, "43.00 ms"},
		{1166400 * time.Microsecond, 2 * time.Second, "1166.40 ms"},
		{43 * time.Millisecond, 61 * time.Second, "43.00 ms"},
		{125 * time.Second, time.Hour, "2:05.000"},
		{2*time.Hour + 75*time.Second, 3 * time.Hour, "2:01:15.000"},
	} {
		if got := clock(tt.at, tt.end); got != tt.want {
			t.Errorf("%v of %v is %q, want %q", tt.at, tt.end, got, tt.want)
		}
	}
}

// TestParts: each part stands under its title with its comment, after the
// document's own tables, what is in it bears its name, and no id is there
// twice.
func TestParts(t *testing.T) {
	part := whole()
	part.Name, part.Title, part.Summary = "07-arp", "Who has it?", "ARP asks."
	second := part
	second.Name = "08-multicast"
	page := htmlOf(t, Document{Title: "Journeys", Tables: []Table{{Title: "Outcome", Head: []string{"journey"}}}, Parts: []Document{part, second}})
	at := -1
	for _, want := range []string{
		`href="#part-2">08-multicast · Who has it?`, `<h2 id="table-1-h">Outcome`, `<section id="part-1" `, `<h2 id="part-1-h">07-arp · Who has it?`, "<p>ARP asks.</p>",
		`<h3 id="part-1-load-1-h">07-arp · Load 1 of 2:`, `<h3 id="part-1-sequence-1-h">07-arp · `, `<section id="part-2" `, `<h3 id="part-2-load-1-h">08-multicast · Load`,
	} {
		i := strings.Index(page, want)
		if i <= at {
			t.Errorf("%s is at %d, what stands before it at %d", want, i, at)
		}
		at = i
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="[^"]*"`).FindAllString(page, -1) {
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
}
