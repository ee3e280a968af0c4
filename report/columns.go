package report

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxCell bounds a column of a table in a terminal.
const maxCell = 48

// Columns writes a table for a terminal, without its title. What exceeds the
// limits is left out, and it says so.
func Columns(w io.Writer, t *Table, s Style) error {
	out := bufio.NewWriter(w)
	rows := t.Rows[:min(len(t.Rows), maxTableRows)]
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, rows...) {
		for i := range widths {
			if i < len(row) {
				widths[i] = min(max(widths[i], utf8.RuneCountInString(safe(row[i]))), maxCell)
			}
		}
	}
	write := func(row []string, c ink) {
		line := ""
		for i, wide := range widths {
			cell := ""
			if i < len(row) {
				cell = safe(row[i])
			}
			line += "  " + column(cell, wide)
		}
		fmt.Fprintln(out, s.paint(c, line))
	}
	write(t.Head, faint)
	for _, row := range rows {
		write(row, "")
	}
	if n := len(t.Rows) - len(rows); n > 0 {
		fmt.Fprintln(out, s.paint(yellow, fmt.Sprintf("  %s left out", count(n, "row"))))
	}
	return out.Flush()
}
