package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"waypost/trace"
)

// Explain adds what the record says of a connection to its sequence: the
// states of both ends, and a note wherever one of them turned: a loss found,
// the window lowered, a phase entered, a probe, a segment refused. A fact
// belongs to the lane with the name of its station; where lanes have addresses
// with ports, they are the ends of one connection and no other counts. start
// is the moment from which the sequence's times count.
//
// The growth of a window is a curve ([WindowPanels]) and no turn; the window
// is told of the end that sent the most, and of retransmissions for one reason
// in one loss the first.
func (q *Sequence) Explain(events []trace.Event, start time.Time) {
	told := make([]teller, len(q.Lanes))
	from := sender(ordered(q))
	for _, e := range events {
		lane, ok := q.laneOf(e)
		if !ok {
			continue
		}
		at := e.Time.Sub(start)
		if e.Fact.Kind() == trace.KindTCPCongestion && lane != from {
			continue
		}
		if f, ok := e.Fact.(trace.TCPState); ok {
			q.become(lane, at, f, e.Decision)
			continue
		}
		if n, ok := told[lane].turn(e); ok {
			n.At, n.Lane = at, lane
			q.Notes = append(q.Notes, n)
		}
	}
	q.Notes = together(q.Notes)
}

// laneOf is the lane that a fact of a connection belongs to.
func (q *Sequence) laneOf(e trace.Event) (int, bool) {
	var local, remote string
	switch f := e.Fact.(type) {
	case trace.TCPState:
		local, remote = f.Local, f.Remote
	case trace.TCPCongestion:
		local, remote = f.Local, f.Remote
	case trace.TCPRetransmit:
		local, remote = f.Local, f.Remote
	case trace.TCPProbe:
		local, remote = f.Local, f.Remote
	case trace.TCPDrop:
		local, remote = f.Local, f.Remote
	default:
		return 0, false
	}
	ends := 0
	for _, l := range q.Lanes {
		if isEnd(l) {
			ends++
		}
	}
	// An end that was never heard of has no address yet.
	if ends > 1 && !slices.ContainsFunc(q.Lanes, func(l Lane) bool { return l.Address == remote }) {
		return 0, false
	}
	lane := slices.IndexFunc(q.Lanes, func(l Lane) bool {
		return l.Name == e.Station && (ends == 0 || l.Address == local)
	})
	return max(lane, 0), lane >= 0
}

// isEnd reports whether a lane is an end of one conversation: it has an
// address with a port.
func isEnd(l Lane) bool {
	_, err := netip.ParseAddrPort(l.Address)
	return err == nil
}

// become adds a state, and before the first one that which it left.
func (q *Sequence) become(lane int, at time.Duration, f trace.TCPState, d *trace.Decision) {
	if !slices.ContainsFunc(q.States, func(s State) bool { return s.Lane == lane }) {
		begin := at
		for i := range q.Segments {
			begin = min(begin, q.Segments[i].Sent)
		}
		q.States = append(q.States, State{At: begin, Lane: lane, Name: f.From})
	}
	s := State{At: at, Lane: lane, Name: f.To}
	if d != nil {
		s.Why, s.Clause = sentence(d.Reason), d.Clause
	}
	q.States = append(q.States, s)
}

// teller finds the turns among the facts of one lane.
type teller struct {
	phase    string
	cwnd     int
	ssthresh int
	verdict  string // the latest about the window
	again    string // the latest for sending again
	dropped  string // and for refusing
}

// turn is the note for a fact, where it is a turn.
func (t *teller) turn(e trace.Event) (Note, bool) {
	d := e.Decision
	if d == nil {
		d = &trace.Decision{}
	}
	note := Note{Short: strings.ReplaceAll(d.Verdict, "-", " "), Text: sentence(d.Reason), Clause: d.Clause}
	tells := false
	switch f := e.Fact.(type) {
	case trace.TCPCongestion:
		tells = f.Phase != t.phase || f.Ssthresh != t.ssthresh || f.Cwnd < t.cwnd && d.Verdict != t.verdict
		if tells {
			t.again = ""
			note.Text = join(" ", note.Text, "cwnd is "+quantity(Bytes, float64(f.Cwnd))+threshold(f.Ssthresh)+".")
		}
		t.phase, t.cwnd, t.ssthresh, t.verdict = f.Phase, f.Cwnd, f.Ssthresh, d.Verdict
	case trace.TCPRetransmit:
		tells = d.Verdict != t.again || f.Times > 1
		t.again = d.Verdict
		if f.Times > 1 {
			note.Text = join(" ", note.Text, fmt.Sprintf("It is sent again for time %d; the next timeout is %s.", f.Times, lapse(time.Duration(f.RTO))))
		}
	case trace.TCPProbe:
		tells = true
	case trace.TCPDrop:
		tells = d.Verdict != t.dropped
		t.dropped = d.Verdict
	}
	return note, tells && note.Short+note.Text != ""
}

// sentence makes a sentence of a reason.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func threshold(bytes int) string {
	if bytes == 0 {
		return ""
	}
	return ", ssthresh " + quantity(Bytes, float64(bytes))
}

// together makes one note of those about one host at one moment. They are in
// the order of time.
func together(notes []Note) []Note {
	var out []Note
	for _, n := range notes {
		i := len(out) - 1
		for i >= 0 && out[i].At == n.At && out[i].Lane != n.Lane {
			i--
		}
		if i < 0 || out[i].At != n.At {
			out = append(out, n)
			continue
		}
		o := &out[i]
		if !strings.Contains(o.Short, n.Short) {
			o.Short = join(", ", o.Short, n.Short)
		}
		if !strings.Contains(o.Text, n.Text) {
			o.Text = join(" ", o.Text, n.Text)
		}
		if !strings.Contains(o.Clause, n.Clause) {
			o.Clause = join("; ", o.Clause, n.Clause)
		}
	}
	return out
}
