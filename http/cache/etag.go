package cache

import "strings"

// isWeak reports whether an entity tag is marked as weak (RFC 9110 §8.8.3).
func isWeak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// strongMatch: both are strong and the same (RFC 9110 §8.8.3.2).
func strongMatch(a, b string) bool {
	a, b = trim(a), trim(b)
	return a == b && a != "" && !isWeak(a)
}

// weakMatch: the same but for the marks of weakness (RFC 9110 §8.8.3.2).
func weakMatch(a, b string) bool {
	a, b = trim(a), trim(b)
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/") && a != "" && b != ""
}

// nextTag cuts the first entity tag off a list of them. An opaque tag may
// hold commas and backslashes, and a backslash escapes nothing (RFC 9110
// §8.8.3). What is no entity tag, or more than one, is cut at the next comma
// and matches none.
func nextTag(list string) (tag, rest string, ok bool) {
	list = strings.TrimLeft(list, " \t,")
	if list == "" {
		return "", "", false
	}
	open, end := 0, 0
	if isWeak(list) {
		open = 2
	}
	if open < len(list) && list[open] == '"' {
		if n := strings.IndexByte(list[open+1:], '"'); n >= 0 {
			end = open + 1 + n + 1
		}
	}
	if comma := strings.IndexByte(list[end:], ','); comma >= 0 {
		return strings.TrimRight(list[:end+comma], " \t"), list[end+comma:], true
	}
	return strings.TrimRight(list, " \t"), "", true
}
