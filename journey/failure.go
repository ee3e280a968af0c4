package journey

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Failure is one statement that did not come true.
type Failure struct {
	File      string
	Line      int
	Statement string
	At        time.Duration // on the journey's clock
	Text      string        // what was seen instead, on several lines
}

func (f Failure) Error() string {
	return fmt.Sprintf("%s:%d: %s\n%s", f.File, f.Line, f.Statement, f.Text)
}

// fail notes a failure.
func (w *world) fail(l *line, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, Failure{w.journey.File, l.place.line, l.text, time.Since(w.start), text})
}

// nearestShown is how many of the nearest subjects a failure shows.
const nearestShown = 3

// explain says what was seen in place of what was expected.
func (w *world) explain(e *expectation, s sight) string {
	var b strings.Builder
	c := &e.wanted
	fmt.Fprintf(&b, "  at %v: ", time.Since(w.start).Round(precision))
	switch {
	case s.noEnd:
		fmt.Fprintf(&b, "until: no %s like that\n", e.until.name())
		ends, _ := w.subjects(e.until, s.moment)
		w.showNearest(&b, e.until, ends, s.moment, nil)
		return w.withCapture(&b, e)
	case e.quest == "never":
		fmt.Fprintf(&b, "there should be none, and there are %d:\n", s.count)
		w.showSome(&b, c, s.wrong, s.moment)
		return w.withCapture(&b, e)
	case e.quest == "every" && len(s.wrong) > 0:
		fmt.Fprintf(&b, "%d of them are not like that:\n", len(s.wrong))
		w.showSome(&b, c, s.wrong, s.moment)
		return w.withCapture(&b, e)
	case e.quest == "count":
		fmt.Fprintf(&b, "there are %d\n", s.count)
	case c.noun.moment && s.early != nil:
		fmt.Fprintf(&b, "no %s like that follows what the expectation before it found (at %v); one stands before that:\n", c.name(), s.thread.time.Sub(w.start).Round(precision))
		w.show(&b, c, s.early, s.moment)
	case c.noun.moment:
		fmt.Fprintf(&b, "no %s like that\n", c.name())
	default:
		b.WriteString("it is otherwise\n")
	}
	w.showNearest(&b, c, s.subjects, s.moment, s.thread)
	return w.withCapture(&b, e)
}

func (c *clause) name() string {
	if c.target != "" {
		return c.noun.name + " " + c.target
	}
	return c.noun.name
}

// showNearest lists the subjects that come closest.
func (w *world) showNearest(b *strings.Builder, c *clause, subjects []*subject, m moment, t *thread) {
	near := c.closest(subjects, m, nearestShown)
	if len(near) == 0 {
		fmt.Fprintf(b, "  there is no %s at all%s\n", c.name(), w.kindsSeen(m))
		return
	}
	fmt.Fprintf(b, "  nearest of %d:\n", len(subjects))
	for _, s := range near {
		w.show(b, c, s, m)
	}
}

func (w *world) showSome(b *strings.Builder, c *clause, subjects []*subject, m moment) {
	for _, s := range subjects[:min(nearestShown, len(subjects))] {
		w.show(b, c, s, m)
	}
}

// kindsSeen lists what there is in the scene.
func (w *world) kindsSeen(m moment) string {
	count := map[string]int{}
	for _, e := range w.record.since(m.mark) {
		count[string(e.Fact.Kind())]++
	}
	if len(count) == 0 {
		return ", and no event of any other kind"
	}
	var all []string
	for kind, n := range count {
		all = append(all, fmt.Sprintf("%s ×%d", kind, n))
	}
	slices.Sort(all)
	return "; in this scene there are " + strings.Join(all, ", ")
}

// show writes one subject: in a few words, then each condition with what
// there is instead where it does not hold.
func (w *world) show(b *strings.Builder, c *clause, s *subject, m moment) {
	if c.noun.moment {
		fmt.Fprintf(b, "    %v  %s  %s\n", s.at.Sub(m.clock).Round(precision), s.station, w.wordsOf(c, s))
	} else {
		fmt.Fprintf(b, "    %s\n", w.wordsOf(c, s))
	}
	for i := range c.all() {
		cond := c.at(i)
		values := s.values(cond, m)
		if cond.holds(values) {
			fmt.Fprintf(b, "      ✓ %s\n", cond.word.text)
			continue
		}
		var shown []string
		for _, v := range values[:min(len(values), 12)] {
			shown = append(shown, show(v))
		}
		is := "it is " + strings.Join(shown, ", ")
		if len(values) == 0 {
			is = "there is none"
		}
		fmt.Fprintf(b, "      ✗ %s: %s\n", cond.word.text, is)
	}
}

// wordsOf is a subject in one line.
func (w *world) wordsOf(c *clause, s *subject) string {
	switch v := s.value.Interface().(type) {
	case Frame:
		if v.Lost {
			return v.Text + " (lost: " + v.Why + ")"
		}
		return v.Text
	default:
		return attributesOf(s)
	}
}

// attributesOf lists what is not empty, as a script would write it.
func attributesOf(s *subject) string {
	var parts []string
	t := s.value.Type()
	for i := range t.NumField() {
		f := s.value.Field(i)
		name := typedName(t.Field(i))
		if name == "" || f.IsZero() {
			continue
		}
		var shown []string
		values := lookup(f, nil)
		for _, v := range values[:min(len(values), 4)] {
			shown = append(shown, show(v))
		}
		if len(values) > 4 {
			shown = append(shown, fmt.Sprintf("… %d more", len(values)-4))
		}
		if len(shown) > 0 {
			parts = append(parts, name+"="+strings.Join(shown, ","))
		}
	}
	if d := s.decision; d != nil {
		parts = append(parts, fmt.Sprintf("verdict=%s (%s)", quote(d.Verdict), d.Reason))
		if d.Clause != "" {
			parts = append(parts, "clause="+quote(d.Clause))
		}
	}
	return strings.Join(parts, " ")
}

// withCapture adds where the frames can be looked at.
func (w *world) withCapture(b *strings.Builder, e *expectation) string {
	var paths []string
	for _, c := range w.captures {
		if c.path != "" {
			paths = append(paths, c.path)
		}
	}
	switch {
	case len(paths) == 1:
		fmt.Fprintf(b, "  capture: %s\n", paths[0])
	case len(paths) > 1:
		fmt.Fprintf(b, "  captures: %s, … (%d links)\n", paths[0], len(paths))
	default:
		fmt.Fprintf(b, "  no capture was taken: --pcap DIR takes one\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
