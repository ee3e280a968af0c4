package report

import "waypost/trace"

// Line is one event in one line: who, what, how long it took, and what was
// decided by which rule.
func Line(e trace.Event, s Style) string {
	line := safe(e.Station) + "  " + string(e.Fact.Kind()) + "  " + safe(words(e.Fact))
	if e.Took > 0 {
		line += s.paint(faint, " · took "+ms(e.Took))
	}
	if d := e.Decision; d != nil {
		line += "  " + s.paint(verdictInk(d.Verdict), safe(d.Verdict)+":") + " " + safe(d.Reason)
		if d.Clause != "" {
			line += s.paint(blue, "  ["+safe(d.Clause)+"]")
		}
	}
	return line
}

// Success paints what went well.
func (s Style) Success(text string) string { return s.paint(green, text) }
