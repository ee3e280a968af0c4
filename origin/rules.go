package origin

import (
	"path"
	"strings"
)

// CacheRule gives files their Cache-Control.
type CacheRule struct {
	// Pattern takes files by name, in the syntax of path.Match: without a
	// slash it is held against the last segment, with one against the whole
	// name, and when it ends in a slash it takes all below that directory.
	// "" takes every file.
	Pattern string
	// Fingerprinted takes only files whose name carries a fingerprint of
	// their content, see [Fingerprinted].
	Fingerprinted bool
	Value         string
}

// DefaultCache is right for most sites: what carries a fingerprint never
// changes, everything else is asked for again each time.
func DefaultCache() []CacheRule {
	return []CacheRule{
		{Fingerprinted: true, Value: "public, max-age=31536000, immutable"},
		{Value: "public, max-age=0, must-revalidate"},
	}
}

// fingerprintMin is the shortest run of hexadecimal digits that is taken for
// a fingerprint: shorter ones are years and words.
const fingerprintMin = 8

// Fingerprinted reports whether a file's name holds a fingerprint of its
// content, as in app.1f2e3d4c.js: between two dots, eight or more lower-case
// hexadecimal digits, one of them at least a digit.
func Fingerprinted(name string) bool {
	parts := strings.Split(path.Base(name), ".")
	for i := 1; i < len(parts)-1; i++ {
		if p := parts[i]; len(p) >= fingerprintMin && strings.Trim(p, "0123456789abcdef") == "" && strings.ContainsAny(p, "0123456789") {
			return true
		}
	}
	return false
}

func (c *CacheRule) takes(name string) bool {
	if c.Fingerprinted && !Fingerprinted(name) {
		return false
	}
	switch {
	case c.Pattern == "":
		return true
	case strings.HasSuffix(c.Pattern, "/"):
		return strings.HasPrefix(name, strings.TrimPrefix(c.Pattern, "/"))
	case strings.Contains(c.Pattern, "/"):
		ok, _ := path.Match(strings.TrimPrefix(c.Pattern, "/"), name)
		return ok
	}
	ok, _ := path.Match(c.Pattern, path.Base(name))
	return ok
}

func (f *Files) cacheControl(w *Response, name string) {
	for i := range f.Cache {
		if f.Cache[i].takes(name) {
			w.Fields.Set("Cache-Control", f.Cache[i].Value)
			return
		}
	}
}
