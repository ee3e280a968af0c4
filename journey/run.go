package journey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"waypost/report"
	"waypost/trace"
)

// Options say how a journey is run. The zero value runs it with seed 0 and
// keeps nothing.
type Options struct {
	// Seed fixes all that is drawn by lot.
	Seed uint64
	// Pcap is the directory that captures of all links are written to, below
	// it in one named after the journey; "" takes none.
	Pcap string
	// Hash asks for the sums of captures and record.
	Hash bool
	// Step is told of each statement before it is done, with the journey's
	// clock. It may be nil.
	Step func(at time.Duration, line int, statement string)
	// Progress is told of each event. It may be nil, and is called from
	// several goroutines.
	Progress func(trace.Event)
	// Diagrams asks for the time-sequence diagrams of the connections.
	Diagrams bool
}

// Result is what a run came to.
type Result struct {
	Journey *Journey
	// Seed is what chance came from: the script's where it names one, else
	// that of the Options.
	Seed     uint64
	Failures []Failure
	// Err is why it ended early: an action that failed, or the lab.
	Err     error
	Virtual time.Duration
	Wall    time.Duration // as far as it is known inside of virtual time: 0
	Events  []trace.Event
	Missed  int
	Start   time.Time
	// Loads are the client's actions with every station's account, in order.
	Loads []trace.Load
	// Captures and Record are sums (SHA-256) of the frames of all links and
	// of what the stations said; "" where Options did not ask.
	Captures, Record string
	Sequences        []report.Sequence
	// Disturbed is how often the machine got in the way (lab.Lab.Disturbed):
	// where it is not 0, what happens at one instant may have another order
	// in another run.
	Disturbed int
}

// Passed reports whether all came true.
func (r *Result) Passed() bool { return len(r.Failures) == 0 && r.Err == nil }

// Run does what the script says. It must be called inside a bubble of
// testing/synctest, in which no other lab runs: by a test, or under
// lab.Virtual.
func (j *Journey) Run(ctx context.Context, o Options) *Result {
	if j.seed != 0 {
		o.Seed = j.seed
	}
	r := &Result{Journey: j, Seed: o.Seed, Start: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, j.limit)
	defer cancel()
	w, err := newWorld(ctx, j, o)
	if err != nil {
		r.Err = err
		return r
	}
	w.play()
	w.background.Wait()
	if n := len(j.steps); n > 0 && !w.over() {
		w.inTime(j.steps[n-1]) // the last statement, and what is in the background, have nobody after them who looks
	}
	w.settle()
	r.Virtual = time.Since(w.start)
	// What comes now is the end of the lab and no part of the journey.
	r.Events, r.Missed = w.record.all()
	r.Disturbed = w.lab.Disturbed()
	r.Loads = w.loads(r.Events)
	r.Sequences = w.sequences(r.Events, r.Loads)
	r.Err = errors.Join(w.err, w.endCaptures(), w.close())
	r.Failures = w.failures
	if o.Hash {
		w.sums(r)
	}
	return r
}

// play does the statements in order.
func (w *world) play() {
	for _, s := range w.journey.steps {
		if w.over() {
			return
		}
		if w.options.Diagrams && w.recording == nil && moves(s) {
			w.recording = w.lab.Record(0, w.lab.Links()...)
		}
		if !w.inTime(s) {
			return
		}
		switch {
		case s.timed:
			w.later(s, s.at)
		case s.delayed:
			w.later(s, time.Since(w.start)+s.at)
		case s.background:
			w.aside(s)
		default:
			w.perform(s)
		}
	}
}

// inTime ends the journey at step s when it has taken longer than its limit.
func (w *world) inTime(s *step) bool {
	took := time.Since(w.start)
	if took > w.journey.limit || took == w.journey.limit && w.ctx.Err() != nil {
		w.stop(&s.line, fmt.Errorf("the journey has taken %v, and its limit is %v: more needs a line limit DURATION", took.Round(precision), w.journey.limit))
		return false
	}
	return true
}

// moves reports whether a step does more than set up.
func moves(s *step) bool {
	for i := range verbs {
		if s.words[0].is(verbs[i].name) {
			return verbs[i].runs
		}
	}
	return true // at, after, try, repeat stand before it
}

// later does a step when the journey's clock says so.
func (w *world) later(s *step, at time.Duration) {
	w.background.Add(1)
	w.lab.At(at, func() {
		defer w.background.Done()
		if !w.over() {
			w.perform(s)
		}
	})
}

// aside does a step, each of its rounds, at the same time as what follows.
func (w *world) aside(s *step) {
	for n := range max(1, s.repeat) {
		w.background.Add(1)
		w.lab.At(w.lab.Now(), func() {
			defer w.background.Done()
			w.once(s, n+1)
		})
	}
}

// perform does a step with all its rounds, one after the other.
func (w *world) perform(s *step) {
	for n := range max(1, s.repeat) {
		if !w.once(s, n+1) {
			return
		}
	}
}

// once does a step and reports whether the journey goes on.
func (w *world) once(s *step, round int) bool {
	if w.options.Step != nil {
		w.options.Step(time.Since(w.start), s.place.line, s.text)
	}
	err := s.do.do(&task{world: w, step: s, ctx: w.ctx, round: round})
	if err == nil || s.try {
		return true
	}
	w.stop(&s.line, err)
	return false
}

// stop ends the journey: what comes after an action that failed means
// nothing.
func (w *world) stop(l *line, err error) {
	w.mu.Lock()
	first := w.err == nil
	if first {
		w.err = fmt.Errorf("%s:%d: %s: %w", w.journey.File, l.place.line, l.text, err)
	}
	w.mu.Unlock()
}

func (w *world) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err != nil
}

// loads are the client's actions, each with all that its trace caused.
func (w *world) loads(events []trace.Event) []trace.Load {
	byTrace := map[trace.ID][]trace.Event{}
	var order []trace.ID
	for _, e := range events {
		if byTrace[e.Trace] == nil {
			order = append(order, e.Trace)
		}
		byTrace[e.Trace] = append(byTrace[e.Trace], e)
	}
	var loads []trace.Load
	for _, id := range order {
		name, asked := asked(byTrace[id])
		if asked {
			loads = append(loads, trace.NewLoad(name, id, byTrace[id]))
		}
	}
	return loads
}

// asked is the URL or the name that a trace is about, where a client began it.
func asked(events []trace.Event) (string, bool) {
	for _, e := range events {
		switch f := e.Fact.(type) {
		case trace.URLParsed:
			return f.Typed, true
		case trace.HTTPRequest:
			return f.URL, true
		}
	}
	return "", false
}

// sums are over captures and record.
func (w *world) sums(r *Result) {
	h := sha256.New()
	slices.SortFunc(w.captures, func(a, b *capture) int { return compareNames(a.link, b.link) })
	for _, c := range w.captures {
		if c.text != nil {
			h.Write(c.text.Bytes()) //nolint:errcheck // a hash takes everything
		}
	}
	r.Captures = hex.EncodeToString(h.Sum(nil))
	h.Reset()
	sum(h, r.Events, w.start)
	r.Record = hex.EncodeToString(h.Sum(nil))
}
