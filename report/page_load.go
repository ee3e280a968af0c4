package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"waypost/trace"
)

// load writes a page load: the waterfall, every step and the stations.
func (p sheet) load(i int) {
	l, id := &p.d.Loads[i], fmt.Sprintf("%sload-%d", p.prefix, i+1)
	p.section(id, p.named(p.loadTitle(i)+" "+l.URL), loadSummary(l))
	p.scroll("Waterfall of " + l.URL)
	writeWaterfall(picture{p.Writer}, id, l)
	p.endScroll()
	fmt.Fprintf(p, "<details><summary>Every step: %s</summary>\n", count(len(l.Events), "event"))
	p.scroll("Steps of " + l.URL)
	fmt.Fprintln(p, `<div class="steps">`)
	for k := range l.Events[:min(len(l.Events), maxSteps)] {
		p.step(l, &l.Events[k])
	}
	fmt.Fprintln(p, "</div>")
	p.endScroll()
	p.leftOut(len(l.Events)-maxSteps, "later step")
	fmt.Fprintln(p, "</details>")
	if l.Missed > 0 {
		fmt.Fprintf(p, "<p class=\"left\">%d more events did not fit into the stations' recorders.</p>\n", l.Missed)
	}
	p.stations(l)
	p.endSection()
}

func (p sheet) loadTitle(i int) string {
	if len(p.d.Loads) == 1 {
		return "Load of"
	}
	return fmt.Sprintf("Load %d of %d:", i+1, len(p.d.Loads))
}

// loadSummary is the sum of a load in a line.
func loadSummary(l *trace.Load) string {
	t := sum(l)
	cached := ""
	if t.cached > 0 {
		cached = fmt.Sprintf("%d from the private cache", t.cached)
	}
	fault := ""
	if l.Fault != "" {
		fault = "failed: " + l.Fault
	}
	return join(" · ", lapse(t.took), fault, count(t.requests, "request"), cached, count(t.connects, "TCP connection"), size(t.bytes))
}

// step writes one event: a line that unfolds to all that it says.
func (p sheet) step(l *trace.Load, e *trace.Event) {
	fmt.Fprintf(p, `<details class="step"><summary><span class="t">%s</span><span class="s">%s</span><span class="k">%s</span><span class="w">%s`,
		ms(e.Time.Sub(l.Start)), harmless(e.Station), escape(string(e.Fact.Kind())), harmless(words(e.Fact)))
	if e.Took > 0 {
		fmt.Fprintf(p, ` <span class="dimmed">· took %s</span>`, ms(e.Took))
	}
	fmt.Fprint(p, "</span>")
	if d := e.Decision; d != nil {
		fmt.Fprintf(p, `<span class="d"><span class="verdict %s">%s:</span> %s`, verdictClass(d.Verdict), harmless(d.Verdict), harmless(d.Reason))
		if d.Clause != "" {
			fmt.Fprint(p, " ", clauseLink(d.Clause))
		}
		if d.Because != "" {
			fmt.Fprintf(p, `<br><span class="dimmed">decided by <code>%s</code></span>`, harmless(d.Because))
		}
		if d.Remedy != "" {
			fmt.Fprintf(p, `<br><span class="dimmed">better: %s</span>`, harmless(d.Remedy))
		}
		fmt.Fprint(p, "</span>")
	}
	fmt.Fprintf(p, "</summary><div class=\"more\"><pre>%s</pre></div></details>\n", attributes(e.Fact))
}

// attributes are all that an event holds, as HTML.
func attributes(f trace.Fact) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // what follows escapes for HTML
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return escape(err.Error())
	}
	all := strings.TrimSpace(b.String())
	if len(all) > maxAttrs {
		all = strings.ToValidUTF8(all[:maxAttrs], "") + fmt.Sprintf("\n… %d more bytes left out", len(all)-maxAttrs)
	}
	lines := strings.Split(all, "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

// verdictClass says how good a verdict is.
func verdictClass(verdict string) string {
	switch verdictInk(verdict) {
	case green:
		return "good"
	case yellow:
		return "fair"
	case red:
		return "bad"
	}
	return ""
}

// stations lists who gave an account.
func (p sheet) stations(l *trace.Load) {
	names := l.Stations()
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(p, "<details><summary>%s of trace %s</summary>\n", count(len(names), "station"), l.Trace)
	p.scroll("Stations of " + l.URL)
	fmt.Fprintln(p, "<table><thead><tr><th scope=\"col\">station</th><th scope=\"col\">events</th><th scope=\"col\">first</th><th scope=\"col\">last</th></tr></thead><tbody>")
	for _, name := range names[:min(len(names), maxTableRows)] {
		var n int
		var first, last time.Duration
		for _, e := range l.Events {
			if e.Station != name {
				continue
			}
			if last = e.Time.Sub(l.Start); n == 0 {
				first = last
			}
			n++
		}
		fmt.Fprintf(p, "<tr><td>%s</td><td>%d</td><td>%s</td><td>%s</td></tr>\n", harmless(name), n, ms(first), ms(last))
	}
	fmt.Fprintln(p, "</tbody></table>")
	p.endScroll()
	p.leftOut(len(names)-maxTableRows, "station")
	fmt.Fprintln(p, "</details>")
}
