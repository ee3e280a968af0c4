package report

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// The pictures of a page are SVG elements inside it. Their colours are
// classes of page.css, so that one sheet serves light, dark and paper; what
// a colour says, a pattern, a shape or a word says as well.

// picture is one drawing under way.
type picture struct {
	*bufio.Writer
}

// open begins a drawing. The name and the description are what a reader
// hears who does not see it; id is unique in the page.
func (p picture) open(id, class string, width, height float64, name, description string) {
	fmt.Fprintf(p, `<svg class="%s" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`+"\n",
		class, px(width), px(height), px(width), px(height), id, id, id, harmless(name), id, harmless(description))
}

func (p picture) close() { fmt.Fprintln(p, "</svg>") }

// line draws a straight line of a class.
func (p picture) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(p, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, px(x1), px(y1), px(x2), px(y2))
}

// text writes text of a class; its anchor is start, middle or end.
func (p picture) text(class, anchor string, x, y float64, text string) {
	fmt.Fprintf(p, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`+"\n", class, anchor, px(x), px(y), harmless(text))
}

// path draws a path with a title; without one where tip is "".
func (p picture) path(class, d, tip string) {
	if d == "" {
		return
	}
	if tip == "" {
		fmt.Fprintf(p, `<path class="%s" d="%s"/>`+"\n", class, d)
		return
	}
	fmt.Fprintf(p, `<path class="%s" d="%s"><title>%s</title></path>`+"\n", class, d, harmless(tip))
}

// px writes a coordinate: a tenth of a pixel is finer than any screen.
func px(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	return trimmed(v, 1)
}

// pen writes the path of a curve of steps. Points of one column of half a
// pixel become one upright stroke, so that the path is as long as the picture
// is wide, however many points there are.
type pen struct {
	b            strings.Builder
	drawing      bool
	x, low, high float64 // the column under way
	first, last  float64
	begun        float64 // where the stretch under way began
	grounds      []ground
}

// ground is where a stretch of a curve ends in its path, and its extent.
type ground struct {
	end      int
	from, to float64
}

// to adds a point; NaN lifts the pen.
func (p *pen) to(x, y float64) {
	x = math.Round(x*2) / 2
	if math.IsNaN(y) {
		p.lift(x)
		return
	}
	if p.drawing && x == p.x {
		p.low, p.high, p.last = min(p.low, y), max(p.high, y), y
		return
	}
	if p.drawing {
		p.flush()
		fmt.Fprintf(&p.b, "H%s", px(x))
		if px(y) != px(p.last) {
			fmt.Fprintf(&p.b, "V%s", px(y))
		}
	} else {
		fmt.Fprintf(&p.b, "M%s %s", px(x), px(y))
		p.begun = x
	}
	p.drawing, p.x, p.low, p.high, p.first, p.last = true, x, y, y, y, y
}

// flush writes the strokes of the column under way.
func (p *pen) flush() {
	if p.low < min(p.first, p.last) {
		fmt.Fprintf(&p.b, "V%s", px(p.low))
	}
	if p.high > max(p.first, p.last) {
		fmt.Fprintf(&p.b, "V%s", px(p.high))
	}
	if p.last != p.first || p.low != p.high {
		fmt.Fprintf(&p.b, "V%s", px(p.last))
	}
}

// lift ends the curve at x, holding its value until there.
func (p *pen) lift(x float64) {
	if !p.drawing {
		return
	}
	p.flush()
	if x > p.x {
		fmt.Fprintf(&p.b, "H%s", px(x))
	}
	p.drawing = false
	p.grounds = append(p.grounds, ground{p.b.Len(), p.begun, max(x, p.x)})
}

// area is the surface between the curve and a ground, once it is drawn.
func (p *pen) area(y float64) string {
	var b strings.Builder
	line, from := p.b.String(), 0
	for _, g := range p.grounds {
		fmt.Fprintf(&b, "%sV%sH%sZ", line[from:g.end], px(y), px(g.from))
		from = g.end
	}
	return b.String()
}

func (p *pen) String() string {
	if p.drawing {
		p.flush()
		p.drawing = false
	}
	return p.b.String()
}

// textWidth is about how wide text is at a font size: no font is at hand to
// ask, so labels leave room.
func textWidth(text string, size float64) float64 {
	return float64(utf8.RuneCountInString(text)) * size * 0.56
}

// spread pushes labels apart that would stand on each other: each at least
// gap from the next, all between top and bottom as far as they fit. at is in
// rising order and is changed in place.
func spread(at []float64, gap, top, bottom float64) {
	for i := range at {
		at[i] = max(at[i], top+float64(i)*gap)
		if i > 0 {
			at[i] = max(at[i], at[i-1]+gap)
		}
	}
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = min(at[i], bottom-float64(len(at)-1-i)*gap)
		if i+1 < len(at) {
			at[i] = min(at[i], at[i+1]-gap)
		}
	}
}

// wrap breaks text into lines of at most width characters, at spaces where
// there are any.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for utf8.RuneCountInString(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			r := []rune(word)
			lines, word = append(lines, string(r[:width])), string(r[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// scale is an axis: a moment or a value to a coordinate.
type scale struct {
	from, to float64 // coordinates of 0 and of limit
	limit    float64
}

func (s scale) at(v float64) float64 {
	if !(s.limit > 0) {
		return s.from
	}
	return s.from + (s.to-s.from)*v/s.limit
}

func (s scale) when(d time.Duration) float64 { return s.at(float64(d)) }
