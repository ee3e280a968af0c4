package transfer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"waypost/lab"
	"waypost/packet"
	"waypost/report"
)

// tell makes the result's diagrams and sums out of what was seen.
func (x *Result) tell(r *rehearsal, w *watch, recording *lab.Recording, start time.Time) {
	x.Sequence = conversation(recording)
	x.Sequence.Title = "Segment by segment"
	x.Sequence.Summary = "Time runs down; a busy moment is stretched, a silence cut short. Sequence numbers count from the SYN."
	for i := range x.Sequence.Segments {
		s := &x.Sequence.Segments[i]
		s.Sent -= r.started
		if s.Lost == "" {
			s.Arrived -= r.started
		}
	}
	brief(&x.Sequence)
	events := x.Load.Events
	x.Sequence.Explain(events, start)
	a := &x.Account
	a.Bytes, a.Took, a.Ends = r.received, r.took, r.infos
	if there, _ := r.link.Stats(); x.Options.Link.Rate > 0 && a.Took > 0 {
		a.Utilization = float64(there.ArrivedBytes) * 8 / (float64(x.Options.Link.Rate) * a.Took.Seconds())
	}
	a.account(&x.Sequence, events, start)
	x.panels = report.WindowPanels(&x.Sequence, events, start)
	if x.Options.Link.Rate > 0 {
		x.panels = append(x.panels, report.Panel{Title: "Waiting for the link, without what got lost", Unit: report.Bytes, Series: []report.Series{w.queue(r.started)}})
	}
}

// brief leaves out of the labels what a segment says as the one before it
// did: the acknowledgement number on data, and the window.
func brief(q *report.Sequence) {
	said := map[string]string{}
	for i := range q.Segments {
		s := &q.Segments[i]
		words := strings.Fields(s.Label)
		s.Label = strings.Join(slices.DeleteFunc(words, func(w string) bool {
			name, value, ok := strings.Cut(w, "=")
			key := fmt.Sprint(s.From, name)
			same := said[key] == value
			said[key] = value
			return ok && same && (name == "win" && s.Kind != report.SegmentOpen || name == "ack" && s.Bytes > 0)
		}), " ")
	}
}

// conversation is the sequence of the TCP connection.
func conversation(recording *lab.Recording) report.Sequence {
	for _, f := range recording.Flows() {
		if f.Protocol == packet.ProtocolTCP {
			return recording.Sequence(f)
		}
	}
	return recording.Sequence(packet.Flow{})
}

