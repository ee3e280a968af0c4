package report

import (
	"fmt"
	"strings"
)

// clauseLink writes a clause as HTML.
func clauseLink(clause string) string {
	return `<span class="clause">` + linked(clause, cut(clause)) + `</span>`
}

// linked writes text as a link to the clause that it names, in HTML or SVG,
// where that is one of an RFC. The page itself loads nothing.
func linked(clause, text string) string {
	rest, ok := strings.CutPrefix(clause, "RFC ")
	number := strings.TrimRight(digits(rest), ".")
	if !ok || number == "" || len(number) > 5 || strings.Contains(number, ".") { // five digits: as long as an RFC's number may get
		return escape(text)
	}
	at := ""
	if _, section, ok := strings.Cut(rest, "§"); ok {
		if s := strings.TrimRight(digits(section), "."); s != "" && len(s) < 16 {
			at = "#section-" + s
		}
	}
	return fmt.Sprintf(`<a rel="noreferrer" href="https://www.rfc-editor.org/rfc/rfc%s%s">%s</a>`, number, at, escape(text))
}

// digits is the number, with points, that text begins with.
func digits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789."))]
}
