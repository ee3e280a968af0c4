package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A trail is the plot of time against sequence number in which a transfer
// shows its shape: what was sent stands as upright strokes, as high as the
// segment is long; below runs the step line of what is acknowledged, above
// that of the edge of the peer's window. It is drawn as the sender sees it:
// data when it leaves, acknowledgements when they arrive.

// statesHeight is the height of the bands of states.
func (d *chartDrawing) statesHeight() float64 {
	return float64(len(d.bands())) * stateHeight
}

// bands are the lanes of which states are known.
func (d *chartDrawing) bands() []int {
	var lanes []int
	for lane := range d.c.Trail.Lanes[:min(len(d.c.Trail.Lanes), maxLanes)] {
		if len(statesOf(d.c.Trail, lane, d.end)) > 0 {
			lanes = append(lanes, lane)
		}
	}
	return lanes
}

// states draws a band for each host with its states, and returns where the
// next panel begins.
func (d *chartDrawing) states(y float64) float64 {
	for _, lane := range d.bands() {
		d.text("dim", "end", chartLeft-8, y+13, strings.TrimSpace(column(d.c.Trail.Lanes[lane].Name, 11)))
		of := statesOf(d.c.Trail, lane, d.end)
		for i, s := range of {
			until := d.end
			if i+1 < len(of) {
				until = of[i+1].At
			}
			x, wide := d.x.when(s.At), d.x.when(until)-d.x.when(s.At)
			if wide < 0.2 && i+1 < len(of) {
				continue // it ended in the moment in which it began
			}
			fmt.Fprintf(d, `<g class="state"><title>%s</title><rect class="s%d" x="%s" y="%s" width="%s" height="%s"/>`,
				harmless(fmt.Sprintf("%s: %s from %s, for %s", d.c.Trail.Lanes[lane].Name, s.Name, clock(s.At, d.end), lapse(until-s.At))),
				i%2, px(x), px(y), px(max(wide, 1)), px(stateHeight-3))
			if textWidth(s.Name, 11) < wide-6 {
				fmt.Fprintf(d, `<text x="%s" y="%s">%s</text>`, px(x+5), px(y+12.5), harmless(s.Name))
			}
			fmt.Fprintln(d, "</g>")
		}
		y += stateHeight
	}
	return y
}

// sender is the lane that sent the most payload.
func sender(segments []Segment) int {
	var sent [maxLanes]int64
	for i := range segments {
		sent[segments[i].From] += segments[i].Bytes
	}
	most := 0
	for lane := range sent {
		if sent[lane] > sent[most] {
			most = lane
		}
	}
	return most
}

// trailMark is a kind of mark in a trail.
type trailMark struct {
	class, words string
	n            int
	sample       string // its shape in the key, around 0,0
}

// trailDrawing draws the marks of one trail.
type trailDrawing struct {
	*chartDrawing
	from                                   int
	v                                      scale
	data                                   strings.Builder
	dataX, dataLow, dataHigh               float64
	edge, acked                            pen
	sacked                                 []Range // by the latest ACK
	sent, acks, edges                      trailMark
	again, lost, sack, dup                 trailMark
	againPath, lostPath, sackPath, dupPath strings.Builder
}

// drawTrail draws the plot below y and returns where the next panel begins.
func (d *chartDrawing) drawTrail(y float64) float64 {
	top, bottom := y+panelHead, y+panelHead+trailHeight-6
	t := trailDrawing{
		chartDrawing: d, from: sender(d.trail), dataX: -1,
		sent:  trailMark{class: "t-data", words: "data sent", sample: "M-6 5v-10M0 3v-10M6 1v-10"},
		acks:  trailMark{class: "t-ack", words: "acknowledged", sample: "M-11 4H-2V0H6V-4H11"},
		edges: trailMark{class: "t-edge", words: "window's edge", sample: "M-11 2H0V-2H11"},
		again: trailMark{class: "t-again", words: "sent again", sample: "M-3 5h6M0 5v-10M-3 -5h6"},
		lost:  trailMark{class: "t-lost", words: "lost", sample: "M-4 -4l8 8M-4 4l8 -8"},
		sack:  trailMark{class: "t-sack", words: "held by receiver (SACK)", sample: "M-4 5v-10M0 5v-10M4 5v-10"},
		dup:   trailMark{class: "t-dup", words: "duplicate ACK", sample: "M-4 -3h8M-4 3h8"},
	}
	limit := int64(1)
	for i := range d.trail {
		if s := &d.trail[i]; s.From == t.from {
			limit = max(limit, s.Seq+s.Bytes)
		}
	}
	t.v = scale{bottom, top, float64(limit) * 1.06}
	d.text("head", "start", chartLeft, top-9, "Sequence numbers sent by "+laneName(d.c.Trail, t.from))
	for _, v := range ticks(float64(limit), 6) {
		d.line("line", chartLeft, t.v.at(v), chartWidth-chartRight, t.v.at(v))
		d.text("dim", "end", chartLeft-8, t.v.at(v)+4, quantity(Bytes, v))
	}
	t.collect()
	t.flushData()
	if t.edges.n > 0 {
		d.path("t-edge", t.edge.String(), "the highest number that the peer's window admits")
	}
	d.path("t-sack", t.sackPath.String(), t.sack.words)
	d.path("t-data", t.data.String(), "")
	d.path("t-ack", t.acked.String(), "all below this line is acknowledged")
	d.path("t-dup", t.dupPath.String(), t.dup.words)
	d.path("t-again", t.againPath.String(), t.again.words)
	d.path("t-lost", t.lostPath.String(), t.lost.words)
	t.key(top)
	return bottom + 6
}

