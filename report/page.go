package report

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed page.css
var pageCSS string

// sheet is a document being written. Errors stay in the writer until the end.
type sheet struct {
	*bufio.Writer
	d      *Document
	prefix string // of all ids: "" or that of a part
	level  int    // of the sections' headings
}

// writePage writes the document from its head to its end.
func writePage(w io.Writer, d *Document) error {
	p := sheet{Writer: bufio.NewWriter(w), d: d, level: 2}
	p.head()
	p.contents()
	fmt.Fprintln(p, "<main>")
	p.body()
	for i := range d.Parts[:min(len(d.Parts), maxParts)] {
		p.part(i)
	}
	p.leftOut(len(d.Parts)-maxParts, "part")
	fmt.Fprintln(p, "</main>")
	fmt.Fprintln(p, "<footer>Written by waypost. The page stands alone: it loads nothing and runs no scripts.</footer>")
	fmt.Fprintln(p, "</body>\n</html>")
	return p.Flush()
}

// partOf is the sheet on which a part of the document is written.
func (p sheet) partOf(i int) sheet {
	return sheet{Writer: p.Writer, d: &p.d.Parts[i], prefix: fmt.Sprintf("part-%d-", i+1), level: p.level + 1}
}

// part writes a part under its title.
func (p sheet) part(i int) {
	d, id := &p.d.Parts[i], fmt.Sprintf("part-%d", i+1)
	p.section(id, join(" · ", d.Name, d.Title), d.Summary)
	p.partOf(i).body()
	p.endSection()
}

// named is the title of something in a part, with the part's name before it.
func (p sheet) named(title string) string { return join(" · ", p.d.Name, title) }

// body writes what a document, or a part of it, consists of.
func (p sheet) body() {
	d := p.d
	for i := range d.Loads[:min(len(d.Loads), maxLoads)] {
		p.load(i)
	}
	p.leftOut(len(d.Loads)-maxLoads, "page load")
	for i := range d.Charts[:min(len(d.Charts), maxDiagrams)] {
		p.chart(i)
	}
	p.leftOut(len(d.Charts)-maxDiagrams, "chart")
	for i := range d.Sequences[:min(len(d.Sequences), maxDiagrams)] {
		p.sequence(i)
	}
	p.leftOut(len(d.Sequences)-maxDiagrams, "sequence")
	for i := range d.Tables[:min(len(d.Tables), maxTables)] {
		p.table(i)
	}
	p.leftOut(len(d.Tables)-maxTables, "table")
	p.remarks()
}

