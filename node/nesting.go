package node

import "strings"

const (
	// maxConfig bounds a configuration file: thousands of sites fit, and the
	// parser takes a multiple of the text.
	maxConfig = 4 << 20
	// maxNesting bounds its depth. Its own shape is seven deep, and the
	// parser's memory grows with the square of the depth.
	maxNesting = 64
)

// tooDeep returns the first line on which brackets, or the dashes of lists in
// lists, nest too deeply; 0 if there is none. A quote ends with its line here,
// which is exact enough for a bound.
func tooDeep(text []byte) int {
	open := 0
	for i, line := range strings.Split(string(text), "\n") {
		dashes := 0
		for rest, ok := line, true; ok; dashes++ {
			rest, ok = cutMark(rest)
		}
		if open = brackets(open, line); open > maxNesting || dashes > maxNesting {
			return i + 1
		}
	}
	return 0
}

// cutMark cuts a mark that may stand before another value: a list's dash, or
// the question mark of a complex key.
func cutMark(line string) (rest string, ok bool) {
	line = strings.TrimLeft(line, " ")
	if rest, ok = strings.CutPrefix(line, "- "); ok {
		return rest, true
	}
	return strings.CutPrefix(line, "? ")
}

// brackets returns how many are open after a line, or the most that were open
// at once where that is too many.
func brackets(open int, line string) int {
	quote := rune(0)
	for i, c := range line {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' '):
			return open // a comment
		case c == '[' || c == '{':
			if open++; open > maxNesting {
				return open
			}
		case c == ']' || c == '}':
			open = max(0, open-1)
		}
	}
	return open
}
