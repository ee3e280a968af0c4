package wire

import (
	"bytes"
	"fmt"
	"strings"

	"waypost/http/field"
)

// refusal says why a message is not taken: the status that a server answers
// with and what is wrong, in a few words for the one who sent it.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// maxQuoted bounds how much of a peer's text a refusal repeats.
const maxQuoted = 40

// quote is b for a message, shortened and with everything unprintable
// escaped.
func quote[T string | []byte](b T) string {
	if len(b) > maxQuoted {
		return fmt.Sprintf("%q…", string(b[:maxQuoted]))
	}
	return fmt.Sprintf("%q", string(b))
}

// nextLine cuts the first line off b: the bytes before CRLF and the number
// of bytes with it, 0 when the line is not complete yet. A CR or LF that is
// not part of CRLF is refused: RFC 9112 §2.2 lets a recipient take a bare LF
// as the end of a line, and that leniency is what smuggling lives on.
func nextLine(b []byte) (line []byte, n int, bad *refusal) {
	lf := bytes.IndexByte(b, '\n')
	if lf < 0 {
		if cr := bytes.IndexByte(b, '\r'); cr >= 0 && cr < len(b)-1 {
			return nil, 0, refuse(400, "bare CR in %s", quote(b))
		}
		return nil, 0, nil
	}
	if lf == 0 || b[lf-1] != '\r' {
		return nil, 0, refuse(400, "bare LF after %s", quote(b[:lf]))
	}
	line = b[:lf-1]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, 0, refuse(400, "bare CR in %s", quote(line))
	}
	return line, lf + 1, nil
}

// parseFieldLine reads "name: value" (RFC 9112 §5). The strings lie over
// line.
func parseFieldLine(line []byte) (l field.Line, bad *refusal) {
	if line[0] == ' ' || line[0] == '\t' {
		return l, refuse(400, "folded field line %s", quote(line)) // RFC 9112 §5.2
	}
	colon := 0
	for colon < len(line) && classes[line[colon]]&classToken != 0 {
		colon++
	}
	switch {
	case colon == len(line):
		return l, refuse(400, "field line without colon: %s", quote(line))
	case line[colon] != ':' && (line[colon] == ' ' || line[colon] == '\t'):
		return l, refuse(400, "white space in or after the field name in %s", quote(line)) // RFC 9112 §5.1
	case line[colon] != ':':
		return l, refuse(400, "invalid character %q in the field name in %s", line[colon], quote(line))
	case colon == 0:
		return l, refuse(400, "empty field name in %s", quote(line))
	}
	l.Name = str(line[:colon])
	value := line[colon+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
		value = value[:n-1]
	}
	l.Value = str(value)
	if !validValue(l.Value) {
		return l, refuse(400, "control character in the value of %s: %s", l.Name, quote(l.Value))
	}
	return l, nil
}

// connectionFacts is what the fields about the connection and the framing
// said; they do not go into the end-to-end fields.
type connectionFacts struct {
	host        string
	hosts       int
	length      string // Content-Length as sent
	lengths     int
	lengthsVary bool
	coding      string // the Transfer-Encoding lines, joined
	codings     int
	upgrade     string
	expect      string
	expects     int
	te          bool // TE lists "trailers"

	optClose, optKeepAlive, optUpgrade bool
	// nominated tells that Connection names other fields, so that a second
	// look is needed to drop them.
	nominated bool
	options   string // the Connection lines, joined
}

// take consumes a field about the connection, and reports whether it was one.
// What counts is told apart by length first: most fields are not.
func (c *connectionFacts) take(l field.Line) bool {
	switch len(l.Name) {
	case 4:
		if field.Is(l.Name, "Host") {
			c.host = l.Value
			c.hosts++
			return true
		}
		return false
	case 2, 6, 7, 10, 14, 16, 17:
		if !connectionField(l.Name) {
			return false
		}
	default:
		return false
	}
	switch l.Name[0] | 0x20 {
	case 'c':
		if len(l.Name) == 14 {
			c.lengthsVary = c.lengthsVary || c.lengths > 0 && c.length != l.Value
			c.length = l.Value
			c.lengths++
			return true
		}
		c.connection(l.Value)
	case 't':
		if len(l.Name) == 2 {
			for e := range field.Elements(l.Value) {
				c.te = c.te || field.Is(e, "trailers")
			}
			return true
		}
		c.coding = joined(c.coding, l.Value, c.codings > 0)
		c.codings++
	case 'u':
		c.upgrade = joined(c.upgrade, l.Value, c.upgrade != "")
	case 'e':
		c.expect = l.Value
		c.expects++
	}
	return true
}

// connection reads the options of a Connection line (RFC 9110 §7.6.1).
func (c *connectionFacts) connection(value string) {
	switch { // the two that nearly everybody sends
	case field.Is(value, "keep-alive"):
		c.optKeepAlive = true
		return
	case field.Is(value, "close"):
		c.optClose = true
		return
	}
	for e := range field.Elements(value) {
		switch {
		case field.Is(e, "close"):
			c.optClose = true
		case field.Is(e, "keep-alive"):
			c.optKeepAlive = true
		case field.Is(e, "upgrade"):
			c.optUpgrade = true
		case connectionField(e):
		default:
			c.nominated = true
		}
	}
	c.options = joined(c.options, value, c.options != "")
}

func joined(old, more string, both bool) string {
	if !both {
		return more
	}
	return strings.Join([]string{old, more}, ", ")
}

// dropNominated removes the fields that Connection names, in place.
func (c *connectionFacts) dropNominated(f field.Fields) field.Fields {
	if !c.nominated {
		return f
	}
	kept := f[:0]
	for _, l := range f {
		drop := false
		for e := range field.Elements(c.options) {
			drop = drop || field.Is(e, l.Name)
		}
		if !drop {
			kept = append(kept, l)
		}
	}
	return kept
}

// parseFields reads field lines up to and with the empty line that ends the
// section. It appends the end-to-end fields to f and returns the number of
// bytes read, 0 when the section is not complete. Facts may be nil, as in a
// trailer section: fields about framing and routing are then dropped (RFC
// 9110 §6.5.1).
func parseFields(b []byte, f field.Fields, facts *connectionFacts, maxCount int) (_ field.Fields, n int, bad *refusal) {
	count := 0
	for {
		line, size, bad := nextLine(b[n:])
		if bad != nil || size == 0 {
			return f, 0, bad
		}
		n += size
		if len(line) == 0 {
			return f, n, nil
		}
		if count++; count > maxCount {
			return f, 0, refuse(431, "more than %d field lines", maxCount)
		}
		l, bad := parseFieldLine(line)
		if bad != nil {
			return f, 0, bad
		}
		if facts != nil {
			if facts.take(l) {
				continue
			}
		} else if connectionField(l.Name) || field.Is(l.Name, "Host") {
			continue
		}
		f = append(f, l)
	}
}
