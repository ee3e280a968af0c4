package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"waypost/trace"
)

// bar is how a phase is drawn in a terminal.
type bar struct {
	phase string
	glyph rune
	ink   ink
}

// bars is the legend, in the order of a response's life.
var bars = [...]bar{
	{phaseQueue, '·', grey},
	{phaseNames, '░', cyan},
	{phaseConnect, '▒', yellow},
	{phaseTLS, '▓', purple},
	{phaseWait, '─', blue},
	{phaseReceive, '█', green},
	{phaseCache, '◆', green},
}

// Waterfall draws a load's responses as bars over time.
func Waterfall(w io.Writer, l *trace.Load, s Style) error {
	out := bufio.NewWriter(w)
	rows := Rows(l)
	total := time.Duration(0)
	labelWidth, fromWidth := len("response"), len("from")
	for i := range rows {
		total = max(total, rows[i].End())
		labelWidth = max(labelWidth, len([]rune(label(rows[i].URL, l.URL))))
		fromWidth = max(fromWidth, len([]rune(rows[i].From)))
	}
	if len(rows) == 0 || total == 0 {
		fmt.Fprintln(out, s.paint(faint, "no response arrived: there is nothing to draw"))
		return out.Flush()
	}
	labelWidth, fromWidth = min(labelWidth, 34), min(fromWidth, 18)
	scale := max(20, s.width()-labelWidth-fromWidth-2-5-2-2-10)
	header := fmt.Sprintf("%s  %s  %s  0%s%s", column("response", labelWidth), "code", column("from", fromWidth),
		strings.Repeat(" ", max(1, scale-1-len(ms(total)))), ms(total))
	fmt.Fprintln(out, s.paint(faint, header))
	for i := range rows {
		r := &rows[i]
		code := fmt.Sprintf("%4d", r.Status)
		if r.Status == 0 {
			code = "fail"
		}
		fmt.Fprintf(out, "%s  %s  %s  %s %s\n",
			column(safe(label(r.URL, l.URL)), labelWidth),
			s.paint(statusInk(r), code),
			s.paint(verdictInk(lastWord(r.From)), column(safe(r.From), fromWidth)),
			drawBars(r, total, scale, s),
			s.paint(faint, ms(r.End()-r.Start())))
	}
	fmt.Fprintln(out, legend(rows, s))
	return out.Flush()
}

func statusInk(r *Row) ink {
	switch {
	case r.Status == 0 || r.Status >= 400 || r.Fault != "":
		return red
	case r.Status >= 300:
		return yellow
	}
	return green
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// drawBars draws a row's phases on a line of so many cells. A phase too
// short for a cell still gets one where the cell is free.
func drawBars(r *Row, total time.Duration, cells int, s Style) string {
	line := make([]int, cells) // index into bars plus one; 0 is empty
	for _, p := range r.Phases {
		b := barOf(p.Name)
		from := int(int64(p.Start) * int64(cells) / int64(total))
		to := int(int64(p.End) * int64(cells) / int64(total))
		from = min(max(from, 0), cells-1)
		for i := from; i < max(to, from+1) && i < cells; i++ {
			if i < to || line[i] == 0 {
				line[i] = b + 1
			}
		}
	}
	var out strings.Builder
	for i := 0; i < cells; {
		j := i
		for j < cells && line[j] == line[i] {
			j++
		}
		if line[i] == 0 {
			out.WriteString(strings.Repeat(" ", j-i))
		} else {
			b := bars[line[i]-1]
			out.WriteString(s.paint(b.ink, strings.Repeat(string(b.glyph), j-i)))
		}
		i = j
	}
	return out.String()
}

func barOf(phase string) int {
	for i, b := range bars {
		if b.phase == phase {
			return i
		}
	}
	return len(bars) - 1
}

// legend names the phases that the rows hold.
func legend(rows []Row, s Style) string {
	var parts []string
	for _, b := range bars {
		if hasPhase(rows, b.phase) {
			parts = append(parts, s.paint(b.ink, string(b.glyph))+" "+b.phase)
		}
	}
	return strings.Join(parts, "  ")
}

func hasPhase(rows []Row, name string) bool {
	for _, r := range rows {
		for _, p := range r.Phases {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
