// Package report holds the views of a record: the steps, the waterfall and
// the difference of two loads, ladders and curves of what went between hosts,
// for a terminal and as a page that stands alone. Stations note facts; only
// this package puts them into words.
//
// It is read in this order. Page loads: rows.go, then steps.go, waterfall.go,
// diff.go, svg.go, and words.go for the sentences. What goes between hosts:
// sequence.go and chart.go are the nouns, connection.go and windows.go read
// them out of a record, kinds.go, order.go and fold.go choose what is shown,
// ladder.go, curves.go and columns.go draw for a terminal, picture.go,
// svg_ladder.go, svg_chart.go and svg_trail.go for a page. The page:
// document.go, page.go, page_load.go, page.css. limits.go bounds all of it.
package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Style is how a view is written. The zero value is plain text for a pipe.
type Style struct {
	Colour bool // use ANSI colours
	Width  int  // columns; 0 means 100
}

func (s Style) width() int {
	if s.Width == 0 {
		return 100
	}
	return max(60, s.Width) // narrower leaves no room for the bars
}

// ink is an ANSI SGR colour.
type ink string

const (
	bold   ink = "1"
	faint  ink = "2"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
	blue   ink = "34"
	purple ink = "35"
	cyan   ink = "36"
	grey   ink = "90"
)

func (s Style) paint(c ink, text string) string {
	if !s.Colour || text == "" || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// column pads or cuts text to n columns.
func column(text string, n int) string {
	r := []rune(text)
	if len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text + strings.Repeat(" ", n-len(r))
}

// ms writes a duration in milliseconds with the digits that matter.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f ms", v)
	case v >= 10:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.2f ms", v)
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// count writes "1 request", "2 requests".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// verdictInk colours a verdict by how good it is.
func verdictInk(verdict string) ink {
	switch verdict {
	case "hit", "fresh", "trusted", "stored", "delivered", "304":
		return green
	case "miss", "stale", "validate", "revalidate", "pass", "redirect", "collapsed":
		return yellow
	case "refused", "untrusted", "timeout", "failed", "blocked", "undelivered", "abandoned":
		return red
	}
	return bold
}

// safe makes peer text harmless on a terminal: control characters are shown,
// not obeyed, and bytes that are no UTF-8 are replaced.
func safe(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !isControl(r):
			b.WriteRune(r)
		case r > 0xff:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			fmt.Fprintf(&b, "\\x%02x", r)
		}
	}
	return b.String()
}

// isControl reports whether a terminal may obey r instead of showing it: the
// controls C0 and C1, and those that turn the direction of the text (UAX #9).
func isControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// Failure marks the start of an error message.
func (s Style) Failure(text string) string { return s.paint(red, text) }

// Title marks a heading.
func (s Style) Title(text string) string { return s.paint(bold, text) }

// Note marks what matters less.
func (s Style) Note(text string) string { return s.paint(faint, text) }
