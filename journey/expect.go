package journey

import (
	"time"
)

// expectation is what must, or must not, be seen.
//
//	expect KIND|NOUN … CONDITION…                one, after what was found before
//	expect never|every|count N … [until …]       among all of the scene
type expectation struct {
	step   *line
	quest  string // "one", "never", "every", "count"
	count  span
	wanted clause
	until  *clause
	// afterwards looks only at what happened after what the expectation
	// before found.
	afterwards bool
	patience   time.Duration // await: how long it may take
}

// clause describes subjects: a noun, its target and conditions.
type clause struct {
	noun       noun
	target     string // of the noun: link, host, connection, result
	station    *condition
	of         string // only what this result's trace caused
	conditions []condition
}

// awaitPatience is how long await waits where nothing is said.
const awaitPatience = time.Minute

func parseExpect(a *args) action {
	e := &expectation{step: &a.line, quest: "one"}
	a.expectation(e)
	return e
}

func parseAwait(a *args) action {
	e := &expectation{step: &a.line, quest: "one", patience: awaitPatience}
	if a.keyword("within") {
		e.patience = a.duration("how long")
	}
	at := a.peek()
	a.expectation(e)
	if e.quest == "never" && !a.failed {
		a.failAt(at, "to await that something never happens would take for ever: wait, then expect never")
	}
	return e
}

func (a *args) expectation(e *expectation) {
	switch {
	case a.keyword("never"), a.keyword("no"):
		e.quest = "never"
	case a.keyword("every"):
		e.quest = "every"
	case a.keyword("count"):
		e.quest = "count"
		e.count = read(a, "how many", parseCount)
	}
	e.afterwards = a.keyword("afterwards")
	a.clause(&e.wanted, true)
	if a.failed || !a.keyword("until") {
		return
	}
	if e.quest == "one" {
		a.failHere("until goes with never, every and count")
	}
	e.until = &clause{}
	a.clause(e.until, false)
	if !a.failed && (!e.wanted.noun.moment || !e.until.noun.moment) {
		a.failHere("until is for what happens: events and frames")
	}
}

// clause reads a noun and what is said about it. It ends at the keyword
// until, where that may follow.
func (a *args) clause(c *clause, untilFollows bool) {
	w := a.want("what to expect: the kind of an event, frame, response, …")
	if a.failed {
		return
	}
	n, known := findNoun(w.text)
	if !known {
		a.failAt(w, "there is no kind of event %q%s", w.text, didYouMean(w.text, nounNames()))
		return
	}
	c.noun = n
	a.about(c)
	for a.more() && !a.failed {
		w := a.peek()
		switch {
		case untilFollows && w.is("until"):
			return
		case w.is("at"):
			a.take()
			c.station = a.station()
		case w.is("of"):
			a.take()
			c.of = a.of("result")
		default:
			a.take()
			cond, err := parseCondition(w, c.noun.shape)
			if err != nil {
				a.failAt(w, "%s: %v", c.noun.name, err)
				return
			}
			if cond.meta != "" && !c.noun.moment {
				a.failAt(w, "%s is a state, not an event: it has no %s", c.noun.name, cond.meta)
				return
			}
			c.conditions = append(c.conditions, cond)
		}
	}
}

// station is at "edge fra1".
func (a *args) station() *condition {
	w := a.want("a station, such as \"edge fra1\"")
	return &condition{word: word{text: "station=" + quote(w.text), place: w.place}, meta: "station", op: "=", glob: w.text}
}

// about reads what the noun is about.
func (a *args) about(c *clause) {
	switch c.noun.target {
	case "link":
		c.target = a.link()
	case "host":
		c.target = a.of("host", "router")
	case "connection":
		c.target = a.of("connection")
	case "result":
		if w := a.peek(); a.more() && !w.quoted && a.names[w.text] == "result" {
			c.target = a.take().text
		}
	}
}
