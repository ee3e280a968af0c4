package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	mdns "github.com/miekg/dns"
)

// maxRecords bounds what one zone file may hold: a million records are some
// hundreds of megabytes. Zones of that size want a database, not a file.
const maxRecords = 1 << 20

// maxTTL is the largest TTL (RFC 2181 §8).
const maxTTL = 1<<31 - 1

// ParseZone reads a zone file in the master file format of RFC 1035 §5 with
// $ORIGIN and $TTL (RFC 2308 §4). $INCLUDE and $GENERATE are refused: a zone
// is one file that says what it means. file stands in messages.
//
// Every error begins with file:line. One in the syntax ends the reading;
// those in the content are collected, ten at most, and joined.
func ParseZone(r io.Reader, origin Name, file string) (*Zone, error) {
	if !origin.Valid() {
		return nil, fmt.Errorf("%s: the zone's origin is no name", file)
	}
	records, err := readRecords(r, origin, file)
	if err != nil {
		return nil, err
	}
	return buildZone(records, origin, file)
}

// zoneRecord is one record and where it stands.
type zoneRecord struct {
	rr   mdns.RR
	name Name
	data rdata
	line int
}

// readRecords reads all records of a file.
func readRecords(r io.Reader, origin Name, file string) ([]zoneRecord, error) {
	lines := &lineReader{r: bufio.NewReader(r), line: 1, fresh: true, waiting: true}
	parser := mdns.NewZoneParser(lines, origin.String(), "")
	var records []zoneRecord
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		at := lines.record
		lines.waiting = true
		if len(records) == maxRecords {
			return nil, fmt.Errorf("%s:%d: more than %d records", file, at, maxRecords)
		}
		h := rr.Header()
		name, err := ParseName(h.Name)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, at, err)
		}
		data, err := packRdata(rr)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s %s: %w", file, at, name, TypeString(h.Rrtype), err)
		}
		records = append(records, zoneRecord{rr, name, data, at})
	}
	if err := parser.Err(); err != nil {
		return nil, syntaxError(err, file, lines.line)
	}
	return records, nil
}

// parserWords is how the parser's messages end, e.g.
// `dns: not a TTL: "x" at line: 3:5`.
var parserWords = regexp.MustCompile(`^dns: (?s:(.*)) at line: (\d+):(\d+)$`)

// notTTL is what the parser says of a word that stands where a time to live
// or a type may stand, and is no type it knows. One that begins with a letter
// was not meant to be a time.
var notTTL = regexp.MustCompile(`^not a TTL: ("[A-Za-z_].*")$`)

// syntaxError puts the place in front of the parser's message.
func syntaxError(err error, file string, line int) error {
	var parse *mdns.ParseError
	if errors.As(err, &parse) {
		if m := parserWords.FindStringSubmatch(parse.Error()); m != nil {
			what := m[1]
			if w := notTTL.FindStringSubmatch(what); w != nil {
				what = "unknown type " + w[1]
			}
			return fmt.Errorf("%s:%s:%s: %s", file, m[2], m[3], what)
		}
	}
	return fmt.Errorf("%s:%d: %w", file, line, err)
}

// lineReader hands a zone file to the parser octet by octet and follows it
// just closely enough to know on which line each record begins, which the
// parser does not tell.
type lineReader struct {
	r    *bufio.Reader
	line int // of the octet read last

	waiting bool // the next record has not begun
	record  int  // line on which the latest record began

	fresh     bool // at the beginning of a line outside parentheses and quotes
	directive bool // on a line that begins with $
	word      []byte
	depth     int // open parentheses
	quoted    bool
	comment   bool
	escaped   bool
}

// Read makes a lineReader an io.Reader; the parser uses ReadByte.
func (l *lineReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := l.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// ReadByte returns the next octet, or an error at a directive that is not
// taken.
func (l *lineReader) ReadByte() (byte, error) {
	c, err := l.r.ReadByte()
	if err != nil {
		return 0, err
	}
	switch {
	case c == '\n':
		l.newline()
		l.line++
		return c, l.refused()
	case l.comment:
		return c, nil
	case l.escaped:
		l.escaped = false
	case c == '\\':
		l.escaped = true
	case c == '"':
		l.quoted = !l.quoted
	case l.quoted:
	case c == ';':
		l.comment, l.fresh = true, false
		return c, nil
	case c == '(':
		l.depth++
	case c == ')':
		l.depth = max(l.depth-1, 0)
	}
	if c == ' ' || c == '\t' || c == '\r' {
		err := l.refused()
		l.fresh = false
		return c, err
	}
	if l.fresh && c == '$' {
		l.directive = true
	}
	if l.directive && len(l.word) < len("$GENERATE")+1 {
		l.word = append(l.word, c)
	}
	if l.waiting && !l.directive {
		l.waiting, l.record = false, l.line
	}
	l.fresh = false
	return c, nil
}

// newline forgets what a line's end ends.
func (l *lineReader) newline() {
	l.comment, l.escaped = false, false
	if l.depth == 0 && !l.quoted {
		l.fresh = true
	}
}

// refused checks the directive that has just been read, and forgets it at
// the end of its line.
func (l *lineReader) refused() error {
	word := strings.ToUpper(string(l.word))
	l.word = l.word[:0]
	if l.fresh {
		l.directive = false
	}
	switch word {
	case "$INCLUDE":
		return errors.New("$INCLUDE is not taken: a zone is one file")
	case "$GENERATE":
		return errors.New("$GENERATE is not taken: write the records out, or use a wildcard")
	}
	return nil
}
