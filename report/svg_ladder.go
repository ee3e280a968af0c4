package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A page's ladder has the lanes in the middle, what each side sends named
// beside it, and the notes on the right. Time runs down, but not evenly: every
// label needs a row, so a busy moment is stretched, and a long silence is cut
// short and says how long it was.

// Measures of a ladder, in pixels at its natural size.
const (
	ladderTime  = 76.0  // the column of times
	ladderLabel = 296.0 // the labels of either side
	ladderGap   = 280.0 // between two lanes; less where there are many
	ladderNotes = 268.0 // the column of notes
	ladderHead  = 52.0
	ladderRow   = 17.0 // a labelled row at least
	ladderStep  = 5.0  // between two arrivals at least
	ladderFold  = 46.0
	ladderLong  = 58.0 // what a stretch of time takes at most
	ladderSlope = 64.0 // what a typical segment falls on its way
	noteColumns = 41   // characters of a line of a note
	noteLine    = 14.0
)

// mark is something with a place on a ladder's axis of time.
type mark struct {
	at    time.Duration
	order int // at one moment: arrivals, notes and states, what is sent
	rung  int // index of the rung
	end   bool
}

// ladderDrawing is a ladder under way.
type ladderDrawing struct {
	picture
	q        *Sequence
	end      time.Duration
	rungs    []rung
	marks    []mark
	sentY    []float64 // by rung
	arrivedY []float64
	bottom   float64
	silences []silence
	width    float64
	notesX   float64
}

// silence is a stretch in which nothing happens, drawn shorter than it was.
type silence struct {
	y    float64
	took time.Duration
}

// writeLadder draws a sequence.
func writeLadder(p picture, id string, q *Sequence, segments []Segment) {
	d := ladderDrawing{picture: p, q: q, end: endOf(q, segments), rungs: rungs(q, segments, maxRungs, maxTurns)}
	d.place(transit(segments))
	d.notesX = d.lane(min(len(q.Lanes), maxLanes)-1) + ladderLabel + 14
	d.width = d.notesX
	if len(q.Notes) > 0 {
		d.width += ladderNotes
	}
	notes, notesEnd := d.notes()
	height := max(d.bottom, notesEnd) + 24
	words := fmt.Sprintf("%s between %s in %s. The same as text stands below the diagram.", count(len(segments), "segment"), strings.Join(laneNames(q), ", "), lapse(d.end))
	d.open(id, "ladder", d.width, height, q.Title, words)
	d.lanes()
	for i := range d.rungs {
		d.fold(i)
	}
	for i := range d.silences {
		d.silence(d.silences[i])
	}
	for i := range d.rungs {
		d.arrow(i)
	}
	lastTime, said := math.Inf(-1), ""
	for i := range d.rungs {
		if r := &d.rungs[i]; r.note != nil || r.segment != nil && r.segment.forwarded() {
			continue
		}
		if y, at := d.sentY[i], clock(d.rungs[i].at, d.end); y-lastTime >= 12 && at != said {
			d.text("dim", "end", ladderTime-8, y+4, at)
			lastTime, said = y, at
		}
		d.label(i)
	}
	if _, err := d.WriteString(notes); err == nil {
		d.close()
	}
}

func laneNames(q *Sequence) []string {
	var names []string
	for _, l := range q.Lanes[:min(len(q.Lanes), maxLanes)] {
		names = append(names, l.Name)
	}
	return names
}

