package journey

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// args are the words of a statement while they are being read. After the
// first mistake what it returns means nothing.
type args struct {
	*parser
	line   line
	words  []word
	next   int
	failed bool
}

func (a *args) more() bool { return a.next < len(a.words) }

func (a *args) peek() word {
	if !a.more() {
		return word{}
	}
	return a.words[a.next]
}

func (a *args) take() word {
	w := a.peek()
	a.next++
	return w
}

// keyword takes the next word when it is that one.
func (a *args) keyword(k string) bool {
	if a.more() && a.peek().is(k) {
		a.next++
		return true
	}
	return false
}

// want takes the next word, whatever it is.
func (a *args) want(what string) word {
	if !a.more() {
		a.failHere("%s is missing", what)
		return word{}
	}
	return a.take()
}

func (a *args) failAt(w word, format string, args ...any) {
	if !a.failed {
		a.fail(w.place, format, args...)
	}
	a.failed = true
}

// failHere speaks of the place behind the last word.
func (a *args) failHere(format string, args ...any) {
	at := a.line.place
	if a.next > 0 && len(a.words) > 0 {
		w := a.words[min(a.next, len(a.words))-1]
		at = w.place
		at.column += len([]rune(w.text)) + 1
	}
	if !a.failed {
		a.fail(at, format, args...)
	}
	a.failed = true
}

// read takes the next word and has it read.
func read[T any](a *args, what string, f func(string) (T, error)) T {
	var v T
	w := a.want(what)
	if a.failed {
		return v
	}
	v, err := f(w.text)
	if err != nil {
		a.failAt(w, "%s: %v", what, err)
	}
	return v
}

func (a *args) duration(what string) time.Duration { return read(a, what, parseDuration) }

func (a *args) size(what string) int64 { return read(a, what, parseSize) }

func (a *args) number(what string, low, high int) int {
	return read(a, what, func(s string) (int, error) {
		v, err := parseNumber(s)
		if err != nil || v != float64(int(v)) || int(v) < low || int(v) > high {
			return 0, fmt.Errorf("%q is no number from %d to %d", s, low, high)
		}
		return int(v), nil
	})
}

func (a *args) addr(what string) netip.Addr { return read(a, what, parseAddr) }

func parseAddr(s string) (netip.Addr, error) {
	v, err := netip.ParseAddr(s)
	if err != nil {
		return v, fmt.Errorf("%q is no IP address", s)
	}
	return v, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	v, err := netip.ParsePrefix(s)
	if err != nil {
		return v, fmt.Errorf("%q is no address with the length of its prefix, such as 192.0.2.10/24", s)
	}
	return v, nil
}

// of takes a name that was declared as one of the given sorts.
func (a *args) of(what ...string) string {
	article := "a " + strings.Join(what, " or a ")
	w := a.want(article)
	if a.failed {
		return ""
	}
	for _, x := range what {
		if a.names[w.text] == x {
			return w.text
		}
	}
	var known []string
	for _, x := range what {
		known = append(known, a.named(x)...)
	}
	switch is := a.names[w.text]; {
	case is != "":
		a.failAt(w, "%s is the name of a %s; %s is wanted here", w.text, is, article)
	case len(known) == 0:
		a.failAt(w, "there is no %s %s: none has been declared", what[0], w.text)
	default:
		a.failAt(w, "there is no %s %s%s", what[0], w.text, didYouMean(w.text, known))
	}
	return ""
}

// file takes the name of a file behind the script.
func (a *args) file(what string) string {
	w := a.want(what)
	if a.failed {
		return ""
	}
	if !a.given[w.text] {
		var known []string
		for name := range a.given {
			known = append(known, name)
		}
		a.failAt(w, "there is no file -- %s -- in this journey%s", w.text, didYouMean(w.text, known))
	}
	return w.text
}

// rest are the words that are left.
func (a *args) rest() []word {
	words := a.words[min(a.next, len(a.words)):]
	a.next = len(a.words)
	return words
}

// as declares the name that stands behind the keyword as.
func (a *args) as(what string) string {
	w := a.want("a name")
	if a.failed {
		return ""
	}
	if !a.declare(w, what) {
		a.failed = true
	}
	return w.text
}
