package cache

import (
	"strconv"

	"github.com/dunglas/httpsfv"

	"waypost/http/field"
)

// readTargeted reads the field that decides for a cache with that target
// list: the first that is there, not empty, and a valid Dictionary (RFC 9213
// §2.2). It returns the field's name, or "" when Cache-Control decides.
func (c *control) readTargeted(fields field.Fields, targets []string, shared bool) string {
	for _, target := range targets {
		var lines []string
		for i := range fields {
			if field.Is(fields[i].Name, target) {
				lines = append(lines, fields[i].Value)
			}
		}
		if len(lines) == 0 {
			continue
		}
		// RFC 9213 §2.1: an empty field, or one that does not parse, MUST be
		// ignored.
		dictionary, err := httpsfv.UnmarshalDictionary(lines)
		if err != nil || len(dictionary.Names()) == 0 {
			continue
		}
		for _, name := range dictionary.Names() {
			member, _ := dictionary.Get(name)
			c.takeMember(name, member, shared)
		}
		return target
	}
	return ""
}

// takeMember adds one member of a targeted field. A value of another type
// than the directive's is not consumed (RFC 9213 §2.1 "SHOULD NOT consume"):
// what would make the response fresh is then invalid and makes it stale, as
// an invalid Cache-Control directive would; what forbids still forbids.
func (c *control) takeMember(name string, member httpsfv.Member, shared bool) {
	d := directive{name: name, hasArg: true, broken: true}
	lists := name == "no-cache" || name == "private" // field names, as a String
	if item, ok := member.(httpsfv.Item); ok {
		switch v := item.Value.(type) {
		case bool:
			if !v {
				return
			}
			d = directive{name: name}
		case int64:
			d.arg = strconv.FormatInt(v, 10)
			d.broken = v < 0 || lists
		case string:
			d.arg = v
			d.broken = !lists
		}
	}
	c.take(d, shared)
}