// transit is the time that half of the segments take on their way.
func transit(segments []Segment) time.Duration {
	var took []time.Duration
	for i := range segments {
		if s := &segments[i]; s.Lost == "" && s.Arrived > s.Sent {
			took = append(took, s.Arrived-s.Sent)
		}
	}
	if len(took) == 0 {
		return time.Millisecond
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// lane is where a lane stands.
func (d *ladderDrawing) lane(i int) float64 {
	return ladderTime + ladderLabel + d.gap()*float64(i)
}

// gap is the distance of two lanes.
func (d *ladderDrawing) gap() float64 {
	if n := min(len(d.q.Lanes), maxLanes); n > 2 {
		return max(120, ladderGap/float64(n-1))
	}
	return ladderGap
}

// leftSide reports whether what a lane says is named on the left.
func (d *ladderDrawing) leftSide(lane int) bool {
	return 2*lane < min(len(d.q.Lanes), maxLanes)-1 || lane == 0
}

// place gives every rung its height.
func (d *ladderDrawing) place(typical time.Duration) {
	d.sentY, d.arrivedY = make([]float64, len(d.rungs)), make([]float64, len(d.rungs))
	for i, r := range d.rungs {
		order := 2
		if r.note != nil || r.state != nil {
			order = 1
		}
		d.marks = append(d.marks, mark{at: r.at, order: order, rung: i})
		if s := r.segment; s != nil && s.Lost == "" {
			d.marks = append(d.marks, mark{at: max(s.Arrived, s.Sent), order: 0, rung: i, end: true})
		}
	}
	slices.SortStableFunc(d.marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
	y, row, crosses, before := ladderHead+14, math.Inf(-1), math.Inf(-1), time.Duration(0)
	arrival := map[int]float64{}
	for k := range d.marks {
		m := &d.marks[k]
		r := &d.rungs[m.rung]
		fall := ladderSlope * float64(m.at-before) / float64(typical)
		if k > 0 && fall > 4*ladderLong && m.at-before > typical && (r.fold == nil || m.end) {
			y = max(y, crosses) // a cross is drawn below where its segment left
			d.silences = append(d.silences, silence{y + ladderLong/2 + 2, m.at - before})
			fall = ladderLong + 4
		}
		if k > 0 {
			y += max(0, min(fall, ladderLong+4))
		}
		before = max(before, m.at)
		switch {
		case m.end:
			lane := r.segment.To
			if last, ok := arrival[lane]; ok {
				y = max(y, last+ladderStep)
			}
			y = max(y, d.sentY[m.rung]+8)
			arrival[lane] = y
			d.arrivedY[m.rung] = y
			continue
		case r.note != nil:
			y = max(y, row+2)
		case r.fold != nil:
			y = max(y, row+ladderRow)
			d.sentY[m.rung] = y + ladderFold/2 - 8
			y += ladderFold - ladderRow
			row, before = y, max(before, r.fold.to)
			continue
		case r.segment != nil && r.segment.forwarded():
			// It goes on from where it came and needs no row.
		default:
			y = max(y, row+ladderRow)
			row = y
		}
		d.sentY[m.rung] = y
		if r.segment != nil && r.segment.Lost != "" {
			crosses = y + ladderSlope*0.4
		}
	}
	d.bottom = max(y, crosses) + 20
}

// lanes draws the hosts' names and their lines.
func (d *ladderDrawing) lanes() {
	for i, l := range d.q.Lanes[:min(len(d.q.Lanes), maxLanes)] {
		x := d.lane(i)
		d.text("lane", "middle", x, 18, strings.TrimSpace(column(l.Name, int(d.gap()/8.5))))
		if l.Address != "" {
			d.text("dim", "middle", x, 34, strings.TrimSpace(column(l.Address, int(d.gap()/6.2))))
		}
		d.line("rail", x, ladderHead-8, x, d.bottom)
	}
}

func (d *ladderDrawing) silence(s silence) {
	last := min(len(d.q.Lanes), maxLanes) - 1
	for i := range last + 1 {
		x := d.lane(i)
		d.path("break", fmt.Sprintf("M%s %sh18l-18 6h18", px(x-9), px(s.y-3)), "")
	}
	d.text("quiet", "middle", (d.lane(0)+d.lane(min(1, last)))/2, s.y+4, "⋮ "+lapse(s.took)+" pass ⋮")
}

// fold draws the band of a stretch that is left out.
func (d *ladderDrawing) fold(i int) {
	if d.rungs[i].fold == nil {
		return
	}
	x1, x2, y := d.lane(0), d.lane(min(len(d.q.Lanes), maxLanes)-1), d.sentY[i]
	fmt.Fprintf(d, `<rect class="fold" x="%s" y="%s" width="%s" height="%s" rx="6"/>`+"\n", px(x1-14), px(y-ladderFold/2+5), px(x2-x1+28), px(ladderFold-10))
}

// arrow draws a segment from lane to lane. One that was lost ends in a cross
// before the middle.
func (d *ladderDrawing) arrow(i int) {
	s := d.rungs[i].segment
	if s == nil {
		return
	}
	x1, y1, x2, y2 := d.lane(s.From), d.sentY[i], d.lane(s.To), d.arrivedY[i]
	tip := fmt.Sprintf("%s, %s → %s. Sent at %s", s.Label, d.q.Lanes[s.From].Name, d.q.Lanes[s.To].Name, clock(s.Sent, d.end))
	class := "arrow k-" + string(s.Kind)
	if s.Lost != "" {
		tip += ", lost: " + s.Lost
		x2, y2 = x1+(x2-x1)*0.42, y1+ladderSlope*0.4
		d.path(class+" gone", fmt.Sprintf("M%s %sL%s %s", px(x1), px(y1), px(x2), px(y2)), tip)
		d.path("cross", fmt.Sprintf("M%s %sl10 10m0 -10l-10 10", px(x2-5), px(y2-5)), tip)
		anchor, at := "start", x2+10
		if x2 < x1 {
			anchor, at = "end", x2-10
		}
		d.text("why", anchor, at, y2+4, strings.TrimSpace(column(s.Lost, 26)))
		return
	}
	tip += fmt.Sprintf(", arrived at %s", clock(s.Arrived, d.end))
	length := math.Hypot(x2-x1, y2-y1)
	ux, uy := (x2-x1)/length, (y2-y1)/length
	d.path(class, fmt.Sprintf("M%s %sL%s %s", px(x1), px(y1), px(x2-ux*7), px(y2-uy*7)), tip)
	d.path("tip k-"+string(s.Kind), fmt.Sprintf("M%s %sL%s %sL%s %sZ", px(x2), px(y2), px(x2-ux*9-uy*3.6), px(y2-uy*9+ux*3.6), px(x2-ux*9+uy*3.6), px(y2-uy*9-ux*3.6)), "")
}

// label names a rung beside the lanes.
func (d *ladderDrawing) label(i int) {
	r, y := &d.rungs[i], d.sentY[i]
	switch {
	case r.segment != nil:
		s := r.segment
		d.beside(s.From, y, "label k-"+string(s.Kind), strings.TrimSpace(column(named(s), 45)))
	case r.state != nil:
		x, name := d.lane(r.state.Lane), strings.TrimSpace(column(r.state.Name, 28))
		d.path("knob", fmt.Sprintf("M%s %sl4.5 4.5l-4.5 4.5l-4.5 -4.5z", px(x), px(y-4.5)), join(": ", r.state.Name, stateReason(r.state)))
		d.beside(r.state.Lane, y, "became", name)
	case r.fold != nil:
		lines := wrap("⋮ "+r.fold.text(), 40)
		for k, line := range lines {
			d.text("folded", "end", d.lane(0)-20, y+4+13*(float64(k)-float64(len(lines)-1)/2), line)
		}
	}
}

// beside writes what a lane says on its side of the ladder, with a leader
// where other lanes stand between.
func (d *ladderDrawing) beside(lane int, y float64, class, text string) {
	last := min(len(d.q.Lanes), maxLanes) - 1
	if d.leftSide(lane) {
		if lane > 0 {
			d.line("lead", d.lane(0)-6, y, d.lane(lane)-4, y)
		}
		d.text(class, "end", d.lane(0)-10, y+4, text)
		return
	}
	if lane < last {
		d.line("lead", d.lane(lane)+4, y, d.lane(last)+6, y)
	}
	d.text(class, "start", d.lane(last)+10, y+4, text)
}

// notes draws the column of notes, each as near to its moment as those
// before it allow, and returns it with its end.
func (d *ladderDrawing) notes() (drawn string, bottom float64) {
	var b strings.Builder
	bottom = ladderHead - 10
	for i, r := range d.rungs {
		if r.note == nil {
			continue
		}
		y := max(d.sentY[i]-8, bottom+10)
		x := d.notesX
		from := x - 30
		if r.note.Lane >= 0 && r.note.Lane < min(len(d.q.Lanes), maxLanes) {
			from = d.lane(r.note.Lane)
		}
		fmt.Fprintf(&b, `<path class="lead" d="M%s %sH%sL%s %sH%s"/>`+"\n", px(from), px(d.sentY[i]), px(x-20), px(x-8), px(y+8), px(x))
		if from < x-30 {
			fmt.Fprintf(&b, `<circle class="knot" cx="%s" cy="%s" r="3"/>`+"\n", px(from), px(d.sentY[i]))
		}
		number := fmt.Sprint(r.number)
		wide := pillWidth(number)
		fmt.Fprintf(&b, `<g class="pill"><rect x="%s" y="%s" width="%s" height="16" rx="8"/><text text-anchor="middle" x="%s" y="%s">%s</text></g>`+"\n",
			px(x), px(y), px(wide), px(x+wide/2), px(y+12), number)
		line := y + 12
		write := func(class, text string, dx float64) {
			fmt.Fprintf(&b, `<text class="%s" x="%s" y="%s">%s</text>`+"\n", class, px(x+dx), px(line), harmless(text))
			line += noteLine
		}
		title := r.note.Short
		if who := laneName(d.q, r.note.Lane); r.note.Lane >= 0 && len([]rune(title+who)) < 36 {
			title = join(" · ", title, who)
		}
		write("said", strings.TrimSpace(column(title, 36)), wide+5)
		for _, l := range wrap(r.note.Text, noteColumns) {
			write("note", l, 0)
		}
		if r.note.Clause != "" {
			fmt.Fprintf(&b, `<text class="clause" x="%s" y="%s">%s</text>`+"\n", px(x), px(line), linked(r.note.Clause, strings.TrimSpace(column(r.note.Clause, noteColumns))))
			line += noteLine
		}
		bottom = line - noteLine + 4
	}
	return b.String(), bottom
}
