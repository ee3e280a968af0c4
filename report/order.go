package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ordered returns the segments between known lanes in the order in which
// they were sent.
func ordered(q *Sequence) []Segment {
	var kept []Segment
	lanes := min(len(q.Lanes), maxLanes)
	for _, s := range q.Segments[:min(len(q.Segments), maxSegments)] {
		if s.From >= 0 && s.To >= 0 && s.From < lanes && s.To < lanes && s.From != s.To {
			s.Kind = kindOf(s.Kind)
			kept = append(kept, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b Segment) int { return cmp.Compare(a.Sent, b.Sent) })
	if lanes > 2 {
		markForwarded(kept)
	}
	return kept
}

// markForwarded finds the segments that a host between the ends passes on:
// their label has been read where they came from.
func markForwarded(segments []Segment) {
	type place struct {
		lane  int
		label string
	}
	came := map[place][]int{}
	for i := range segments {
		s := &segments[i]
		here := place{s.From, s.Label}
		if k := slices.IndexFunc(came[here], func(j int) bool { return segments[j].Arrived <= s.Sent }); k >= 0 {
			j := came[here][k]
			if s.origin = segments[j].origin; s.origin == 0 {
				s.origin = j + 1
			}
			if k == 0 {
				came[here] = came[here][1:]
			} else {
				came[here] = slices.Delete(came[here], k, k+1)
			}
		}
		if s.Lost == "" {
			there := place{s.To, s.Label}
			came[there] = append(came[there], i)
		}
	}
}

// forwarded reports whether a host between the ends passes the segment on.
func (s *Segment) forwarded() bool { return s.origin > 0 }

// orderedNotes returns the notes in the order of time: their place is their
// number. One that says word for word what an earlier one said refers to it.
func orderedNotes(notes []Note) []Note {
	notes = slices.Clone(notes)
	slices.SortStableFunc(notes, func(a, b Note) int { return cmp.Compare(a.At, b.At) })
	type saying struct{ short, text, clause string }
	first := map[saying]int{}
	for i := range notes {
		n := &notes[i]
		n.Short, n.Text, n.Clause = cutAt(n.Short, maxSaid), cutAt(n.Text, maxSaid), cutAt(n.Clause, maxSaid)
		s := saying{n.Short, n.Text, n.Clause}
		if k, ok := first[s]; ok && n.Text != "" {
			n.Text, n.Clause = fmt.Sprintf("As %d.", k), ""
		} else {
			first[s] = i + 1
		}
	}
	return notes
}

// statesOf are a lane's states until end, in the order of time.
func statesOf(q *Sequence, lane int, end time.Duration) []State {
	var of []State
	for _, s := range q.States {
		if s.Lane == lane && s.At <= end {
			of = append(of, s)
		}
	}
	slices.SortStableFunc(of, func(a, b State) int { return cmp.Compare(a.At, b.At) })
	return of[:min(len(of), maxStates)]
}

// endOf is the last moment of a sequence.
func endOf(q *Sequence, segments []Segment) time.Duration {
	end := time.Duration(1)
	for i := range segments {
		end = max(end, segments[i].Sent, segments[i].Arrived)
	}
	for _, s := range q.States {
		end = max(end, s.At)
	}
	for _, n := range q.Notes {
		end = max(end, n.At)
	}
	return end
}