// queue is how many bytes waited at the link, or were being sent.
func (w *watch) queue(started time.Duration) report.Series {
	w.mu.Lock()
	defer w.mu.Unlock()
	type step struct {
		at    time.Duration
		bytes int
	}
	var steps []step
	for _, f := range w.frames {
		steps = append(steps, step{f.in, f.bytes}, step{f.out, -f.bytes})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	s := report.Series{Name: "queued", Fill: true}
	level := 0
	for _, p := range steps {
		level += p.bytes
		s.Points = append(s.Points, report.Point{At: p.at - started, Value: float64(level)})
	}
	return s
}

// Chart is the transfer over time: states, sequence numbers, windows, round
// trips and the link's queue. It ends with the last segment; TIME-WAIT goes
// on after it.
func (x *Result) Chart() report.Chart {
	end := x.Account.Took
	for i := range x.Sequence.Segments {
		end = max(end, x.Sequence.Segments[i].Sent, x.Sequence.Segments[i].Arrived)
	}
	return report.Chart{
		Title:   "The whole transfer",
		Summary: "All panels share one axis of time, as the client sees it. The numbers are its turns.",
		End:     end, Trail: &x.Sequence, Panels: x.panels, Notes: within(x.Sequence.Notes, end),
	}
}

// within are the notes up to end.
func within(notes []report.Note, end time.Duration) []report.Note {
	return slices.DeleteFunc(slices.Clone(notes), func(n report.Note) bool { return n.At > end })
}

// Title is the transfer in a line.
func (x *Result) Title() string {
	return fmt.Sprintf("%s over TCP, %s", amount(x.Options.Bytes), x.Options.Client.Congestion)
}

// Summary says what was done, and what came of it.
func (x *Result) Summary() string {
	a := &x.Account
	done := fmt.Sprintf("It arrived in %s: %s.", duration(a.Took), bitrate(a.Goodput))
	if a.Bytes < x.Options.Bytes {
		done = fmt.Sprintf("Only %s of it arrived.", amount(a.Bytes))
	}
	if a.Bytes == 0 {
		done = "Nothing arrived."
	}
	return fmt.Sprintf("client sends %s to server over a link of %s each way%s, with %s (seed %d). %s",
		amount(x.Options.Bytes), x.Options.Link, dropped(x.Options.Drop), x.Options.Client.Congestion, x.Options.Seed, done)
}

func dropped(numbers []int) string {
	if len(numbers) == 0 {
		return ""
	}
	var list []string
	for _, n := range numbers[:min(len(numbers), 20)] {
		list = append(list, strconv.Itoa(n))
	}
	if len(numbers) > 20 {
		list = append(list, "…")
	}
	if len(list) == 1 {
		return ", that drops the client's segment " + list[0]
	}
	return ", that drops the client's segments " + strings.Join(list, ", ")
}

// Sums are the numbers that count.
func (x *Result) Sums() []report.Sum {
	a := &x.Account
	of := ""
	if a.Utilization > 0 {
		of = percent(a.Goodput/float64(x.Options.Link.Rate)) + " of the link's rate"
	}
	in := "in " + duration(a.Took)
	if a.Bytes < x.Options.Bytes {
		in = "of " + amount(x.Options.Bytes)
	}
	sums := []report.Sum{
		{Name: "transferred", Value: amount(a.Bytes), Note: in},
		{Name: "goodput", Value: bitrate(a.Goodput), Note: of},
		{Name: "sent again", Value: strconv.Itoa(a.SentAgain[0]), Note: fmt.Sprintf("of %d segments", a.Segments[0])},
		{Name: "losses found", Value: strconv.Itoa(a.Timeouts + a.Fast), Note: fmt.Sprintf("%d by duplicate ACKs, %d by timeout", a.Fast, a.Timeouts)},
	}
	if a.Limit != "" {
		sums = append(sums, report.Sum{Name: "limited by", Value: strings.TrimPrefix(string(a.Limit), "the "), Note: a.limitText()})
	}
	return sums
}

// Tables are both ends side by side, and the sender's time.
func (x *Result) Tables() []report.Table {
	a := &x.Account
	row := func(name string, v [2]string) []string { return []string{name, v[0], v[1]} }
	count := func(v [2]int) [2]string { return [2]string{strconv.Itoa(v[0]), strconv.Itoa(v[1])} }
	ends := report.Table{Title: "Both ends", Head: []string{"", "client", "server"}, Rows: [][]string{
		row("segments sent", count(a.Segments)),
		row("of them again", count(a.SentAgain)),
		row("lost by the link", count(a.Lost)),
		row("duplicate ACKs received", [2]string{strconv.Itoa(a.Dups), "–"}),
		row("smoothed round trip", [2]string{duration(a.Ends[0].RTT), duration(a.Ends[1].RTT)}),
		row("segment size", [2]string{strconv.Itoa(a.Ends[0].MSS), strconv.Itoa(a.Ends[1].MSS)}),
		row("cwnd at the end, segments", count([2]int{a.Ends[0].Cwnd, a.Ends[1].Cwnd})),
	}}
	var shares [][]string
	for _, l := range []Limit{LimitHandshake, LimitCwnd, LimitWindow, LimitBuffer, LimitLoss, LimitTimer, LimitRoundTrip} {
		if s := a.Shares[l]; s > 0 {
			shares = append(shares, []string{string(l), fmt.Sprintf("%.1f %%", s*100)})
		}
	}
	if x.Options.Link.Rate > 0 {
		shares = append(shares, []string{"the link was busy", fmt.Sprintf("%.1f %%", a.Utilization*100)})
	}
	return []report.Table{ends, {Title: "What the sender waited for", Head: []string{"", "of the time"}, Rows: shares}}
}

// Document is the whole report.
func (x *Result) Document() report.Document {
	return report.Document{
		Title: x.Title(), Summary: x.Summary(), Sums: x.Sums(),
		Charts: []report.Chart{x.Chart()}, Sequences: []report.Sequence{x.Sequence}, Tables: x.Tables(),
	}
}

// percent writes a share of one.
func percent(share float64) string {
	if share > 0 && share < 0.01 {
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// amount writes bytes as they were asked for: 1 MB, 1.5 MB, 1460 B.
func amount(n int64) string { return report.Bytes.Format(float64(n)) }

func bitrate(v float64) string { return report.Bits.Format(v) }

func duration(d time.Duration) string { return report.Seconds.Format(d.Seconds()) }
