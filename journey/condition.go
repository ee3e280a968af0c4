package journey

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// condition is one attribute held against a wish: status=200,
// first_byte=20ms..30ms, url=*.css, fields~"^age: ", !fault.
type condition struct {
	word    word
	path    []string
	meta    string // the name of an attribute that every subject has; "" for the noun's own
	form    form
	op      string // = != ~ !~ < <= > >=, "" for present, "!" for absent
	glob    string
	pattern *regexp.Regexp
	within  span
	ranged  bool // within is for text that is a number
	truth   bool
}

// metas are the attributes that every subject has beside its own.
var metas = map[string]form{
	"time": formDuration, "clock": formDuration, "later": formDuration, "took": formDuration,
	"station": formText, "verdict": formText, "reason": formText, "clause": formText, "because": formText, "remedy": formText,
}

// metaNames in the order of the manual.
var metaNames = []string{"time", "clock", "later", "took", "station", "verdict", "reason", "clause", "because", "remedy"}

// operators, longest first.
var operators = []string{"!=", "!~", ">=", "<=", "=", "~", "<", ">"}

// parseCondition reads a condition on the noun of the given shape.
func parseCondition(w word, shape reflect.Type) (condition, error) {
	c := condition{word: w}
	s, negated := strings.CutPrefix(w.text, "!")
	n := strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.-", r)
	})
	rest := ""
	if n >= 0 {
		s, rest = s[:n], s[n:]
	}
	if s == "" {
		return c, fmt.Errorf("%q is no condition such as status=200 or verdict=hit", w.text)
	}
	var err error
	if c.form, err = c.find(s, shape); err != nil {
		return c, err
	}
	if rest == "" {
		if negated {
			c.op = "!"
		}
		return c, nil
	}
	if negated {
		return c, fmt.Errorf("write %s!=… or !%s alone", s, s)
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			c.op = op
			return c, c.want(rest[len(op):], s)
		}
	}
	return c, fmt.Errorf("%q is no condition: one of = != ~ !~ < <= > >= stands behind the name %s", w.text, s)
}

// find tells the noun's own attributes from those of every subject; the own
// ones come first.
func (c *condition) find(name string, shape reflect.Type) (form, error) {
	c.path = strings.Split(name, ".")
	f, err := formOf(shape, c.path)
	if err == nil {
		return f, nil
	}
	meta := strings.TrimPrefix(name, "decision.")
	if f, ok := metas[meta]; ok {
		c.meta = meta
		return f, nil
	}
	if len(c.path) == 1 && !strings.Contains(err.Error(), "did you mean") {
		err = fmt.Errorf("%w%s", err, didYouMean(name, metaNames))
	}
	return f, err
}

// want reads the right side.
func (c *condition) want(s, name string) error {
	var err error
	switch c.op {
	case "~", "!~":
		if c.form != formText {
			return fmt.Errorf("%s is %v: a pattern does not fit it", name, c.form)
		}
		if c.pattern, err = regexp.Compile(s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	case "=", "!=":
		switch c.form {
		case formText:
			c.glob = s
			if strings.Contains(s, "..") { // header.age=5..7
				if r, err := parseSpan(s, parseNumber); err == nil {
					c.within, c.ranged = r, true
				}
			}
			return nil
		case formTruth:
			if s != "true" && s != "false" {
				return fmt.Errorf("%s is true or false, not %q", name, s)
			}
			c.truth = s == "true"
			return nil
		}
		c.within, err = parseSpan(s, c.reader())
	default:
		if c.form == formTruth {
			return fmt.Errorf("%s is true or false: = and != fit it", name)
		}
		var v float64
		if v, err = c.reader()(s); err == nil {
			c.within = spanOf(c.op, v)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *condition) reader() func(string) (float64, error) {
	if c.form == formDuration {
		return durationNumber
	}
	return parseNumber
}

// spanOf is what an inequality allows.
func spanOf(op string, v float64) span {
	switch op {
	case "<":
		return span{math.Inf(-1), math.Nextafter(v, math.Inf(-1))}
	case "<=":
		return span{math.Inf(-1), v}
	case ">":
		return span{math.Nextafter(v, math.Inf(1)), math.Inf(1)}
	}
	return span{v, math.Inf(1)}
}

// holds reports whether the values fulfil the condition: one of them must, or,
// for what must not be, none may.
func (c *condition) holds(values []reflect.Value) bool {
	switch c.op {
	case "":
		return anyOf(values, func(v reflect.Value) bool { return !v.IsZero() })
	case "!":
		return !anyOf(values, func(v reflect.Value) bool { return !v.IsZero() })
	case "!=", "!~":
		return !anyOf(values, c.fits)
	}
	return anyOf(values, c.fits)
}

func anyOf(values []reflect.Value, f func(reflect.Value) bool) bool {
	for _, v := range values {
		if f(v) {
			return true
		}
	}
	return false
}

func (c *condition) fits(v reflect.Value) bool {
	switch {
	case c.pattern != nil:
		return c.pattern.MatchString(asText(v))
	case c.form == formTruth:
		return v.Bool() == c.truth
	case c.ranged:
		n, ok := asNumber(v)
		return ok && c.within.holds(n) || v.Kind() == reflect.String && globMatch(c.glob, v.String())
	case c.form == formText && (c.op == "=" || c.op == "!="):
		return globMatch(c.glob, asText(v))
	}
	n, ok := asNumber(v)
	return ok && c.within.holds(n)
}

// globMatch holds s against a pattern in which * is any text and ? any one
// character; \* and \? are the characters themselves. It takes time in
// proportion to the product of the lengths at most.
func globMatch(pattern, s string) bool {
	p, r := []rune(pattern), []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(r) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i+1 < len(p) && p[i] == '\\' && (p[i+1] == '*' || p[i+1] == '?') && p[i+1] == r[j]:
			i += 2
			j++
		case i < len(p) && (p[i] == '?' || p[i] == r[j]) && !escapes(p[i:]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

func escapes(p []rune) bool {
	return len(p) > 1 && p[0] == '\\' && (p[1] == '*' || p[1] == '?')
}

// moment is what times are counted from when a condition is tried.
type moment struct {
	clock time.Time // the journey's start
	scene time.Time // the scene's
	last  time.Time // the subject that the expectation before this one found
	mark  int       // how many events had been noted when the scene began
}
