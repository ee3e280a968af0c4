package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Measures of a chart in a terminal.
const (
	curveLabel = 24 // columns before the plot: a curve's name and its highest value
	curveTall  = 4  // lines of a panel's first curve
	curveShort = 2  // and of the others
)

// eighths are the heights of a bar in a character.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// textChart is a chart under way.
type textChart struct {
	*bufio.Writer
	c     *Chart
	s     Style
	end   time.Duration
	cells int
}

// Curves draws a chart for a terminal: the states of both ends, then each
// curve as a strip of its own, those of a panel on one scale. A column shows
// the mean of its stretch of time; the number beside a curve is its highest
// value. The trail and the notes' sentences are [Ladder]'s; here the notes
// are numbers over their moments.
func Curves(w io.Writer, c *Chart, s Style) error {
	d := textChart{Writer: bufio.NewWriter(w), c: c, s: s, cells: s.width() - curveLabel - 2}
	var trail []Segment
	if c.Trail != nil {
		trail = ordered(c.Trail)
	}
	d.end = chartEnd(c, trail)
	if c.Title != "" {
		fmt.Fprintln(d, s.paint(bold, safe(c.Title)))
	}
	d.marks()
	if c.Trail != nil {
		d.states()
	}
	for i := range c.Panels[:min(len(c.Panels), maxPanels)] {
		d.panel(&c.Panels[i])
	}
	d.axis()
	d.turns()
	return d.Flush()
}

func (d *textChart) at(t time.Duration) int {
	return min(max(int(float64(d.cells)*float64(t)/float64(d.end)), 0), d.cells-1)
}

// marks writes the notes' numbers over their moments, as far as there is room.
func (d *textChart) marks() {
	notes := orderedNotes(d.c.Notes)
	line, free := newLine(d.cells), 0
	for i, n := range notes {
		if at := d.at(n.At); at >= free {
			line.put(at, fmt.Sprint(i+1))
			free = at + len(fmt.Sprint(i+1)) + 1
		}
	}
	if len(notes) > 0 {
		fmt.Fprintf(d, "%s%s\n", strings.Repeat(" ", curveLabel+1), d.s.paint(yellow, line.String()))
	}
}

// states writes a band for each host.
func (d *textChart) states() {
	for lane, l := range d.c.Trail.Lanes[:min(len(d.c.Trail.Lanes), maxLanes)] {
		of := statesOf(d.c.Trail, lane, d.end)
		if len(of) == 0 {
			continue
		}
		line := newLine(d.cells)
		for i, s := range of {
			from, to := d.at(s.At), d.cells
			if i+1 < len(of) {
				to = d.at(of[i+1].At)
			}
			if to > from {
				line.put(from, "▏"+cutTo(safe(s.Name), to-from-1))
			}
		}
		fmt.Fprintf(d, "%s %s\n", column("  "+safe(l.Name), curveLabel), d.s.paint(cyan, line.String()))
	}
}

// cutTo is text in at most n columns, or nothing where so few tell nothing.
func cutTo(text string, n int) string {
	if n < min(4, len([]rune(text))) {
		return ""
	}
	return strings.TrimRight(column(text, n), " ")
}

func (d *textChart) panel(p *Panel) {
	series := p.Series[:min(len(p.Series), maxSeries)]
	limit, above := panelLimit(series, d.end)
	fmt.Fprintf(d, "%s\n", d.s.paint(bold, safe(p.Title)))
	for i, s := range series {
		low, high, ok := bounds(s)
		if !ok {
			fmt.Fprintf(d, "%s %s\n", column("  "+safe(s.Name), curveLabel), d.s.paint(faint, "not set"))
			continue
		}
		if above[i] {
			fmt.Fprintf(d, "%s %s\n", column("  "+safe(s.Name), curveLabel), d.s.paint(faint, span(p.Unit, low, high)+", above the scale of the others"))
			continue
		}
		lines := curveShort
		if i == 0 {
			lines = curveTall
		}
		d.strip(s, p.Unit, high, limit, lines, stationInks[i%len(stationInks)])
	}
	if n := len(p.Series) - len(series); n > 0 {
		fmt.Fprintf(d, "  %s\n", d.s.paint(yellow, count(n, "curve")+" left out"))
	}
}

// strip draws one curve as bars of eighths over so many lines.
func (d *textChart) strip(s Series, u Unit, high, limit float64, lines int, c ink) {
	values := d.columns(s)
	for line := range lines {
		row := newLine(d.cells)
		floor := lines - 1 - line // lines below this one
		for x, v := range values {
			if math.IsNaN(v) {
				continue
			}
			eighth := int(math.Round(v/limit*float64(8*lines))) - 8*floor
			if floor == 0 && v > 0 {
				eighth = max(eighth, 1) // there is something
			}
			row[x] = eighths[min(max(eighth, 0), 8)]
		}
		name := ""
		if line == lines-1 {
			value := quantity(u, high)
			name = "  " + column(safe(s.Name), curveLabel-3-len([]rune(value))) + " " + value
		}
		fmt.Fprintf(d, "%s▕%s\n", column(name, curveLabel), d.s.paint(c, row.String()))
	}
}

// columns is the mean of a series in each column; NaN where it has no value.
// A point counts for the time until the next, a measurement for itself.
func (d *textChart) columns(s Series) []float64 {
	sums, weights := make([]float64, d.cells), make([]float64, d.cells)
	points := s.Points
	wide := float64(d.end) / float64(d.cells)
	for i, p := range points {
		if math.IsNaN(p.Value) || p.At > d.end {
			continue
		}
		if s.Dots {
			sums[d.at(p.At)] += p.Value
			weights[d.at(p.At)]++
			continue
		}
		until := d.end
		if i+1 < len(points) {
			until = min(until, points[i+1].At)
		}
		for x := d.at(p.At); x <= d.at(until) && until > p.At; x++ {
			share := min(float64(until), float64(x+1)*wide) - max(float64(p.At), float64(x)*wide)
			if share > 0 {
				sums[x] += p.Value * share
				weights[x] += share
			}
		}
	}
	for x := range sums {
		if sums[x] /= weights[x]; weights[x] == 0 {
			sums[x] = math.NaN()
		}
	}
	return sums
}

// axis writes the axis of time under the panels.
func (d *textChart) axis() {
	at, labels := timeTicks(d.end, max(2, d.cells/12))
	rule, line, free := []rune(strings.Repeat("─", d.cells)), newLine(d.cells+8), 0
	for i, t := range at {
		x := d.at(t)
		rule[x] = '┴'
		if x >= free {
			line.put(x, labels[i])
			free = x + len([]rune(labels[i])) + 1
		}
	}
	fmt.Fprintf(d, "%s%s\n%s%s\n", strings.Repeat(" ", curveLabel+1), d.s.paint(faint, string(rule)), strings.Repeat(" ", curveLabel+1), d.s.paint(faint, line.String()))
}

// turns names the numbers.
func (d *textChart) turns() {
	notes := orderedNotes(d.c.Notes)
	var parts []string
	for i, n := range notes[:min(len(notes), maxTurnsText)] {
		parts = append(parts, fmt.Sprintf("[%d] %s at %s", i+1, safe(n.Short), clock(n.At, d.end)))
	}
	if n := len(notes) - maxTurnsText; n > 0 {
		parts = append(parts, fmt.Sprintf("and %d later", n))
	}
	for _, line := range wrap(strings.Join(parts, " · "), d.s.width()) {
		fmt.Fprintln(d, d.s.paint(yellow, line))
	}
}
