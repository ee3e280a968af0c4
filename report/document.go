package report

import (
	"io"
	"time"

	"waypost/trace"
)

// Document is a report that stands alone: what happened, in the order in
// which it is read. Empty parts are left out. All text may come from peers:
// the views make it harmless.
type Document struct {
	Title   string
	Summary string // a paragraph under the title; blank lines part paragraphs
	Sums    []Sum
	Loads   []trace.Load
	// Charts are drawn before Sequences: the whole first, then its parts.
	Charts    []Chart
	Sequences []Sequence
	Tables    []Table
	Notes     []string // remarks at the end, a paragraph each
	// Parts are documents of their own that follow, each under its title;
	// what stands in one is titled with its Name before it. Their own Parts
	// and Sums are not drawn.
	Parts []Document
	Name  string // of a part: a word or two; may be empty
}

// Sum is one number that counts, such as "goodput", "8.9 Mbit/s",
// "89 % of the link".
type Sum struct {
	Name, Value string
	Note        string // in what light to see it; may be empty
}

// Table is rows under a head. A row shorter than the head ends in empty
// cells; what is longer is cut.
type Table struct {
	Title, Summary string
	Head           []string
	Rows           [][]string
}

// Note is a remark at a moment of a diagram: where something turned and by
// which rule. A diagram numbers its notes in the order of time, so that a
// chart and a sequence with the same notes number them alike.
type Note struct {
	At     time.Duration // since the start of the diagram
	Lane   int           // index of the host that it is about; Nobody for a link
	Short  string        // two or three words for the diagram: "fast retransmit"
	Text   string        // the whole sentence
	Clause string        // the rule, such as "RFC 5681 §3.2"; may be empty
}

// Nobody is the lane of a note that is about no host.
const Nobody = -1

// HTML writes d as a page that stands alone: no scripts, nothing loaded from
// elsewhere, light and dark, for screen and paper. What exceeds the limits
// (limits.go) is left out and the page says so. The error is w's.
func HTML(w io.Writer, d Document) error {
	return writePage(w, &d)
}
