package node

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a configuration, and where.
type Problem struct {
	File      string
	Line, Col int
	Key       string // the key meant, e.g. sites[0].origin.urls
	What      string // what is wrong, and the mend
}

func (p Problem) Error() string {
	at := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Col)
	if p.Key != "" {
		at += p.Key + ": "
	}
	return at + p.What
}

// Problems is all that is wrong with a configuration, by line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// nearest returns the known key that a typing error may have meant: at most
// a third of its letters differ.
func nearest(key string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := distance(key, k); d <= (len(k)+2)/3 && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
