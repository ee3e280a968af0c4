package journey

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"waypost/lab"
	"waypost/trace"
)

// do looks for what is expected. What is not there is a failure of the
// journey, not of the statement: the expectations behind it are tried too.
func (e *expectation) do(t *task) error {
	t.settle()
	deadline := time.Now().Add(e.patience)
	pause := time.Millisecond
	for {
		s, err := t.look(e)
		if err != nil {
			return err
		}
		if s.ok {
			t.pass(e, s)
			return nil
		}
		if left := time.Until(deadline); left > 0 {
			time.Sleep(min(pause, left))
			pause = min(2*pause, time.Second)
			t.settle()
			continue
		}
		t.fail(e.step, t.explain(e, s))
		if s.found != nil {
			t.pass(e, s)
		}
		return nil
	}
}

// sight is what an expectation saw.
type sight struct {
	finding
	subjects []*subject // of its noun, in its scene
	thread   *thread
	moment   moment
}

// look tries an expectation against what is there now.
func (w *world) look(e *expectation) (sight, error) {
	w.mu.Lock()
	scene, of := w.scene, e.wanted.of
	from, mark := scene.start, scene.mark
	if of != "" {
		r := w.results[of]
		if r == nil {
			w.mu.Unlock()
			return sight{}, fmt.Errorf("%s has not ended yet: wait for it", of)
		}
		from, mark = r.started, r.mark
	}
	th := w.threads[of]
	if th == nil {
		th = &thread{time: from, used: map[int]bool{}}
		w.threads[of] = th
	}
	s := sight{thread: th, moment: moment{clock: w.start, scene: from, last: w.passed, mark: mark}}
	w.mu.Unlock()
	var err error
	if s.subjects, err = w.subjects(&e.wanted, s.moment); err != nil {
		return s, err
	}
	var ends []*subject
	if e.until != nil {
		if ends, err = w.subjects(e.until, s.moment); err != nil {
			return s, err
		}
	}
	s.finding = e.try(s.subjects, ends, th, s.moment)
	return s, nil
}

// pass moves the scene's thread on.
func (w *world) pass(e *expectation, s sight) {
	if s.found == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.thread.pass(s.found)
	w.passed = s.found.at
}

// subjects are what a clause can be about, in the order of time.
func (w *world) subjects(c *clause, m moment) ([]*subject, error) {
	switch c.noun.name {
	case "frame":
		return w.frameSubjects(c.target, m.scene), nil
	case "response", "answer", "echo", "purged":
		return w.resultSubjects(c)
	case "connection":
		return []*subject{subjectOf(w.socket(c.target).state())}, nil
	case "socket", "neighbour":
		return hostSubjects(c.noun.name, w.hosts[c.target]), nil
	case "link":
		return []*subject{subjectOf(w.traffic(c.target))}, nil
	}
	var of trace.ID
	if c.of != "" {
		w.mu.Lock()
		of = w.results[c.of].trace
		w.mu.Unlock()
	}
	var all []*subject
	for _, e := range w.record.since(m.mark) {
		if string(e.Fact.Kind()) == c.noun.name && (c.of == "" || e.Trace == of) {
			all = append(all, &subject{
				at: e.Time, took: e.Took, station: e.Station, trace: e.Trace,
				value: reflect.ValueOf(e.Fact), decision: e.Decision, id: e.number,
			})
		}
	}
	return all, nil
}

// subjectOf is a state.
func subjectOf(v any) *subject { return &subject{value: reflect.ValueOf(v)} }

func (w *world) resultSubjects(c *clause) ([]*subject, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.last
	if c.target != "" {
		r = w.results[c.target]
	}
	if r == nil {
		return nil, errors.New("nothing has been asked for yet")
	}
	v, ok := r.of(c.noun.name)
	if !ok {
		return nil, fmt.Errorf("the last action was %s, which has no %s", r.verb, c.noun.name)
	}
	return []*subject{subjectOf(v)}, nil
}

func hostSubjects(noun string, h *host) []*subject {
	var all []*subject
	if noun == "socket" {
		for _, s := range h.Sockets() {
			v := Socket{Protocol: s.Protocol, Local: s.Local.String(), State: s.State, Unread: s.ReceiveQueue, Unacked: s.SendQueue}
			if s.Remote.IsValid() {
				v.Remote = s.Remote.String()
			}
			all = append(all, subjectOf(v))
		}
		return all
	}
	for _, n := range h.Neighbours() {
		all = append(all, subjectOf(Neighbour{Address: n.Addr.String(), MAC: n.MAC.String(), State: n.State}))
	}
	return all
}

// traffic is what a link has carried.
func (w *world) traffic(name string) Traffic {
	k, from := w.way(name)
	there, back := k.Stats()
	var t Traffic
	add := func(s lab.Stats) {
		t.Frames += s.Frames
		t.Bytes += s.Bytes
		t.Lost += s.Lost + s.Dropped + s.CoDelDropped
		t.Arrived += s.ArrivedBytes
	}
	if from != k.b {
		add(there)
	}
	if from != k.a {
		add(back)
	}
	return t
}

func (w *world) frameSubjects(link string, from time.Time) []*subject {
	k, sender := w.way(link)
	all := w.frames.of(k, "")
	seen := decode(all, w.names)
	var subjects []*subject
	for i := range seen {
		at := w.start.Add(all[i].sent)
		if at.Before(from) || sender != "" && all[i].from != k.sender(sender) {
			continue
		}
		s := &subject{at: at, station: seen[i].From, value: reflect.ValueOf(seen[i]), id: -1 - i}
		if !all[i].lost {
			s.took = all[i].arrived - all[i].sent
		}
		subjects = append(subjects, s)
	}
	slices.SortStableFunc(subjects, func(a, b *subject) int { return a.at.Compare(b.at) })
	return subjects
}

// names are the ends of a frame's link, in its direction, as the script calls
// them.
func (w *world) names(k kept) (from, to string) {
	if k.from == k.link.sender(k.link.a) {
		return k.link.a, k.link.b
	}
	return k.link.b, k.link.a
}
