package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Measures of a chart, in pixels at its natural size.
const (
	chartWidth  = 1120.0
	chartLeft   = 74.0  // room for the labels of values
	chartRight  = 164.0 // room for the names of curves
	chartHead   = 46.0  // the notes' numbers and the axis above
	chartFoot   = 26.0
	panelHead   = 28.0 // a panel's title
	panelHeight = 116.0
	trailHeight = 340.0
	stateHeight = 20.0
)

// chartDrawing is a chart under way.
type chartDrawing struct {
	picture
	c     *Chart
	end   time.Duration
	x     scale
	notes []Note
	trail []Segment
}

// writeChart draws a chart: panels under each other on one axis of time.
func writeChart(p picture, id string, c *Chart) {
	d := chartDrawing{picture: p, c: c, notes: orderedNotes(c.Notes)}
	if c.Trail != nil {
		d.trail = ordered(c.Trail)
	}
	d.end = chartEnd(c, d.trail)
	d.x = scale{chartLeft, chartWidth - chartRight, float64(d.end)}
	panels := c.Panels[:min(len(c.Panels), maxPanels)]
	height := chartHead + float64(len(panels))*(panelHead+panelHeight) + chartFoot
	if c.Trail != nil {
		height += panelHead + trailHeight + panelHead + d.statesHeight()
	}
	d.open(id, "chart", chartWidth, height, c.Title, chartWords(c, d.end))
	y := chartHead
	d.timeGrid(y-6, height-chartFoot)
	if c.Trail != nil {
		y = d.states(y + 4)
		y = d.drawTrail(y)
	}
	for i := range panels {
		y = d.panel(&panels[i], y)
	}
	d.marks(height - chartFoot)
	d.close()
}

// chartEnd is the last moment of a chart's axis.
func chartEnd(c *Chart, trail []Segment) time.Duration {
	if c.End > 0 {
		return c.End
	}
	end := time.Duration(1)
	for _, p := range c.Panels {
		for _, s := range p.Series {
			if n := len(s.Points); n > 0 {
				end = max(end, s.Points[n-1].At)
			}
		}
	}
	for _, n := range c.Notes {
		end = max(end, n.At)
	}
	if c.Trail != nil {
		end = max(end, endOf(c.Trail, trail))
	}
	return end
}

// chartWords says in words what a chart shows: each curve with its range.
func chartWords(c *Chart, end time.Duration) string {
	parts := []string{"Time runs from 0 to " + lapse(end)}
	for _, p := range c.Panels[:min(len(c.Panels), maxPanels)] {
		for _, s := range p.Series[:min(len(p.Series), maxSeries)] {
			if low, high, ok := bounds(s); ok {
				parts = append(parts, fmt.Sprintf("%s: %s from %s to %s", p.Title, s.Name, quantity(p.Unit, low), quantity(p.Unit, high)))
			}
		}
	}
	return strings.Join(parts, ". ") + "."
}

// bounds are a series' lowest and highest values; not ok where it has none.
func bounds(s Series) (low, high float64, ok bool) {
	for _, p := range s.Points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		if !ok {
			low, high, ok = p.Value, p.Value, true
		}
		low, high = min(low, p.Value), max(high, p.Value)
	}
	return low, high, ok
}

// timeGrid draws the axis of time: faint lines through all panels, labels
// above and below.
func (d *chartDrawing) timeGrid(top, bottom float64) {
	at, labels := timeTicks(d.end, 10)
	for i, t := range at {
		x := d.x.when(t)
		d.line("line", x, top, x, bottom)
		d.text("dim", "middle", x, top-5, labels[i])
		d.text("dim", "middle", x, bottom+16, labels[i])
	}
}

// panel draws one panel below y and returns where the next begins.
func (d *chartDrawing) panel(p *Panel, y float64) float64 {
	series := p.Series[:min(len(p.Series), maxSeries)]
	top, bottom := y+panelHead, y+panelHead+panelHeight-6
	title := p.Title
	if n := len(p.Series) - len(series); n > 0 {
		title += fmt.Sprintf(" (%s left out)", count(n, "curve"))
	}
	d.text("head", "start", chartLeft, top-9, title)
	limit, above := panelLimit(series, d.end)
	v := scale{bottom, top, limit * 1.04}
	for _, t := range ticks(limit, 4) {
		d.line("line", chartLeft, v.at(t), chartWidth-chartRight, v.at(t))
		d.text("dim", "end", chartLeft-8, v.at(t)+4, quantity(p.Unit, t))
	}
	var names []curveName
	for i, s := range series {
		low, high, ok := bounds(s)
		n := curveName{class: fmt.Sprintf("c%d", i), text: s.Name, dots: s.Dots}
		switch {
		case !ok:
			continue
		case above[i]: // it would press the others to the ground
			n.y, n.text = top, "↑ "+s.Name
			names = append(names, n, curveName{y: top, text: span(p.Unit, low, high)})
			d.curve(s, n.class, v, n.text)
			continue
		}
		n.y = v.at(d.curve(s, n.class, v, fmt.Sprintf("%s: %s", s.Name, span(p.Unit, low, high))))
		names = append(names, n)
	}
	d.names(names, top, bottom)
	return bottom + 6
}

// curveName is the label at a curve's end. One without a class goes on with
// the label above it.
type curveName struct {
	y           float64
	class, text string
	dots        bool
}

