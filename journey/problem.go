package journey

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a script.
type Problem struct {
	File         string
	Line, Column int
	Text         string
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is all that is wrong with a script, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i := range p {
		texts[i] = p[i].Error()
	}
	return strings.Join(texts, "\n")
}

// nearest returns the known word that a typing error may have meant, or "".
// known is in order of preference.
func nearest(typed string, known []string) string {
	best, distance := "", 3 // more is another word
	for _, k := range known {
		if strings.EqualFold(k, typed) {
			return k
		}
		limit := distance
		if len(k) <= 4 {
			limit = min(limit, 2)
		}
		if d := editDistance(typed, k, limit); d < limit {
			best, distance = k, d
		}
	}
	return best
}

// didYouMean is a suggestion to be put behind a message.
func didYouMean(typed string, known []string) string {
	if k := nearest(typed, known); k != "" {
		return fmt.Sprintf("; did you mean %s?", k)
	}
	return ""
}

// editDistance is how many letters must be changed, left out, put in or
// swapped with their neighbour; limit where it is that many or more.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 || len(b) > 64 {
		return limit
	}
	var before, above, row [66]int
	for j := range len(b) + 1 {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return min(above[len(b)], limit)
}
