package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"waypost/http/cache"
)

// Query says which parameters of a query count.
type Query struct {
	ignore, only []string // a star at the end stands for any ending
	sorted       bool
}

// maxParameters bounds those that are sorted or left out. Pages have a dozen;
// a longer query stays as it is, a key of its own.
const maxParameters = 64

// newQuery compiles the rule; nil where all counts as it stands.
func newQuery(ignore, only []string, sorted bool) (*Query, error) {
	if len(ignore)+len(only) == 0 && !sorted {
		return nil, nil
	}
	if len(ignore) > 0 && len(only) > 0 {
		return nil, errors.New("give either the parameters to ignore or the only ones that count")
	}
	for _, name := range append(slices.Clone(ignore), only...) {
		if name == "" || strings.ContainsAny(name, "&=?# ") || strings.Contains(strings.TrimSuffix(name, "*"), "*") {
			return nil, fmt.Errorf("parameter %q: write a name, or the beginning of one with a star, such as utm_*", name)
		}
	}
	return &Query{ignore: ignore, only: only, sorted: sorted}, nil
}

// Target returns a request target with the parameters that count, in the
// order that counts. It is target itself where that is so already; else it
// lies over buf, and is valid as long as used is left alone.
func (q *Query) Target(buf []byte, target string) (out string, used []byte) {
	at := strings.IndexByte(target, '?')
	if q == nil || at < 0 {
		return target, buf
	}
	if strings.IndexByte(target[at:], '%') >= 0 {
		// Names are compared as the key has them. buf's end is still free for
		// what is written below.
		buf = cache.AppendTarget(buf[:0], target)
		target = text(buf)
		at = strings.IndexByte(target, '?')
	} else {
		buf = buf[:0]
	}
	var kept [maxParameters]string
	n, changed := 0, false
	for rest := target[at+1:]; rest != ""; {
		if n == maxParameters {
			return target, buf
		}
		var one string
		one, rest, _ = strings.Cut(rest, "&")
		name, _, _ := strings.Cut(one, "=")
		if one == "" || !q.counts(name) {
			changed = true
			continue
		}
		kept[n] = one
		n++
	}
	if q.sorted && sortParameters(kept[:n]) {
		changed = true
	}
	if !changed && n > 0 {
		return target, buf
	}
	start := len(buf)
	buf = append(buf, target[:at]...)
	for i, one := range kept[:n] {
		sep := byte('&')
		if i == 0 {
			sep = '?'
		}
		buf = append(append(buf, sep), one...)
	}
	return text(buf[start:]), buf
}

// counts reports whether a parameter does.
func (q *Query) counts(name string) bool {
	if len(q.only) > 0 {
		return listed(q.only, name)
	}
	return !listed(q.ignore, name)
}

func listed(names []string, name string) bool {
	for _, n := range names {
		if beginning, star := strings.CutSuffix(n, "*"); n == name || star && strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return false
}

// sortParameters sorts by name; those of one name keep their order, which
// means something to most servers. It reports whether anything moved.
func sortParameters(list []string) (moved bool) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && parameterName(list[j]) < parameterName(list[j-1]); j-- {
			list[j], list[j-1], moved = list[j-1], list[j], true
		}
	}
	return moved
}

func parameterName(parameter string) string {
	name, _, _ := strings.Cut(parameter, "=")
	return name
}