// head writes everything down to the sums. The policy says that the page
// loads nothing, whatever a peer's text tries.
func (p sheet) head() {
	fmt.Fprintf(p, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="waypost">
<title>%s</title>
<style>
%s</style>
</head>
<body>
<header>
<h1>%s</h1>
`, harmless(p.d.Title), pageCSS, harmless(p.d.Title))
	p.paragraphs(p.d.Summary)
	if len(p.d.Sums) > 0 {
		fmt.Fprint(p, `<dl class="sums">`)
		for _, s := range p.d.Sums[:min(len(p.d.Sums), maxSums)] {
			fmt.Fprintf(p, `<div><dt>%s</dt><dd>%s</dd>`, harmless(s.Name), harmless(s.Value))
			if s.Note != "" {
				fmt.Fprintf(p, `<dd class="with">%s</dd>`, harmless(s.Note))
			}
			fmt.Fprint(p, "</div>")
		}
		fmt.Fprintln(p, "</dl>")
		p.leftOut(len(p.d.Sums)-maxSums, "number")
	}
	fmt.Fprintln(p, "</header>")
}

// entry is a line of the table of contents.
type entry struct{ id, title string }

// contents lists the sections where there are several; of a document with
// parts, its own and the parts.
func (p sheet) contents() {
	entries := p.entries()
	for i := range p.d.Parts[:min(len(p.d.Parts), maxParts)] {
		entries = append(entries, entry{fmt.Sprintf("part-%d", i+1), join(" · ", p.d.Parts[i].Name, p.d.Parts[i].Title)})
	}
	if len(p.d.Parts) == 1 {
		entries = append(entries, p.partOf(0).entries()...)
	}
	if len(entries) < 3 {
		return
	}
	fmt.Fprint(p, `<nav aria-label="Contents"><ul>`)
	for _, e := range entries {
		fmt.Fprintf(p, `<li><a href="#%s">%s</a></li>`, e.id, escape(strings.TrimSpace(column(e.title, 60))))
	}
	fmt.Fprintln(p, "</ul></nav>")
}

// entries are the sections of a document, or of a part of it.
func (p sheet) entries() []entry {
	var entries []entry
	for i, l := range p.d.Loads[:min(len(p.d.Loads), maxLoads)] {
		entries = append(entries, entry{fmt.Sprintf("%sload-%d", p.prefix, i+1), p.named(p.loadTitle(i) + " " + l.URL)})
	}
	for i, c := range p.d.Charts[:min(len(p.d.Charts), maxDiagrams)] {
		entries = append(entries, entry{fmt.Sprintf("%schart-%d", p.prefix, i+1), p.named(c.Title)})
	}
	for i, q := range p.d.Sequences[:min(len(p.d.Sequences), maxDiagrams)] {
		entries = append(entries, entry{fmt.Sprintf("%ssequence-%d", p.prefix, i+1), p.named(q.Title)})
	}
	for i, t := range p.d.Tables[:min(len(p.d.Tables), maxTables)] {
		entries = append(entries, entry{fmt.Sprintf("%stable-%d", p.prefix, i+1), p.named(t.Title)})
	}
	return entries
}

// section opens a part of the page; the caller closes it.
func (p sheet) section(id, title, summary string) {
	fmt.Fprintf(p, "<section id=\"%s\" aria-labelledby=\"%s-h\">\n<h%d id=\"%s-h\">%s</h%d>\n", id, id, p.level, id, harmless(title), p.level)
	p.paragraphs(summary)
}

func (p sheet) endSection() { fmt.Fprintln(p, "</section>") }

// scroll opens a box that a wide thing scrolls in, by keyboard too.
func (p sheet) scroll(name string) {
	fmt.Fprintf(p, `<div class="scroll" tabindex="0" role="region" aria-label="%s">`+"\n", harmless(name))
}

func (p sheet) endScroll() { fmt.Fprintln(p, "</div>") }

func (p sheet) chart(i int) {
	c, id := &p.d.Charts[i], fmt.Sprintf("%schart-%d", p.prefix, i+1)
	p.section(id, p.named(c.Title), c.Summary)
	p.scroll(c.Title)
	writeChart(picture{p.Writer}, id, c)
	p.endScroll()
	p.leftOut(len(c.Panels)-maxPanels, "panel")
	p.turns(c)
	p.endSection()
}

// turns explains the numbers of a chart.
func (p sheet) turns(c *Chart) {
	notes := orderedNotes(c.Notes)
	if len(notes) == 0 {
		return
	}
	end := chartEnd(c, nil)
	if c.Trail != nil {
		end = chartEnd(c, ordered(c.Trail))
	}
	fmt.Fprintln(p, `<ol class="turns">`)
	for i, n := range notes[:min(len(notes), maxTurns)] {
		fmt.Fprintf(p, `<li><span class="no">%d</span> <span class="when">%s</span> <b>%s</b>`, i+1, clock(n.At, end), harmless(n.Short))
		if n.Lane >= 0 && c.Trail != nil {
			fmt.Fprintf(p, ` <span class="dimmed">at %s</span>`, harmless(laneName(c.Trail, n.Lane)))
		}
		fmt.Fprintf(p, "<br>%s", harmless(n.Text))
		if n.Clause != "" {
			fmt.Fprintf(p, " %s", clauseLink(n.Clause))
		}
		fmt.Fprintln(p, "</li>")
	}
	fmt.Fprintln(p, "</ol>")
	p.leftOut(len(notes)-maxTurns, "later note")
}

func (p sheet) sequence(i int) {
	q, id := &p.d.Sequences[i], fmt.Sprintf("%ssequence-%d", p.prefix, i+1)
	segments := ordered(q)
	p.section(id, p.named(q.Title), q.Summary)
	if len(segments) > maxRungs && !p.charted(q) && len(q.Lanes) > 0 && numbered(segments) {
		plot := Chart{Title: q.Title + ", time against sequence number", Trail: q, Notes: q.Notes}
		p.scroll(plot.Title)
		writeChart(picture{p.Writer}, id+"-trail", &plot)
		p.endScroll()
	}
	p.scroll(q.Title)
	writeLadder(picture{p.Writer}, id, q, segments)
	p.endScroll()
	if s := leftOut(q, segments, maxTurns); s != "" {
		fmt.Fprintf(p, "<p class=\"left\">%s.</p>\n", escape(s))
	}
	p.states(q, endOf(q, segments))
	p.list(q, segments)
	p.endSection()
}

// charted reports whether a chart of the page has the plot of q already.
func (p sheet) charted(q *Sequence) bool {
	for i := range p.d.Charts {
		if t := p.d.Charts[i].Trail; t != nil && (t == q || t.Title == q.Title) {
			return true
		}
	}
	return false
}

// numbered reports whether segments carry sequence numbers to plot.
func numbered(segments []Segment) bool {
	for i := range segments {
		if segments[i].Bytes > 0 && segments[i].Seq > 0 {
			return true
		}
	}
	return false
}

// states writes what moved the hosts from state to state, where it is known.
func (p sheet) states(q *Sequence, end time.Duration) {
	var all []State
	for lane := range q.Lanes[:min(len(q.Lanes), maxLanes)] {
		all = append(all, statesOf(q, lane, end)...)
	}
	if !slices.ContainsFunc(all, func(s State) bool { return s.Why != "" }) {
		return
	}
	slices.SortStableFunc(all, func(a, b State) int { return cmp.Compare(a.At, b.At) })
	title := count(len(all), "state") + ", and what led to them"
	fmt.Fprintf(p, "<details><summary>%s</summary>\n", title)
	p.scroll(title)
	fmt.Fprintln(p, "<table><thead><tr><th>from</th><th>host</th><th>state</th><th>because</th></tr></thead><tbody>")
	for _, s := range all {
		fmt.Fprintf(p, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s", clock(s.At, end), harmless(laneName(q, s.Lane)), harmless(s.Name), harmless(s.Why))
		if s.Clause != "" {
			fmt.Fprintf(p, " %s", clauseLink(s.Clause))
		}
		fmt.Fprintln(p, "</td></tr>")
	}
	fmt.Fprintln(p, "</tbody></table>")
	p.endScroll()
	fmt.Fprintln(p, "</details>")
}

// list writes a ladder's segments as text.
func (p sheet) list(q *Sequence, segments []Segment) {
	end := endOf(q, segments)
	n := min(len(segments), maxListed)
	title := count(len(segments), "segment") + " as text"
	if n < len(segments) {
		title = fmt.Sprintf("The first %d of %d segments as text", n, len(segments))
	}
	fmt.Fprintf(p, "<details><summary>%s</summary>\n", title)
	p.scroll(title)
	fmt.Fprintln(p, "<table><thead><tr><th>sent</th><th>arrived</th><th>from → to</th><th>what</th><th>segment</th></tr></thead><tbody>")
	for i := range segments[:n] {
		s := &segments[i]
		arrived := clock(s.Arrived, end)
		if s.Lost != "" {
			arrived = "lost: " + s.Lost
		}
		fmt.Fprintf(p, "<tr><td>%s</td><td>%s</td><td>%s → %s</td><td>%s</td><td class=\"mono\">%s</td></tr>\n", clock(s.Sent, end), harmless(arrived), harmless(laneName(q, s.From)), harmless(laneName(q, s.To)), kindWords(s.Kind), harmless(s.Label))
	}
	fmt.Fprintln(p, "</tbody></table>")
	p.endScroll()
	fmt.Fprintln(p, "</details>")
}

func (p sheet) table(i int) {
	t, id := &p.d.Tables[i], fmt.Sprintf("%stable-%d", p.prefix, i+1)
	p.section(id, p.named(t.Title), t.Summary)
	p.scroll(t.Title)
	fmt.Fprint(p, "<table><thead><tr>")
	for _, h := range t.Head {
		fmt.Fprintf(p, "<th scope=\"col\">%s</th>", harmless(h))
	}
	fmt.Fprintln(p, "</tr></thead><tbody>")
	for _, row := range t.Rows[:min(len(t.Rows), maxTableRows)] {
		fmt.Fprint(p, "<tr>")
		for k := range t.Head {
			cell := ""
			if k < len(row) {
				cell = row[k]
			}
			fmt.Fprintf(p, "<td>%s</td>", harmless(cell))
		}
		fmt.Fprintln(p, "</tr>")
	}
	fmt.Fprintln(p, "</tbody></table>")
	p.endScroll()
	p.leftOut(len(t.Rows)-maxTableRows, "row")
	p.endSection()
}

func (p sheet) remarks() {
	if len(p.d.Notes) == 0 {
		return
	}
	p.section(p.prefix+"notes", p.named("Notes"), "")
	for _, n := range p.d.Notes[:min(len(p.d.Notes), maxRemarks)] {
		p.paragraphs(n)
	}
	p.leftOut(len(p.d.Notes)-maxRemarks, "note")
	p.endSection()
}

// leftOut says that n more were left out, where n is positive.
func (p sheet) leftOut(n int, noun string) {
	if n > 0 {
		fmt.Fprintf(p, "<p class=\"left\">%s left out.</p>\n", count(n, noun))
	}
}

// paragraphs writes text with a paragraph for each part between blank lines.
func (p sheet) paragraphs(s string) {
	for _, part := range strings.Split(cut(s), "\n\n") {
		if part = strings.Join(strings.Fields(part), " "); part != "" {
			fmt.Fprintf(p, "<p>%s</p>\n", escape(part))
		}
	}
}

// harmless makes a text of a document harmless and bounded.
func harmless(s string) string { return escape(cut(s)) }

// cut bounds a text and says that it did.
func cut(s string) string { return cutAt(s, maxText) }

func cutAt(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + fmt.Sprintf("… (%d more bytes left out)", len(s)-end)
}