func laneName(q *Sequence, lane int) string {
	if lane < 0 || lane >= len(q.Lanes) {
		return "nobody"
	}
	return q.Lanes[lane].Name
}

// collect reads the segments in the order in which the sender sees them.
func (t *trailDrawing) collect() {
	for _, i := range asSeen(t.trail, t.from) {
		s := &t.trail[i]
		if s.From == t.from {
			t.leaves(s)
		} else if s.To == t.from && s.Lost == "" && s.Ack > 0 {
			t.comes(s)
		}
	}
	t.acked.lift(t.x.when(t.end))
}

func (t *trailDrawing) leaves(s *Segment) {
	x := t.x.when(s.Sent)
	low, high := t.v.at(float64(s.Seq)), t.v.at(float64(s.Seq+s.Bytes))
	if s.Bytes == 0 && s.Kind != SegmentAgain && s.Lost == "" {
		return
	}
	if high > low-1.5 { // a stroke that can be seen
		high = low - 1.5
	}
	if s.Kind == SegmentAgain {
		if t.again.n++; t.again.n <= maxMarked {
			fmt.Fprintf(&t.againPath, "M%s %sh5M%s %sV%sM%s %sh5", px(x-2.5), px(low), px(x), px(low), px(high), px(x-2.5), px(high))
		}
	} else if s.Bytes > 0 {
		t.sent.n++
		t.stroke(x, low, high)
	}
	if s.Lost != "" {
		if t.lost.n++; t.lost.n <= maxMarked {
			fmt.Fprintf(&t.lostPath, "M%s %sl8 8m0 -8l-8 8", px(x-4), px((low+high)/2-4))
		}
	}
}

// stroke draws a segment of data; those that follow each other within half a
// pixel become one stroke.
func (t *trailDrawing) stroke(x, low, high float64) {
	if x-t.dataX < 0.5 && low <= t.dataHigh+0.6 && low >= t.dataHigh-0.6 {
		t.dataHigh = high
		return
	}
	t.flushData()
	t.dataX, t.dataLow, t.dataHigh = x, low, high
}

func (t *trailDrawing) flushData() {
	if t.dataX >= 0 {
		fmt.Fprintf(&t.data, "M%s %sV%s", px(t.dataX), px(t.dataLow), px(t.dataHigh))
	}
}

func (t *trailDrawing) comes(s *Segment) {
	x, y := t.x.when(s.Arrived), t.v.at(float64(s.Ack))
	t.acks.n++
	t.acked.to(x, y)
	if edge := float64(s.Ack + s.Window); s.Window > 0 && edge <= t.v.limit {
		t.edges.n++
		t.edge.to(x, t.v.at(edge))
	} else {
		t.edge.lift(x)
	}
	if s.Kind == SegmentDup {
		if t.dup.n++; t.dup.n <= maxMarked {
			fmt.Fprintf(&t.dupPath, "M%s %sh6", px(x-3), px(y))
		}
	}
	sacked := s.SACK[:min(len(s.SACK), 4)] // RFC 2018 §3: an option has room for four
	for _, r := range sacked {
		from := r.Left
		for _, old := range t.sacked { // what an earlier ACK said is drawn
			if old.Left <= r.Left && old.Right > from {
				from = old.Right
			}
		}
		if from >= r.Right {
			continue
		}
		if t.sack.n++; t.sack.n <= maxMarked {
			fmt.Fprintf(&t.sackPath, "M%s %sV%s", px(x), px(t.v.at(float64(from))), px(t.v.at(float64(min(r.Right, int64(t.v.limit))))))
		}
	}
	t.sacked = sacked
}

// key names the marks that are there, each with its shape, beside the plot.
func (t *trailDrawing) key(y float64) {
	x := chartWidth - chartRight + 22
	for _, m := range []trailMark{t.edges, t.sent, t.acks, t.sack, t.dup, t.again, t.lost} {
		if m.n == 0 {
			continue
		}
		y += 18
		fmt.Fprintf(t, `<g transform="translate(%s %s)"><path class="%s" d="%s"/></g>`+"\n", px(x), px(y-4), m.class, m.sample)
		lines := wrap(m.words, 19)
		if m.n > maxMarked && m.class != "t-data" && m.class != "t-ack" && m.class != "t-edge" {
			lines = append(lines, fmt.Sprintf("first %d of %d", maxMarked, m.n))
		}
		for i, line := range lines {
			if i > 0 {
				y += 13
			}
			t.text("name", "start", x+17, y, line)
		}
	}
	if t.edges.n == 0 {
		if low, ok := t.edgeAbove(); ok {
			t.text("dim", "start", x-10, y+18, "↑ window's edge,")
			t.text("dim", "start", x-10, y+31, "never nearer than")
			t.text("dim", "start", x-10, y+44, quantity(Bytes, float64(low))+" ahead")
		}
	}
}

// edgeAbove is the smallest window offered, where one was.
func (t *trailDrawing) edgeAbove() (low int64, ok bool) {
	for i := range t.trail {
		if s := &t.trail[i]; s.To == t.from && s.Lost == "" && s.Ack > 0 && (!ok || s.Window < low) {
			low, ok = s.Window, true
		}
	}
	return low, ok
}

// asSeen are the indexes of segments in the order in which one lane sends or
// receives them.
func asSeen(segments []Segment, lane int) []int {
	moment := func(i int) time.Duration {
		if segments[i].From == lane {
			return segments[i].Sent
		}
		return segments[i].Arrived
	}
	order := make([]int, len(segments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(moment(a), moment(b)) })
	return order
}
