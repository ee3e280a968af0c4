package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// Columns of a ladder in a terminal.
const (
	rungTime    = 12 // the time before the lanes
	rungArrived = 12 // the time of arrival behind them
	rungLeast   = 14 // between two lanes: room for an arrow and a word
)

// rungStyle is how a kind of segment is drawn in a terminal.
type rungStyle struct {
	line rune
	ink  ink
}

var rungStyles = map[SegmentKind]rungStyle{
	SegmentOpen:  {'─', bold},
	SegmentData:  {'─', blue},
	SegmentAgain: {'═', yellow},
	SegmentAck:   {'─', green},
	SegmentDup:   {'╌', green},
	SegmentProbe: {'┄', purple},
	SegmentClose: {'─', bold},
	SegmentReset: {'━', red},
	SegmentOther: {'─', ""},
}

// textLadder is a ladder under way.
type textLadder struct {
	*bufio.Writer
	q     *Sequence
	s     Style
	end   time.Duration
	lanes []int // columns of the lanes, behind the time
}

// Ladder draws a sequence for a terminal: a line for each segment with the
// time, the arrow from lane to lane and its label, the states of the ends
// and the notes at their moments. A long one is folded, and says so.
func Ladder(w io.Writer, q *Sequence, s Style) error {
	segments := ordered(q)
	d := textLadder{Writer: bufio.NewWriter(w), q: q, s: s, end: endOf(q, segments)}
	d.arrange()
	if q.Title != "" {
		fmt.Fprintln(d, s.paint(bold, safe(q.Title)))
	}
	d.heads()
	typical := transit(segments)
	latest := time.Duration(0)
	for _, r := range rungs(q, segments, maxRungsText, maxTurnsText) {
		if quiet := r.at - latest; quiet > 3*typical && latest > 0 {
			d.row("", '┆', "", faint, "⋮ "+lapse(quiet)+" pass")
		}
		latest = max(latest, r.at)
		switch {
		case r.segment != nil:
			d.segment(r.segment)
			latest = max(latest, r.segment.Arrived)
		case r.state != nil:
			d.state(r.state)
		case r.note != nil:
			d.note(r)
		case r.fold != nil:
			latest = max(latest, r.fold.to)
			d.row(clock(r.at, d.end), '┆', "", faint, "⋮ "+r.fold.text())
		}
	}
	if n := min(len(q.Lanes), maxLanes) - len(d.lanes); n > 0 {
		fmt.Fprintln(d, s.paint(yellow, count(n, "host")+" and what went to and from them left out: the terminal is too narrow"))
	}
	if text := leftOut(q, segments, maxTurnsText); text != "" {
		fmt.Fprintln(d, s.paint(yellow, safe(text)))
	}
	return d.Flush()
}

// arrange gives the lanes their columns. What does not fit is left out.
func (d *textLadder) arrange() {
	n := min(len(d.q.Lanes), maxLanes)
	room := d.s.width() - rungTime - rungArrived - 2
	for n > 2 && room/(n-1) < rungLeast {
		n--
	}
	for i := range n {
		d.lanes = append(d.lanes, i*room/max(1, n-1))
	}
}

// heads writes the hosts' names and addresses over their lanes.
func (d *textLadder) heads() {
	for _, part := range []func(Lane) string{func(l Lane) string { return l.Name }, func(l Lane) string { return l.Address }} {
		line, any := newLine(d.s.width()), false
		for i := range d.lanes {
			text := safe(part(d.q.Lanes[i]))
			any = any || text != ""
			at := rungTime + d.lanes[i] - len([]rune(text))/2
			if i == 0 {
				at = rungTime
			} else if i == len(d.lanes)-1 {
				at = min(at, d.s.width()-len([]rune(text)))
			}
			line.put(at, text)
		}
		if any {
			fmt.Fprintln(d, d.s.paint(bold, line.String()))
		}
	}
}

// line is one line of characters that things are put on.
type textLine []rune

func newLine(width int) textLine { return []rune(strings.Repeat(" ", width)) }

func (l textLine) put(at int, text string) {
	for _, r := range text {
		if at >= 0 && at < len(l) {
			l[at] = r
		}
		at++
	}
}

func (l textLine) String() string { return strings.TrimRight(string(l), " ") }

// rails is a line with nothing but the lanes.
func (d *textLadder) rails(rail rune) textLine {
	line := newLine(d.s.width() - rungTime)
	for _, at := range d.lanes {
		line[at] = rail
	}
	return line
}

