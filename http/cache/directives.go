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
}

// parseDirective reads one member of a Cache-Control field.
func parseDirective(member string) directive {
	d := directive{name: member}
	equals := strings.IndexByte(member, '=')
	if equals < 0 {
		return d
	}
	d.name, d.arg, d.hasArg = trim(member[:equals]), member[equals+1:], true
	d.broken = len(d.name) != equals
	switch {
	case d.arg != "" && d.arg[0] == '"' && closingQuote(d.arg, 0) == len(d.arg)-1:
		d.arg = d.arg[1 : len(d.arg)-1]
	case strings.ContainsAny(d.arg, " \t\""):
		d.broken = true
	}
	return d
}

// maxDelta is what larger delta-seconds count as (RFC 9111 §1.2.2).
const maxDelta = 1 << 31 * time.Second

// deltaSeconds reads the digits of delta-seconds (RFC 9111 §1.2.2).
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int64(s[i]-'0'), int64(maxDelta/time.Second))
	}
	return time.Duration(n) * time.Second, true
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
		if c := s[i]; c >= 0x80 || tokenBits[c>>6]>>(c&63)&1 == 0 {
			return false
		}
	}
	return s != ""
}

// tokenBits has a bit for each tchar: digits, letters and !#$%&'*+-.^_`|~.
var tokenBits = [2]uint64{0x03ff6cfa00000000, 0x57ffffffc7fffffe}
