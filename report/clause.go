package report

import (
	"fmt"
	"strings"
)

// clauseLink writes a clause as HTML. One of an RFC leads to its text; the
// page itself loads nothing.
func clauseLink(clause string) string {
	text := escape(clause)
	rest, ok := strings.CutPrefix(clause, "RFC ")
	if !ok {
		return `<span class="clause">` + text + `</span>`
	}
	number := digits(rest)
	if number == "" || len(number) > 5 { // as long as an RFC's number may get
		return `<span class="clause">` + text + `</span>`
	}
	at := ""
	if _, section, ok := strings.Cut(rest, "§"); ok {
		if s := strings.TrimRight(digits(section), "."); s != "" && len(s) < 16 {
			at = "#section-" + s
		}
	}
	return fmt.Sprintf(`<a class="clause" rel="noreferrer" href="https://www.rfc-editor.org/rfc/rfc%s%s">%s</a>`, strings.TrimRight(number, "."), at, text)
}

// digits is the number, with points, that text begins with.
func digits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789."))]
}