// row writes a line about no segment: text behind the first lane, where it
// is as wide as the line allows.
func (d *textLadder) row(when string, rail rune, before string, c ink, text string) {
	line := d.rails(rail)
	room := len(line) - 3
	if len(d.lanes) > 1 && len([]rune(text)) < d.lanes[len(d.lanes)-1]-4 {
		room = d.lanes[len(d.lanes)-1] - 4
	}
	line.put(2, strings.TrimRight(column(safe(before+text), room), " "))
	fmt.Fprintf(d, "%s%s\n", d.s.paint(faint, column(fmt.Sprintf("%10s", when), rungTime)), d.s.paint(c, line.String()))
}

// segment writes a segment's line.
func (d *textLadder) segment(s *Segment) {
	if s.From >= len(d.lanes) || s.To >= len(d.lanes) {
		return
	}
	style := rungStyles[s.Kind]
	from, to := d.lanes[s.From], d.lanes[s.To]
	left, right := min(from, to), max(from, to)
	arrow := []rune(strings.Repeat(string(style.line), right-left-1))
	label := " " + strings.TrimRight(column(safe(named(s)), max(4, len(arrow)-6)), " ") + " "
	at := 1
	if s.forwarded() { // its label stands above
		label = strings.Repeat(string(style.line), 2)
	}
	if from > to {
		at = len(arrow) - 1 - len([]rune(label))
	}
	textLine(arrow).put(at, label)
	behind := clock(s.Arrived, d.end)
	switch {
	case s.Lost != "":
		behind = "lost"
		why := "✗ " + strings.TrimRight(column(safe(s.Lost), max(4, len(arrow)-len([]rune(label))-8)), " ")
		gone := newLine(len(arrow))
		gone.put(0, string(arrow[:min(len(arrow), at+len([]rune(label))+2)]))
		gone.put(at+len([]rune(label))+2, why)
		if from > to {
			gone = newLine(len(arrow))
			gone.put(at-2, string(arrow[max(0, at-2):]))
			gone.put(at-2-len([]rune(why))-1, why)
		}
		arrow = gone
	case from < to:
		arrow[len(arrow)-1] = '►'
	default:
		arrow[0] = '◄'
	}
	before, after := d.rails('│')[:left+1], d.rails('│')[right:]
	after = after[:min(len(after), d.lanes[len(d.lanes)-1]-right+1)]
	c := style.ink
	if s.Lost != "" {
		c = red
	}
	fmt.Fprintf(d, "%s%s%s%s  %s\n", d.s.paint(faint, column(fmt.Sprintf("%10s", clock(s.Sent, d.end)), rungTime)),
		string(before), d.s.paint(c, string(arrow)), string(after), d.s.paint(faint, behind))
}

// state writes a change of state beside its lane, with what moved it as far
// as there is room.
func (d *textLadder) state(s *State) {
	if s.Lane >= len(d.lanes) {
		return
	}
	line, at := d.rails('│'), d.lanes[s.Lane]
	line[at] = '◆'
	gap := len(line) - at
	if s.Lane > 0 {
		gap = at - d.lanes[s.Lane-1]
	} else if len(d.lanes) > 1 {
		gap = d.lanes[1] - at
	}
	name := cutTo(safe(s.Name), gap-4)
	why := cutTo(safe(stateReason(s)), gap-4-len([]rune(name))-3)
	if s.Lane > 0 {
		text := join(" · ", why, name)
		line.put(at-1-len([]rune(text)), text)
	} else {
		line.put(at+2, join(" · ", name, why))
	}
	fmt.Fprintf(d, "%s%s\n", d.s.paint(faint, column(fmt.Sprintf("%10s", clock(s.At, d.end)), rungTime)), d.s.paint(cyan, line.String()))
}

// stateReason is what moved a host to a state, with the rule.
func stateReason(s *State) string {
	return join(" ", s.Why, bracketed(s.Clause))
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "[" + s + "]"
}

// note writes a note over the lanes, with its number.
func (d *textLadder) note(r rung) {
	n := r.note
	who := ""
	if n.Lane >= 0 {
		who = parens(laneName(d.q, n.Lane))
	}
	head := fmt.Sprintf("%10s  ", fmt.Sprintf("[%d]", r.number))
	title := safe(join(" ", n.Short, who))
	text := join(" ", title+":", safe(n.Text), safe(bracketed(n.Clause)))
	for i, line := range wrap(text, d.s.width()-rungTime) {
		if i > 0 {
			head = strings.Repeat(" ", rungTime)
		} else if strings.HasPrefix(line, title) {
			line = d.s.paint(bold, title) + d.s.paint(yellow, line[len(title):])
			fmt.Fprintf(d, "%s%s\n", d.s.paint(yellow, head), line)
			continue
		}
		fmt.Fprintf(d, "%s%s\n", d.s.paint(yellow, head), d.s.paint(yellow, line))
	}
}
