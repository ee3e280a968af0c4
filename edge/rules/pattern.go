package rules

import (
	"fmt"
	"strings"

	"waypost/http/cache"
)

// A Pattern fits text literally, but for its stars: each stands for any bytes,
// or for none, and captures the fewest that make the rest fit. Matching takes
// one walk over the text, whatever the pattern.
type Pattern struct {
	text   string
	pieces []string // between the stars
}

// MaxStars bounds the stars of a rule's patterns together: captures are named
// by one digit.
const MaxStars = 9

// Captures are what the stars of a rule stood for, host before path.
type Captures struct {
	text [MaxStars]string
	n    int
}

func (c *Captures) add(s string) {
	if c != nil && c.n < MaxStars {
		c.text[c.n] = s
		c.n++
	}
}

// ParsePath reads the pattern of a path: it begins with "/" or "*" and is
// compared with paths in normal form (see [Normal]).
func ParsePath(text string) (*Pattern, error) {
	if text == "" || text[0] != '/' && text[0] != '*' {
		return nil, fmt.Errorf("a path begins with / (or with *, which stands for anything)")
	}
	if i := strings.IndexAny(text, "?# \t\r\n"); i >= 0 {
		return nil, fmt.Errorf("%q does not belong to a path; the query is not compared", text[i])
	}
	return newPattern(string(cache.AppendTarget(nil, text)))
}

// ParseHostPattern reads the pattern of a host: "*.shop.test", without port.
func ParseHostPattern(text string) (*Pattern, error) {
	if text == "" || strings.ContainsAny(text, "/:?# \t\r\n") {
		return nil, fmt.Errorf("write a host such as shop.test or *.shop.test, without scheme and port")
	}
	return newPattern(strings.ToLower(text))
}

func newPattern(text string) (*Pattern, error) {
	p := &Pattern{text: text, pieces: strings.Split(text, "*")}
	if p.stars() > MaxStars {
		return nil, fmt.Errorf("%d stars are too many, the bound is %d", p.stars(), MaxStars)
	}
	return p, nil
}

// pathPattern is ParsePath where "" fits every path, as nil.
func pathPattern(text string) (*Pattern, error) {
	if text == "" {
		return nil, nil
	}
	return ParsePath(text)
}

func (p *Pattern) stars() int {
	if p == nil {
		return 0
	}
	return len(p.pieces) - 1
}

// String is the pattern in normal form.
func (p *Pattern) String() string {
	if p == nil {
		return "*"
	}
	return p.text
}

// Match reports whether s fits. What the stars stand for is added to c, which
// may be nil; where s does not fit, c is in no particular state. The nil
// Pattern fits everything.
func (p *Pattern) Match(s string, c *Captures) bool {
	if p == nil {
		return true
	}
	last := len(p.pieces) - 1
	if last == 0 {
		return s == p.text
	}
	s, ok := strings.CutPrefix(s, p.pieces[0])
	if !ok {
		return false
	}
	for _, piece := range p.pieces[1:last] {
		i := strings.Index(s, piece)
		if i < 0 {
			return false
		}
		c.add(s[:i])
		s = s[i+len(piece):]
	}
	if s, ok = strings.CutSuffix(s, p.pieces[last]); ok {
		c.add(s)
	}
	return ok
}

// Normal is the path of a request target as patterns see it: without query,
// encodings of unreserved characters undone as in the cache's key, and dot
// segments resolved (RFC 3986 §6.2.2), so that no other spelling of a path
// gets round a rule. Slashes in a row stay: to most servers they make another
// path. buf serves where the path is not in that form as it came.
func Normal(buf []byte, target string) (path string, used []byte) {
	path, _, _ = strings.Cut(target, "?")
	if strings.IndexByte(path, '%') < 0 && !strings.Contains(path, "/.") {
		return path, buf
	}
	buf = cache.RemoveDots(cache.AppendTarget(buf[:0], path))
	return text(buf), buf
}
