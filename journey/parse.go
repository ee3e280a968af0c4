package journey

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// Journey is a script that has been read. It can be run any number of times.
type Journey struct {
	File  string // where it was read from, for messages
	Name  string // the file's name without directory and ending
	Title string // the first line of the comment that it begins with
	About string // the rest of that comment
	// States counts the statements that say what must be seen: expect, await
	// and read. A journey without any passes when nothing that it does fails.
	States int

	steps []*step
	files *txtar.Archive
	limit time.Duration
	seed  uint64 // 0: the run's
}

// step is one statement that is to be done.
type step struct {
	line
	do         action
	at         time.Duration // on the journey's clock, with timed; from now, with delayed
	timed      bool
	delayed    bool
	background bool
	try        bool // it may fail
	repeat     int  // 0: once
}

// action is what a statement does.
type action interface {
	do(t *task) error
}

// Parse reads a journey. file names it in messages. The error is [Problems]:
// all that is wrong, not just the first.
func Parse(file string, text []byte) (*Journey, error) {
	p := &parser{file: file, names: map[string]string{}, given: map[string]bool{}, addrs: map[spot]string{}}
	if len(text) > maxText {
		p.fail(place{1, 1}, "the file has %d bytes; %d at most", len(text), maxText)
		return nil, p.problems
	}
	archive := txtar.Parse(text)
	p.journey = &Journey{File: file, Name: strings.TrimSuffix(path.Base(file), path.Ext(file)), files: archive, limit: DefaultLimit}
	p.readFiles(archive, string(text))
	script := string(archive.Comment)
	p.journey.Title, p.journey.About = opening(script)
	for _, l := range p.readLines(script) {
		if s := p.step(l); s != nil {
			p.journey.steps = append(p.journey.steps, s)
			switch s.do.(type) {
			case *expectation, *readAction:
				p.journey.States++
			}
		}
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, p.problems
	}
	return p.journey, nil
}

// opening is the comment that a script begins with: what it teaches.
func opening(script string) (title, about string) {
	var rows []string
	for row := range strings.Lines(script) {
		row, ok := strings.CutPrefix(strings.TrimSpace(row), "#")
		if !ok {
			break
		}
		rows = append(rows, strings.TrimPrefix(row, " "))
	}
	if len(rows) == 0 {
		return "", ""
	}
	return rows[0], strings.TrimSpace(strings.Join(rows[1:], "\n"))
}

// parser reads one journey.
type parser struct {
	file     string
	journey  *Journey
	problems Problems
	names    map[string]string // declared name → what it is
	given    map[string]bool   // files there are, certificates included
	addrs    map[spot]string   // who has an address
}

func (p *parser) fail(at place, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{p.file, at.line, at.column, fmt.Sprintf(format, args...)})
	}
}

// readFiles notes the names of the files behind the script.
func (p *parser) readFiles(a *txtar.Archive, text string) {
	at := strings.Count(string(a.Comment), "\n") + 1
	for _, f := range a.Files {
		if p.given[f.Name] {
			p.fail(place{at, 4}, "there is a file %s already", f.Name)
		}
		if path.Clean(f.Name) != f.Name || path.IsAbs(f.Name) || strings.HasPrefix(f.Name, "..") {
			p.fail(place{at, 4}, "the file name %q does not stay below the journey", f.Name)
		}
		p.given[f.Name] = true
		at += strings.Count(string(f.Data), "\n") + 1
	}
	p.given[caFile] = true
}

// step reads one statement: what stands before the verb, the verb, and what
// stands behind everything.
func (p *parser) step(l line) *step {
	s := &step{line: l}
	a := &args{parser: p, words: l.words, line: l}
	for a.more() {
		w := a.peek()
		switch {
		case w.is("at"), w.is("after"):
			a.take()
			s.timed, s.delayed = w.is("at"), w.is("after")
			s.at = a.duration("the time")
		case w.is("try"):
			a.take()
			s.try = true
		case w.is("repeat"):
			a.take()
			if s.repeat = a.number("how often", 1, maxRepeat); s.repeat == 0 {
				return nil
			}
		default:
			if n := len(a.words); n > 0 && a.words[n-1].is("&") {
				s.background, a.words = true, a.words[:n-1]
			}
			p.verb(s, a)
			if a.failed {
				return nil
			}
			return s
		}
		if a.failed {
			return nil
		}
	}
	a.failHere("a statement is missing here")
	return nil
}

// maxRepeat bounds what one line can do.
const maxRepeat = 100_000

// verb reads the statement proper.
func (p *parser) verb(s *step, a *args) {
	w := a.take()
	for i := range verbs {
		v := &verbs[i]
		if !w.is(v.name) {
			continue
		}
		switch {
		case s.background && !v.runs:
			a.failAt(w, "%s is done at once: it cannot stand in the background", v.name)
		case (s.timed || s.delayed) && !v.runs:
			a.failAt(w, "%s is done at once: it cannot wait for a time", v.name)
		case s.try && !v.tries:
			a.failAt(w, "%s cannot be tried", v.name)
		case s.repeat > 0 && !v.runs:
			a.failAt(w, "%s cannot be repeated", v.name)
		}
		s.do = v.parse(a)
		if !a.failed && a.more() {
			a.failAt(a.peek(), "%q is not expected here; %s", a.peek().text, v.usageLine())
		}
		return
	}
	var names []string
	for i := range verbs {
		names = append(names, verbs[i].name)
	}
	a.failAt(w, "there is no statement %q%s", w.text, didYouMean(w.text, append(names, "at", "after", "try", "repeat")))
}

// declare gives a name its meaning; a name has one only.
func (p *parser) declare(w word, what string) bool {
	if !isName(w.text) {
		p.fail(w.place, "%q is no name: letters, digits, dots and underscores, and dashes inside", w.text)
		return false
	}
	if is, taken := p.names[w.text]; taken {
		p.fail(w.place, "%s is the name of a %s already", w.text, is)
		return false
	}
	p.names[w.text] = what
	return true
}

func isName(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// named are the names of one sort, for suggestions.
func (p *parser) named(what string) []string {
	var all []string
	for name, is := range p.names {
		if is == what {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
