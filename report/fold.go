package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// rung is one entry of a ladder: a segment, a change of state, a note, or a
// stretch that is left out.
type rung struct {
	at      time.Duration
	segment *Segment
	state   *State
	note    *Note
	number  int // of the note
	fold    *fold
}

// fold is a stretch of segments that is left out.
type fold struct {
	from, to time.Duration // first and last sent
	segments int
	lost     int
	kinds    map[SegmentKind]int
	bytes    int64
}

func (f *fold) add(s *Segment) {
	if f.segments == 0 {
		f.from, f.kinds = s.Sent, map[SegmentKind]int{}
	}
	f.to = s.Sent
	f.segments++
	f.kinds[s.Kind]++
	f.bytes += s.Bytes
	if s.Lost != "" {
		f.lost++
	}
}

// text says what was left out: "37 segments left out (40 ms): 25 data, 36.2 KB, 12 ACK".
func (f *fold) text() string {
	var parts []string
	for _, k := range segmentKinds {
		if n := f.kinds[k.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k.words))
		}
	}
	if f.lost > 0 {
		parts = append(parts, fmt.Sprintf("%d lost", f.lost))
	}
	if f.bytes > 0 {
		parts = append(parts, quantity(Bytes, float64(f.bytes)))
	}
	return fmt.Sprintf("%s left out (%s): %s", count(f.segments, "segment"), lapse(f.to-f.from), strings.Join(parts, ", "))
}

// rungs puts a sequence in the order of time and folds it to about so many
// segments and so many notes. At one moment a change of state comes before
// the notes, and these before what is sent.
func rungs(q *Sequence, segments []Segment, maxShown, maxNotes int) []rung {
	notes := orderedNotes(q.Notes)
	notes = notes[:min(len(notes), maxNotes)]
	states := slices.Clone(q.States)
	slices.SortStableFunc(states, func(a, b State) int { return cmp.Compare(a.At, b.At) })
	states = states[:min(len(states), maxStates)]
	show := shown(segments, notes, maxShown)
	var out []rung
	var hidden fold
	flush := func(next int) {
		switch f := hidden; {
		case f.segments > 0 && f.segments <= 2: // naming them takes no more room than leaving them out
			for i := next - f.segments; i < next; i++ {
				out = append(out, rung{at: segments[i].Sent, segment: &segments[i]})
			}
		case f.segments > 2:
			out = append(out, rung{at: f.from, fold: &f})
		}
		hidden = fold{}
	}
	aside := func(until time.Duration, next int) {
		for len(notes) > 0 && notes[0].At <= until || len(states) > 0 && states[0].At <= until {
			flush(next)
			if len(notes) > 0 && (len(states) == 0 || notes[0].At < states[0].At) {
				n := notes[0]
				notes = notes[1:]
				out = append(out, rung{at: n.At, note: &n, number: min(len(q.Notes), maxNotes) - len(notes)})
				continue
			}
			s := states[0]
			states = states[1:]
			if s.Lane >= 0 && s.Lane < len(q.Lanes) && s.Lane < maxLanes {
				out = append(out, rung{at: s.At, state: &s})
			}
		}
	}
	for i := range segments {
		aside(segments[i].Sent, i)
		if !show[i] {
			hidden.add(&segments[i])
			continue
		}
		flush(i)
		out = append(out, rung{at: segments[i].Sent, segment: &segments[i]})
	}
	flush(len(segments))
	aside(math.MaxInt64, len(segments))
	return out
}

// Segments that stay at both ends of a folded ladder: a handshake with the
// first flight, and a close.
const (
	foldHead = 12
	foldTail = 10
)

// shown chooses the segments of a ladder: all where they are few; otherwise
// the ends, what stands next to a note, then what is out of the ordinary and
// its neighbours, as far as maxShown reaches.
func shown(segments []Segment, notes []Note, maxShown int) []bool {
	show := make([]bool, len(segments))
	n := len(segments)
	if n <= maxShown {
		for i := range show {
			show[i] = true
		}
		return show
	}
	left := maxShown
	take := func(at ...int) {
		for _, i := range at {
			if i >= 0 && i < n && segments[i].forwarded() {
				i = segments[i].origin - 1 // it is shown all the way or not at all
			}
			if i >= 0 && i < n && !show[i] && left > 0 {
				show[i] = true
				left--
			}
		}
	}
	for i := range min(foldHead, maxShown/4) {
		take(i)
	}
	for i := range min(foldTail, maxShown/4) {
		take(n - 1 - i)
	}
	for _, note := range notes {
		i, _ := slices.BinarySearchFunc(segments, note.At, func(s Segment, at time.Duration) int { return cmp.Compare(s.Sent, at) })
		take(i, i-1)
	}
	odd := oddOnes(segments, notes)
	take(odd...)
	for _, i := range odd {
		take(i-1, i+1)
	}
	for i := range segments {
		if segments[i].forwarded() {
			show[i] = show[segments[i].origin-1]
		}
	}
	return show
}

// oddRun is how many of a sort are shown before they are a matter of course.
const oddRun = 3

// oddOnes are the segments that tell something: not data and acknowledgements
// that arrived. Of those lost, of those sent again and of duplicates the first
// three of a row count; a note, after which the sender may act otherwise, and
// for duplicates a new acknowledgement, begin a new row.
func oddOnes(segments []Segment, notes []Note) []int {
	var odd []int
	lost, again, dups := 0, 0, 0
	few := func(n *int, i int) {
		if *n++; *n <= oddRun {
			odd = append(odd, i)
		}
	}
	for i := range segments {
		s := &segments[i]
		for len(notes) > 0 && notes[0].At <= s.Sent {
			notes, lost, again, dups = notes[1:], 0, 0, 0
		}
		switch {
		case s.Lost != "":
			few(&lost, i)
		case s.forwarded():
			// It told when it was sent.
		case s.Kind == SegmentAgain:
			few(&again, i)
		case s.Kind == SegmentDup:
			few(&dups, i)
		case s.Kind == SegmentAck:
			dups = 0
		case s.Kind != SegmentData && s.Kind != SegmentOther:
			odd = append(odd, i)
		}
	}
	return odd
}

// leftOut says what a ladder does not hold, besides its folds.
func leftOut(q *Sequence, segments []Segment, maxNotes int) string {
	var parts []string
	if n := q.Omitted; n > 0 {
		parts = append(parts, count(n, "segment")+" went that were not collected")
	}
	if n := len(q.Segments) - len(segments); n > 0 {
		parts = append(parts, count(n, "segment")+" not drawn: between lanes that are not here, or too many")
	}
	if n := len(q.Notes) - maxNotes; n > 0 {
		parts = append(parts, count(n, "later note")+" left out")
	}
	if n := len(q.States) - maxStates; n > 0 {
		parts = append(parts, count(n, "later change")+" of state left out")
	}
	if n := len(q.Lanes) - maxLanes; n > 0 {
		parts = append(parts, count(n, "host")+" left out")
	}
	return strings.Join(parts, "; ")
}
