package rules

import (
	"strings"

	"waypost/http/field"
)

// AddVary says that a response depends on a request field, unless it says so
// already.
func AddVary(f *field.Fields, name string) {
	if !varies(*f, name) {
		f.Add("Vary", name)
	}
}

// varies reports whether Vary names the field, or everything.
func varies(f field.Fields, name string) bool {
	for i := range f {
		if !field.Is(f[i].Name, "Vary") {
			continue
		}
		for rest := f[i].Value; rest != ""; {
			var member string
			member, rest, _ = strings.Cut(rest, ",")
			if member = strings.Trim(member, " \t"); member == "*" || field.Is(member, name) {
				return true
			}
		}
	}
	return false
}

// DropVary takes one name out of Vary. It edits in place, and allocates only
// where the name is there.
func DropVary(f *field.Fields, name string) {
	kept := (*f)[:0]
	for _, l := range *f {
		if field.Is(l.Name, "Vary") && varies(field.Fields{l}, name) {
			var rest []string
			for member := range strings.SplitSeq(l.Value, ",") {
				if member = strings.Trim(member, " \t"); member != "" && !field.Is(member, name) {
					rest = append(rest, member)
				}
			}
			if len(rest) == 0 {
				continue
			}
			l.Value = strings.Join(rest, ", ")
		}
		kept = append(kept, l)
	}
	*f = kept
}

// isToken reports whether s is a token (RFC 9110 §5.6.2), as names of fields
// and methods are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
