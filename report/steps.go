package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"waypost/trace"
)

// stationInks are handed to the stations in the order in which they speak.
var stationInks = [...]ink{cyan, green, purple, yellow, blue}

// kindWidth holds the longest kind of the catalogue.
const kindWidth = 15

// Steps writes every event of a load in the order of time: when, which
// station, what happened and, where a choice was made, the verdict with its
// reason and clause.
func Steps(w io.Writer, l *trace.Load, s Style) error {
	out := bufio.NewWriter(w)
	stations := l.Stations()
	inks := map[string]ink{}
	width := len("station")
	for i, name := range stations {
		inks[name] = stationInks[i%len(stationInks)]
		width = max(width, len([]rune(name)))
	}
	width = min(width, 24) // a longer name would leave no room for the words
	fmt.Fprintln(out, s.paint(faint, fmt.Sprintf("%11s  %s  %s  %s", "time", column("station", width), column("kind", kindWidth), "what happened")))
	indent := strings.Repeat(" ", 11+2+width+2+kindWidth+2)
	for _, e := range l.Events {
		fmt.Fprintf(out, "%s  %s  %s  %s",
			s.paint(faint, fmt.Sprintf("%11s", ms(e.Time.Sub(l.Start)))),
			s.paint(inks[e.Station], column(safe(e.Station), width)),
			column(string(e.Fact.Kind()), kindWidth),
			safe(words(e.Fact)))
		if e.Took > 0 {
			fmt.Fprint(out, s.paint(faint, " · took "+ms(e.Took)))
		}
		fmt.Fprintln(out)
		writeDecision(out, indent, e.Decision, s)
		if pick, ok := e.Fact.(trace.GSLBPick); ok {
			for i, g := range pick.Ranked {
				fmt.Fprintln(out, indent+s.paint(faint, safe(fmt.Sprintf("  %d. %s at %s, %s: %s", i+1, g.Edge, g.POP, g.Address, g.Why))))
			}
		}
	}
	if l.Missed > 0 {
		fmt.Fprintf(out, "%s\n", s.paint(yellow, fmt.Sprintf("%d more events did not fit into the stations' recorders", l.Missed)))
	}
	return out.Flush()
}

func writeDecision(out io.Writer, indent string, d *trace.Decision, s Style) {
	if d == nil {
		return
	}
	fmt.Fprintf(out, "%s%s %s", indent, s.paint(verdictInk(d.Verdict), safe(d.Verdict)+":"), safe(d.Reason))
	if d.Clause != "" {
		fmt.Fprint(out, s.paint(blue, "  ["+safe(d.Clause)+"]"))
	}
	fmt.Fprintln(out)
	if d.Because != "" {
		fmt.Fprintln(out, indent+s.paint(faint, "  decided by "+safe(d.Because)))
	}
	if d.Remedy != "" {
		fmt.Fprintln(out, indent+s.paint(faint, "  better: "+safe(d.Remedy)))
	}
}

// Headline writes a load's title and sum.
func Headline(w io.Writer, title string, l *trace.Load, s Style) error {
	line := join(" · ", ms(sum(l).took), "trace "+l.Trace.String(), l.Fault)
	_, err := fmt.Fprintf(w, "%s  %s\n%s\n", s.paint(bold, title), safe(l.URL), s.paint(faint, safe(line)))
	return err
}
