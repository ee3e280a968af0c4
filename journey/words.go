package journey

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// place is where something stands in a journey's file; line and column count
// from 1, the column in characters.
type place struct{ line, column int }

// word is one word of a statement with its quotes taken away.
type word struct {
	text   string
	place  place
	quoted bool // some of it stood in quotes: it is no keyword
}

// is reports whether w is that keyword.
func (w word) is(keyword string) bool { return !w.quoted && w.text == keyword }

// line is one statement: its words. A line that ends in a backslash goes on
// in the next one.
type line struct {
	place place
	text  string // as it stands, for the report
	words []word
}

// Limits of a script. They keep a broken file from costing more than a
// message.
const (
	maxText       = 16 << 20 // bytes of a journey with its files: some hundred times a long one
	maxStatements = 10_000
	maxWords      = 200 // of one statement
	maxProblems   = 50  // told at once
)

// readLines splits the script into statements. Comments begin with # at the
// beginning of a word.
func (p *parser) readLines(script string) []line {
	var lines []line
	rows := strings.Split(script, "\n")
	if !p.isText(rows) {
		return nil
	}
	for i := 0; i < len(rows); i++ {
		l := line{place: place{i + 1, 1}}
		for {
			row := strings.TrimSuffix(rows[i], "\r")
			body, goesOn := strings.CutSuffix(row, `\`)
			if l.text != "" {
				l.text += " "
			}
			l.text += strings.TrimSpace(body)
			l.words = p.readWords(l.words, body, i+1)
			if !goesOn || i+1 == len(rows) {
				break
			}
			i++
		}
		if len(l.words) == 0 {
			continue
		}
		l.place = l.words[0].place
		if len(l.words) > maxWords {
			p.fail(l.place, "the statement has %d words; %d at most", len(l.words), maxWords)
			continue
		}
		if lines = append(lines, l); len(lines) > maxStatements {
			p.fail(l.place, "more than %d statements", maxStatements)
			return nil
		}
	}
	if len(lines) == 0 && len(p.problems) == 0 {
		p.fail(place{1, 1}, "there is no statement: waypost lab new writes a journey to begin with")
	}
	return lines
}

// isText refuses what no editor writes, once: it is another kind of file, or
// would drive the terminal that the journey is shown on.
func (p *parser) isText(rows []string) bool {
	for i, row := range rows {
		row = strings.TrimSuffix(row, "\r")
		column := 0
		for at, r := range row {
			column++
			_, size := utf8.DecodeRuneInString(row[at:])
			switch {
			case r == utf8.RuneError && size == 1:
				p.fail(place{i + 1, column}, "byte 0x%02x: a journey is text in UTF-8", row[at])
				return false
			case unicode.IsControl(r) && r != '\t':
				p.fail(place{i + 1, column}, "%U is a control character: in quotes, write \\xHH", r)
				return false
			}
		}
	}
	return true
}

// readWords appends the words of one row.
func (p *parser) readWords(words []word, row string, number int) []word {
	for i := 0; i < len(row); {
		if row[i] == ' ' || row[i] == '\t' {
			i++
			continue
		}
		if row[i] == '#' {
			break
		}
		w, n, err := readWord(row[i:])
		w.place = place{number, utf8.RuneCountInString(row[:i]) + 1}
		if err != nil {
			p.fail(place{number, utf8.RuneCountInString(row[:i+n]) + 1}, "%v", err)
			return words
		}
		words = append(words, w)
		i += n
	}
	return words
}

// readWord reads the word that s begins with and says how many bytes it took.
// Quotes may stand anywhere in it: clause="RFC 9111 §4.2".
func readWord(s string) (w word, n int, err error) {
	var b strings.Builder
	for n < len(s) && s[n] != ' ' && s[n] != '\t' {
		switch s[n] {
		case '"':
			text, m, err := readQuoted(s[n:])
			if err != nil {
				return w, n, err
			}
			b.WriteString(text)
			w.quoted = true
			n += m
		case '`':
			end := strings.IndexByte(s[n+1:], '`')
			if end < 0 {
				return w, n, fmt.Errorf("the back quote is not closed")
			}
			b.WriteString(s[n+1 : n+1+end])
			w.quoted = true
			n += end + 2
		default:
			b.WriteByte(s[n])
			n++
		}
	}
	w.text = b.String()
	return w, n, nil
}

// readQuoted reads a string in double quotes: \n \r \t \0 \" \\ and \xHH are
// what they are elsewhere; \* stays as it is, for patterns.
func readQuoted(s string) (text string, n int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i + 1, nil
		case '\\':
			i++
			if i == len(s) {
				return "", 0, fmt.Errorf("the quote is not closed")
			}
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			case '0':
				b.WriteByte(0)
			case '"', '\\':
				b.WriteByte(s[i])
			case '*', '?':
				b.WriteString(s[i-1 : i+1])
			case 'x':
				if i+2 >= len(s) {
					return "", 0, fmt.Errorf("the quote is not closed")
				}
				v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
				if err != nil {
					return "", 0, fmt.Errorf(`\x%s: two hexadecimal digits are wanted`, s[i+1:i+3])
				}
				b.WriteByte(byte(v))
				i += 2
			default:
				return "", 0, fmt.Errorf("\\%c is no escape; there are \\n \\r \\t \\0 \\\" \\\\ \\xHH, and `…` takes everything as it is", s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, fmt.Errorf("the quote is not closed")
}
