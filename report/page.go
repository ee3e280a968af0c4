package report

import (
	"bufio"
	"fmt"
	"io"
)

func writePage(w io.Writer, d *Document) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "<!DOCTYPE html>\n<title>%s</title>\n", escape(d.Title))
	return out.Flush()
}
