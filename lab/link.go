package lab

import (
	"fmt"

	"waypost/trace"
)

// Link joins two nodes. What it does to frames is told each way by a
// [LinkShape] and can change while frames pass.
type Link struct {
	lab         *Lab
	name        string
	there, back *direction
	up          bool
	cuts        int // how often it was cut: what was under way then is lost
	taps        []*tap
	captures    []*Capture
	filters     []func(from string, frame []byte) (why string)
	station     *trace.Station // nil: nothing is recorded
	span        *trace.Span    // of facts without another cause
}

// Stats are what one direction of a link has done so far. Bytes are those of
// whole Ethernet frames.
type Stats struct {
	Frames, Bytes       int64 // sent into it
	Arrived             int64 // delivered to the other end, doubles included
	ArrivedBytes        int64
	Lost                int64 // by lot or number, on a cut link, too large, or too many under way
	Dropped             int64 // by a full queue
	CoDelDropped        int64 // by CoDel
	Duplicated          int64
	Corrupted           int64
	Reordered           int64
	Queued, LongestWait int64 // bytes in the queue now, and the most there ever were
}

// Name is the names of both ends, "client-server"; a second link of the same
// two nodes is "client-server#2".
func (k *Link) Name() string { return k.name }

// Ends are the names of the nodes that were given to Connect as a and b.
func (k *Link) Ends() (a, b string) { return k.there.from.name, k.there.to.name }

// Up reports whether frames pass: the link is not cut.
func (k *Link) Up() bool {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return k.up
}

// Cut takes the link down: what is under way, in its queues or sent from now
// on is lost. Nobody is told, as when a cable breaks behind the next switch.
func (k *Link) Cut() {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	if k.up {
		k.up = false
		k.cuts++
		k.changed("cut")
	}
}

// Restore brings a cut link back.
func (k *Link) Restore() {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	if !k.up {
		k.up = true
		k.changed("restored")
	}
}

// Shapes are those of the ways from a to b and from b to a.
func (k *Link) Shapes() (there, back LinkShape) {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return k.there.shape, k.back.shape
}

// Reshape gives the link other shapes, as Connect took them. Frames under
// way arrive as they would have; those in a queue leave it at the new rate.
// What has been counted for Loss.Nth begins anew.
func (k *Link) Reshape(there LinkShape, back ...LinkShape) error {
	s, err := bothWays(there, back)
	if err != nil {
		return fmt.Errorf("lab: reshape %s: %w", k.name, err)
	}
	k.lab.mu.Lock()
	k.there.reshape(s.there)
	k.back.reshape(s.back)
	k.changed("reshaped")
	k.lab.mu.Unlock()
	k.lab.loop.nudge()
	return nil
}

// Stats returns what the ways from a to b and from b to a have done.
func (k *Link) Stats() (there, back Stats) {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return k.there.account(), k.back.account()
}

// changed sets what follows from a change, and notes it.
func (k *Link) changed(verdict string) {
	k.there.settle()
	k.back.settle()
	if !k.span.On() {
		return
	}
	shape := k.there.shape.String()
	if back := k.back.shape.String(); back != shape {
		shape += " / " + back
	}
	k.span.Note(trace.LinkChange{Link: k.name, Up: k.up, Shape: shape},
		&trace.Decision{Verdict: verdict, Reason: "The scenario said so."})
}
