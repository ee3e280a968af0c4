package cache

import (
	"strings"
	"time"

	"waypost/http/field"
)

// directive is one member of a Cache-Control field (RFC 9111 §5.2).
type directive struct {
	name   string
	arg    string // without the quotes
	hasArg bool
	// broken: it is not in the grammar, as with whitespace around "=" or a
	// quoted string that does not end. What it says is then taken in the
	// most cautious sense.
	broken bool
	// unclosed: a quoted string does not end.
	unclosed bool
}

// nextDirective cuts the first directive off a Cache-Control value. Empty
// members are skipped (RFC 9110 §5.6.1.2); ok is false at the end.
//
// A quoted string hides commas, unless it does not end: then nothing is
// hidden, so that a stray quote cannot swallow a no-store.
func nextDirective(s string) (d directive, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t,")
	if s == "" {
		return directive{}, "", false
	}
	end, equals := len(s), -1
	closed := -1 // where the argument's quoted string ends
scan:
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',':
			end = i
			break scan
		case '=':
			if equals < 0 {
				equals = i
			}
		case '"':
			j := closingQuote(s, i)
			if j < 0 {
				d.broken, d.unclosed = true, true
				continue
			}
			if equals == i-1 {
				closed = j
			}
			i = j
		}
	}
	member := strings.TrimRight(s[:end], " \t")
	rest = s[end:]
	if equals < 0 {
		d.name = member
		return d, rest, true
	}
	d.name, d.arg, d.hasArg = member[:equals], member[equals+1:], true
	if t := strings.TrimRight(d.name, " \t"); t != d.name {
		d.name, d.broken = t, true
	}
	switch {
	case closed >= 0 && closed == len(member)-1:
		d.arg = member[equals+2 : closed]
	case closed >= 0 || strings.ContainsAny(d.arg, " \t\""):
		d.broken = true
	}
	return d, rest, true
}

// closingQuote returns the index of the quote that ends the quoted string
// which begins at s[open], or -1.
func closingQuote(s string, open int) int {
	for i := open + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// maxDelta is what larger delta-seconds count as (RFC 9111 §1.2.2).
const maxDelta = 1 << 31 * time.Second

// deltaSeconds reads the digits of delta-seconds (RFC 9111 §1.2.2).
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	n := time.Duration(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n < maxDelta {
			n = n*10 + time.Duration(s[i]-'0')*time.Second
		}
	}
	return min(n, maxDelta), true
}

// delta is the value of a directive that takes delta-seconds.
type delta struct {
	value time.Duration
	given bool
	// invalid: no number, or two that differ. The value is then 0.
	invalid bool
}

// take adds one occurrence. Where two differ, neither counts: RFC 9111
// §4.2.1 leaves the first or none, and none is the cautious one.
func (x *delta) take(d directive) {
	v, ok := deltaSeconds(d.arg)
	if !ok || d.broken || x.given && x.value != v {
		x.invalid, v = true, 0
	}
	if x.invalid {
		v = 0
	}
	x.given, x.value = true, v
}

// window is how long the directive permits something; -1 where it is absent.
func (x *delta) window() time.Duration {
	if !x.given {
		return -1
	}
	return x.value
}

// fieldNames reads the argument of a qualified directive (RFC 9111
// §5.2.2.4). It reports false for what is no list of field names: the
// directive then counts as unqualified, which says more.
func fieldNames(d directive) (names []string, ok bool) {
	if !d.hasArg || d.broken {
		return nil, false
	}
	for name := range field.Elements(d.arg) {
		if !isToken(name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
