package packetdrill

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"waypost/tcp"
)

// RunScript runs the script in text. file is for messages.
func RunScript(file string, text []byte, o Options) Result {
	r := run{file: file, opts: o}
	err := r.script(text)
	res := Result{File: file}
	if err != nil {
		res = failure(file, err)
	}
	if res.Outcome == Failed && r.host != nil {
		res.Detail = r.detail(err)
	}
	if o.Verbose && r.host != nil {
		res.Trace = indent("", r.host.log.lines)
	}
	return res
}

// failure is the result of a script that ends with err.
func failure(file string, err error) Result {
	r := Result{File: file, Outcome: Failed, Reason: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		r.Line, r.Reason, r.Syntax = e.Line, e.Reason, e.Syntax
		if e.Unsupported {
			r.Outcome = Skipped
		}
	}
	return r
}

// unreadable marks the error of a script that could not be read, unless it
// was because of what is left out here.
func unreadable(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Syntax = !e.Unsupported
	}
	return err
}

// run is a script under way.
type run struct {
	file string
	opts Options
	set  settings
	host *host

	sockets map[int64]*socket // by the script's numbers
	vars    map[string]float64
	pending *pending // a call that blocks; one at a time
	failed  error    // what a blocked call found when it ended

	last        *Event
	lastAt      time.Duration // the time of the event before, as it came to be
	lastInbound bool
	mismatch    *mismatch // of the failure, for its detail
}

// script reads and runs the script.
func (r *run) script(text []byte) error {
	s, err := Parse(r.file, text)
	if err != nil {
		return unreadable(err)
	}
	if meantToFail(text) {
		return unsupported(0, "a script that is meant to fail: it tests the original")
	}
	if r.set, err = configure(s, r.opts); err != nil {
		return err
	}
	if err := supported(s); err != nil {
		return err
	}
	r.sockets, r.vars = map[int64]*socket{}, constants()
	r.host = newHost(r.set, r.poke)
	r.host.log.all = r.opts.Verbose
	for i := range s.Events {
		if err := r.event(&s.Events[i]); err != nil {
			return at(s.Events[i].Line, err)
		}
	}
	return r.finish(s)
}

// at gives an error the line of the event where it was found, if it has none.
func at(line int, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return wrong(line, "%v", err)
	}
	if e.Line == 0 {
		e.Line = line
	}
	return e
}

// event runs one event at its time.
func (r *run) event(e *Event) error {
	p, isPacket := e.Action.(*Packet)
	inbound := isPacket && p.Inbound
	// Segments that arrive one after the other keep the distance that the
	// script gives them. Everything else is counted from where the clock
	// stands, which is where the event before happened.
	base := r.host.now
	if inbound && r.lastInbound {
		base = r.lastAt
	}
	w := e.When
	shift := time.Duration(0)
	if w.Kind == Relative || w.Kind == RelativeRange {
		shift = base
	}
	from, to := w.From+shift, w.To+shift
	if isPacket && !p.Inbound {
		if err := r.expect(p, w.Kind, from, to); err != nil {
			return err
		}
	} else {
		r.host.advance(from)
		if late := r.host.now - from; late > r.tolerance(from) {
			return fmt.Errorf("it belongs at %s, but the segment before came at %s", clock(from), clock(r.host.now))
		}
		if err := r.act(e, shift); err != nil {
			return err
		}
	}
	r.last, r.lastAt, r.lastInbound = e, max(from, 0), inbound
	if isPacket && !p.Inbound {
		r.lastAt = r.host.now
	}
	return r.check()
}

// act does what an event says, other than expecting a segment.
func (r *run) act(e *Event, shift time.Duration) error {
	switch a := e.Action.(type) {
	case *Packet:
		return r.inject(a)
	case *Unreachable:
		return r.unreachable(a)
	case *Call:
		return r.call(e.Line, a, a.End+shift)
	case Command:
		if state, count, ok := sockstat(string(a)); ok {
			return r.inState(state, count)
		}
		return r.set.commands(e.Line, string(a))
	case *Code:
		return r.code(a)
	}
	return fmt.Errorf("an event of an unknown kind") // Parse makes no others
}

// check returns what was found wrong on the side of an event.
func (r *run) check() error {
	if r.failed != nil {
		return r.failed
	}
	for _, f := range r.host.flows {
		if f.dirty != "" {
			return errors.New(f.dirty)
		}
	}
	if p := r.pending; p != nil && r.host.now > p.end+r.toleranceOf(p.end-p.start) {
		return at(p.line, fmt.Errorf("%s does not return until %s", p.call.Name, clock(p.end)))
	}
	return nil
}

// finish waits for a call that still blocks and looks at what is left.
func (r *run) finish(s *Script) error {
	line := s.Events[len(s.Events)-1].Line
	if p := r.pending; p != nil {
		r.host.advance(p.end + r.toleranceOf(p.end-p.start) + time.Microsecond)
		if err := r.check(); err != nil {
			return at(line, err)
		}
	}
	if !r.opts.Complete {
		return nil
	}
	for _, f := range r.host.flows {
		if len(f.out) > 0 {
			got := f.out[0]
			r.mismatch = &mismatch{actual: clock(got.at) + " " + r.host.text(&got.packet)}
			return wrong(line, "the script ends, but more was sent")
		}
	}
	return nil
}

// tolerance is how far from time at something may happen that follows the
// last event.
func (r *run) tolerance(at time.Duration) time.Duration { return r.toleranceOf(at - r.lastAt) }

// toleranceOf is how far from its time something may happen that the script
// waits for so long.
func (r *run) toleranceOf(wait time.Duration) time.Duration {
	return max(r.set.tolerance, time.Duration(float64(wait)*r.set.percent/100))
}

// now is the time of the script.
func (r *run) now() tcp.Time { return r.host.now }

// detail writes what a failure is about: expected and actual segments, and
// those before.
func (r *run) detail(err error) string {
	var b strings.Builder
	if m := r.mismatch; m != nil {
		if m.expected != "" {
			b.WriteString("  expected  " + m.expected + "\n")
		}
		if m.actual != "" {
			b.WriteString("  actual    " + m.actual + "\n")
		}
	}
	if lines := r.host.log.last(); len(lines) > 0 {
		b.WriteString("  before\n" + indent("  ", lines))
	}
	return b.String()
}

func indent(by string, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("  " + by + l + "\n")
	}
	return b.String()
}
