package cache

// members cuts a list field's value at its commas (RFC 9110 §5.6.1), in one
// pass whatever the value. A quoted string hides commas, unless it does not
// end: from there on nothing is hidden, so that a stray quote cannot swallow
// a no-store.
type members struct {
	rest  string
	plain bool // a quoted string did not end
	done  bool
}

func membersOf(value string) members { return members{rest: value} }

// next returns the next member without the whitespace around it. It may be
// empty; the empty value has one, empty, member.
func (m *members) next() (member string, ok bool) {
	if m.done {
		return "", false
	}
	s := m.rest
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ',':
			m.rest = s[i+1:]
			return trim(s[:i]), true
		case s[i] == '"' && !m.plain:
			if j := closingQuote(s, i); j >= 0 {
				i = j
			} else {
				m.plain = true
			}
		}
	}
	m.done = true
	return trim(s), true
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

// trim takes the optional whitespace off both ends (RFC 9110 §5.6.3).
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
