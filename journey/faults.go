package journey

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"waypost/lab"
	"waypost/packet"
)

// cutAction is cut LINK|HOST… and restore LINK|HOST….
type cutAction struct {
	what []string // names of links and of nodes: all their links
	cut  bool
}

func parseCut(a *args) action     { return a.cut(true) }
func parseRestore(a *args) action { return a.cut(false) }

func (a *args) cut(down bool) action {
	c := &cutAction{cut: down}
	for first := true; !a.failed && (first || a.more()); first = false {
		switch a.names[a.peek().text] {
		case "host", "router", "switch", "region":
			c.what = append(c.what, a.take().text)
		default:
			c.what = append(c.what, a.link())
		}
	}
	return c
}

func (c *cutAction) do(t *task) error {
	t.settle() // what was sent before is on its way
	for _, name := range c.what {
		for _, k := range t.linksOf(name) {
			if c.cut {
				k.Cut()
			} else {
				k.Restore()
			}
		}
	}
	return nil
}

// linksOf returns a link by its name, or the links of a node.
func (w *world) linksOf(name string) []*road {
	if k := w.links[name]; k != nil {
		return []*road{k}
	}
	var all []*road
	for _, k := range w.links {
		if (k.a == name || k.b == name) && !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, compareNames)
	return all
}

func compareNames(a, b *road) int {
	if a.Name() < b.Name() {
		return -1
	}
	return 1
}

// reshapeAction is reshape LINK SHAPE: a>b changes that direction only.
type reshapeAction struct {
	link        string
	there, back lab.LinkShape
}

func parseReshape(a *args) action {
	r := &reshapeAction{link: a.link()}
	if !a.more() {
		a.failHere("the shape is missing, such as 20ms loss 2%%")
	}
	r.there, r.back = a.shape()
	return r
}

func (r *reshapeAction) do(t *task) error {
	t.settle()
	k, from := t.way(r.link)
	there, back := r.there, r.back
	was, wasBack := k.Shapes()
	switch {
	case from == k.a:
		back = wasBack
	case from == k.b:
		there, back = was, r.there
	case r.link != k.a+"-"+k.b: // named from the other end
		there, back = back, there
	}
	return k.Reshape(there, back)
}

// dropAction is drop [N|N..M|every N] LINK CONDITION…: of the frames that
// fulfil the conditions, the N-th from now on is lost.
type dropAction struct {
	link       string
	from, to   int // the first and the last that are lost, from 1
	conditions []condition
}

func parseDrop(a *args) action {
	d := &dropAction{from: 1, to: 1}
	if w := a.peek(); a.more() && w.text[0] >= '0' && w.text[0] <= '9' || a.peek().is("all") {
		a.take()
		if w.is("all") {
			d.to = maxRepeat
		} else if r, err := parseSpan(w.text, parseNumber); err != nil || r.low < 1 || r.high > maxRepeat {
			a.failAt(w, "%q does not say which: 1, 2..4, all", w.text)
		} else {
			d.from, d.to = int(r.low), int(r.high)
		}
	}
	d.link = a.link()
	n, _ := findNoun("frame")
	for a.more() && !a.failed {
		w := a.take()
		c, err := parseCondition(w, n.shape)
		if err == nil && c.meta != "" {
			err = errors.New("only what stands in the frame counts here")
		}
		if err != nil {
			a.failAt(w, "%v", err)
		}
		d.conditions = append(d.conditions, c)
	}
	return d
}

func (d *dropAction) do(t *task) error {
	t.settle()
	k, from := t.way(d.link)
	if from != "" {
		from = k.sender(from)
	}
	wanted := clause{conditions: d.conditions}
	var mu sync.Mutex
	seen, starts := 0, map[packet.Flow]*number{}
	k.Filter(func(sender string, data []byte) string {
		mu.Lock()
		defer mu.Unlock()
		if from != "" && sender != from || seen >= d.to {
			return ""
		}
		f := Frame{Bytes: len(data), From: sender}
		f.read(data, starts)
		if !wanted.matches(subjectOf(f), moment{}) {
			return ""
		}
		if seen++; seen < d.from {
			return ""
		}
		return fmt.Sprintf("The script drops it: number %d of those that it means.", seen)
	})
	return nil
}

// replayAction is replay LINK [N] CONDITION…: a copy of a frame that passed
// is sent once more into the link, as a network may that held it back.
type replayAction struct {
	link       string
	which      int
	conditions []condition
}

func parseReplay(a *args) action {
	r := &replayAction{which: 1}
	if w := a.peek(); a.more() && w.text[0] >= '0' && w.text[0] <= '9' {
		r.which = a.number("which of them", 1, maxRepeat)
	}
	r.link = a.link()
	n, _ := findNoun("frame")
	for a.more() && !a.failed {
		w := a.take()
		c, err := parseCondition(w, n.shape)
		if err != nil {
			a.failAt(w, "%v", err)
		}
		r.conditions = append(r.conditions, c)
	}
	return r
}

func (r *replayAction) do(t *task) error {
	k, from := t.way(r.link)
	all := t.frames.of(k, from)
	wanted := clause{conditions: r.conditions}
	seen := 0
	for i, f := range decode(all, t.names) {
		if !wanted.matches(subjectOf(f), moment{}) {
			continue
		}
		if seen++; seen == r.which {
			return k.Inject(all[i].from, all[i].data)
		}
	}
	return fmt.Errorf("no such frame has passed %s: %d of those that are meant", r.link, seen)
}
