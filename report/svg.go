package report

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"waypost/trace"
)

// Measures of the picture, in user units.
const (
	svgRow   = 22  // height of a response's row
	svgHead  = 64  // title and scale above the rows
	svgFoot  = 40  // legend below them
	svgLabel = 396 // where the bars begin
	svgFrom  = 244 // where it says who answered
	svgBars  = 560 // width of the bars
	svgWidth = svgLabel + svgBars + 90
)

// svgPhases gives each phase its colour: Okabe and Ito's palette, which
// people with colour blindness tell apart.
var svgPhases = [...]struct{ phase, colour string }{
	{phaseQueue, "#bbbbbb"},
	{phaseNames, "#56b4e9"},
	{phaseConnect, "#e69f00"},
	{phaseTLS, "#cc79a7"},
	{phaseWait, "#8da0b3"},
	{phaseReceive, "#009e73"},
	{phaseCache, "#009e73"},
}

// SVG draws the waterfall as a picture that stands alone.
func SVG(w io.Writer, l *trace.Load) error {
	out := bufio.NewWriter(w)
	rows := Rows(l)
	height := svgHead + len(rows)*svgRow + svgFoot
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">
<style>
  .page { fill: #ffffff } .text { fill: #1f2933 } .dim { fill: #6b7a88 } .line { stroke: #e3e8ed } .band { fill: #f6f8fa }
  @media (prefers-color-scheme: dark) { .page { fill: #14191f } .text { fill: #e6edf3 } .dim { fill: #8b98a5 } .line { stroke: #2a323b } .band { fill: #1a2028 } }
</style>
<rect class="page" width="%d" height="%d" rx="8"/>
`, svgWidth, height, svgWidth, height)
	fmt.Fprintf(out, `<text class="text" x="16" y="26" font-size="15" font-weight="600">%s</text>`+"\n", escape(l.URL))
	fmt.Fprintf(out, `<text class="dim" x="%d" y="26" text-anchor="end">%s, %s</text>`+"\n", svgWidth-16, count(len(rows), "response"), ms(totalOf(rows)))
	svgBody(out, l, rows, svgHead)
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

// writeWaterfall draws the waterfall inside a page, which has its title.
func writeWaterfall(p picture, id string, l *trace.Load) {
	const head = 30
	rows := Rows(l)
	var said []string
	for i := range rows[:min(len(rows), maxRowsTold)] {
		r := &rows[i]
		said = append(said, join(" ", label(r.URL, l.URL), svgStatus(r.Status), r.From, ms(r.Start())+" to "+ms(r.End())))
	}
	if n := len(rows) - maxRowsTold; n > 0 {
		said = append(said, fmt.Sprintf("and %d more", n))
	}
	p.open(id, "waterfall", svgWidth, float64(head+len(rows)*svgRow+svgFoot), "Waterfall of "+l.URL, strings.Join(said, "; "))
	svgBody(p, l, rows, head)
	p.close()
}

// svgBody draws the responses below a head of so many pixels.
func svgBody(out io.Writer, l *trace.Load, rows []Row, head int) {
	total := totalOf(rows)
	for i := range rows {
		y := head + i*svgRow
		if i%2 == 0 {
			fmt.Fprintf(out, `<rect class="band" x="8" y="%d" width="%d" height="%d" rx="4"/>`+"\n", y, svgWidth-16, svgRow)
		}
	}
	svgScale(out, total, head, head+len(rows)*svgRow)
	for i := range rows {
		svgResponse(out, &rows[i], l.URL, head+i*svgRow, total)
	}
	svgLegend(out, rows, head+len(rows)*svgRow+svgFoot-16)
}

// totalOf is where the axis of time ends.
func totalOf(rows []Row) time.Duration {
	total := time.Millisecond
	for i := range rows {
		total = max(total, rows[i].End())
	}
	return total
}

// svgScale draws a line for each fifth of the time.
func svgScale(out io.Writer, total time.Duration, head, bottom int) {
	for i := range 6 {
		x := svgLabel + svgBars*i/5
		fmt.Fprintf(out, `<line class="line" x1="%d" y1="%d" x2="%d" y2="%d"/><text class="dim" x="%d" y="%d" text-anchor="middle" font-size="11">%s</text>`+"\n",
			x, head-8, x, bottom, x, head-14, ms(total*time.Duration(i)/5))
	}
}

func svgResponse(out io.Writer, r *Row, page string, y int, total time.Duration) {
	text := y + svgRow - 7
	name := strings.TrimSpace(column(label(r.URL, page), 28))
	fmt.Fprintf(out, `<text class="text" x="16" y="%d">%s</text><text class="dim" x="214" y="%d">%s</text><text class="dim" x="%d" y="%d">%s</text>`+"\n",
		text, escape(name), text, svgStatus(r.Status), svgFrom, text, escape(fitted(r.From, svgLabel-svgFrom-6)))
	at := func(d time.Duration) float64 { return svgLabel + float64(svgBars)*float64(d)/float64(total) }
	for _, p := range r.Phases {
		x, wide := at(p.Start), max(1.5, at(p.End)-at(p.Start))
		fmt.Fprintf(out, `<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="1.5" fill="%s"><title>%s %s, from %s</title></rect>`+"\n",
			x, y+5, wide, svgRow-10, svgColour(p.Name), p.Name, ms(p.End-p.Start), ms(p.Start))
		if textWidth(p.Name, 9.5) < wide-6 { // a word where there is room, for those who see no colours
			fmt.Fprintf(out, `<text x="%.1f" y="%d" font-size="9.5" fill="#0d1318" pointer-events="none">%s</text>`+"\n", x+4, y+14, p.Name)
		}
	}
	fmt.Fprintf(out, `<text class="dim" x="%.1f" y="%d" font-size="11">%s</text>`+"\n", at(r.End())+6, text, ms(r.End()-r.Start()))
}

// fitted is text of a row cut to a width.
func fitted(text string, wide float64) string {
	r := []rune(text)
	for textWidth(string(r), 12) > wide {
		r = append(r[:len(r)-2], '…')
	}
	return string(r)
}

func svgStatus(status int) string {
	if status == 0 {
		return "fail"
	}
	return fmt.Sprint(status)
}

func svgLegend(out io.Writer, rows []Row, y int) {
	x := 16
	for _, p := range svgPhases {
		if !hasPhase(rows, p.phase) {
			continue
		}
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="12" height="12" rx="2" fill="%s"/><text class="dim" x="%d" y="%d">%s</text>`+"\n",
			x, y-10, p.colour, x+18, y, p.phase)
		x += 34 + 8*len(p.phase)
	}
}

func svgColour(phase string) string {
	for _, p := range svgPhases {
		if p.phase == phase {
			return p.colour
		}
	}
	return "#1f2933"
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(safe(s))) // a Builder does not fail
	return b.String()
}