// names writes the curves' names beside their ends, none on another.
func (d *chartDrawing) names(names []curveName, top, bottom float64) {
	slices.SortStableFunc(names, func(a, b curveName) int { return cmp.Compare(a.y, b.y) })
	at := make([]float64, len(names))
	for i := range names {
		at[i] = names[i].y
	}
	spread(at, 14, top, bottom)
	x := chartWidth - chartRight
	for i, n := range names {
		switch {
		case n.class == "":
			d.text("dim", "start", x+35, at[i]+4, strings.TrimSpace(column(n.text, 21)))
			continue
		case n.dots:
			d.path("dots "+n.class, fmt.Sprintf("M%s %sh0m7 0h0m7 0h0", px(x+14), px(at[i])), "")
		default:
			d.path("lead", fmt.Sprintf("M%s %sL%s %s", px(x+2), px(n.y), px(x+12), px(at[i])), "")
			d.line("curve "+n.class, x+12, at[i], x+30, at[i])
		}
		d.text("name", "start", x+35, at[i]+4, strings.TrimSpace(column(n.text, 19)))
	}
}

func span(u Unit, low, high float64) string {
	if a, b := quantity(u, low), quantity(u, high); a != b {
		return a + " to " + b
	}
	return quantity(u, high)
}

// A curve is named at the edge, instead of pressing the others to the ground,
// when it rises offScale times above all of them and is above them for most
// of the time. What of it lies within the scale is drawn.
const offScale = 3

// panelLimit is the highest value that a panel shows up to end, and which
// curves go beyond it.
func panelLimit(series []Series, end time.Duration) (limit float64, above [maxSeries]bool) {
	for range series {
		highest, second, at := 0.0, 0.0, -1
		for i, s := range series {
			_, high, ok := bounds(s)
			if !ok || above[i] {
				continue
			}
			if high > highest {
				highest, second, at = high, highest, i
			} else {
				second = max(second, high)
			}
		}
		limit = highest
		if at < 0 || second <= 0 || highest < offScale*second || timeAbove(series[at], second, end) < 0.5 {
			break
		}
		above[at] = true
		limit = second
	}
	if limit <= 0 {
		limit = 1
	}
	return limit, above
}

// timeAbove is the share of its time until end in which a curve is above v.
func timeAbove(s Series, v float64, end time.Duration) float64 {
	var over, all time.Duration
	for i, p := range s.Points {
		until := max(end, p.At+1)
		if i+1 < len(s.Points) {
			until = s.Points[i+1].At
		}
		if math.IsNaN(p.Value) {
			continue
		}
		all += until - p.At
		if p.Value > v {
			over += until - p.At
		}
	}
	if all <= 0 {
		return 0
	}
	return float64(over) / float64(all)
}

// curve draws one series and returns its last value.
func (d *chartDrawing) curve(s Series, class string, v scale, tip string) (last float64) {
	points := s.Points
	if s.Dots {
		var b strings.Builder
		before := ""
		for _, p := range points {
			if math.IsNaN(p.Value) || p.At > d.end {
				continue
			}
			last = p.Value
			if dot := fmt.Sprintf("M%s %sh0", px(math.Round(d.x.when(p.At)*2)/2), px(v.at(p.Value))); dot != before {
				b.WriteString(dot)
				before = dot
			}
		}
		d.path("dots "+class, b.String(), tip)
		return last
	}
	var line pen
	for _, p := range points {
		if p.At > d.end {
			break
		}
		y := math.NaN()
		if p.Value <= v.limit {
			y, last = v.at(p.Value), p.Value
		}
		line.to(d.x.when(p.At), y)
	}
	line.lift(d.x.when(d.end))
	if s.Fill {
		d.path("fill "+class, line.area(v.at(0)), "")
	}
	d.path("curve "+class, line.String(), tip)
	return last
}

// marks draws the notes: a line through all panels and a number above it,
// with a few words where there is room. Numbers that would stand on each
// other become one, "3–5".
func (d *chartDrawing) marks(bottom float64) {
	notes := d.notes[:min(len(d.notes), maxTurns)]
	for i := 0; i < len(notes); {
		x := d.x.when(notes[i].At)
		label, j := fmt.Sprint(i+1), i+1
		for j < len(notes) && d.x.when(notes[j].At) < x+pillWidth(label)+2 {
			j++
			label = fmt.Sprintf("%d–%d", i+1, j)
		}
		for k := i; k < j; k++ {
			d.line("mark", d.x.when(notes[k].At), 20, d.x.when(notes[k].At), bottom)
		}
		wide := pillWidth(label)
		left := x - 8
		fmt.Fprintf(d, `<g class="pill"><title>%s</title><rect x="%s" y="3" width="%s" height="16" rx="8"/><text text-anchor="middle" x="%s" y="15">%s</text></g>`+"\n",
			harmless(notes[i].Text), px(left), px(wide), px(left+wide/2), label)
		room := chartWidth - left - wide - 8
		if j < len(notes) {
			room = d.x.when(notes[j].At) - 12 - left - wide
		}
		if j == i+1 && notes[i].Short != "" && textWidth(notes[i].Short, 11) < room {
			d.text("short", "start", left+wide+4, 15, notes[i].Short)
		}
		i = j
	}
}

func pillWidth(label string) float64 { return 9 + 7*float64(len([]rune(label))) }
