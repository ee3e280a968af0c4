package lab

import (
	"slices"
	"time"
)

// Frame is what became of one frame on one way of a link.
type Frame struct {
	Link     *Link
	From, To string // the nodes at both ends, in the direction of the frame
	// Sent is when it entered the link and Arrived when it came out, in the
	// time of the lab ([Lab.Now]). Arrived is 0 for a lost one.
	Sent, Arrived time.Duration
	// Number is the frame's place among all that entered links of the lab:
	// taps are told in the order of arrivals and losses. A double has the
	// number of its twin.
	Number uint64
	Lost   bool
	Why    string // why it was lost, or what else happened to it
	// Data is the Ethernet frame, as it arrived or would have. It is
	// borrowed: it holds good only during the call.
	Data []byte
}

// Tap is told of every frame of a link once, when its fate is known: at its
// arrival or its loss. It is called by the loop, one call at a time, and must
// neither wait nor call the lab.
type Tap func(Frame)

// tap is a Tap with an identity of its own.
type tap struct{ f Tap }

// Tap attaches a tap to both ways of the link, until remove is called.
func (k *Link) Tap(f Tap) (remove func()) {
	t := &tap{f}
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	k.taps = append(k.taps, t)
	k.there.settle()
	k.back.settle()
	return func() {
		k.lab.mu.Lock()
		defer k.lab.mu.Unlock()
		k.taps = slices.DeleteFunc(slices.Clone(k.taps), func(o *tap) bool { return o == t })
		k.there.settle()
		k.back.settle()
	}
}

func (k *Link) watchSent(f *frame) {
	for _, c := range k.captures {
		c.sent(f)
	}
}

func (k *Link) watchArrived(now time.Duration, f *frame) {
	for _, c := range k.captures {
		c.arrived(now, f)
	}
	if len(k.taps) > 0 {
		k.tell(Frame{Arrived: now}, f)
	}
}

func (k *Link) watchLost(f *frame) {
	if len(k.taps) > 0 {
		k.tell(Frame{Lost: true}, f)
	}
}

func (k *Link) tell(told Frame, f *frame) {
	told.Link, told.From, told.To = k, f.way.from.name, f.way.to.name
	told.Sent, told.Number, told.Why, told.Data = f.sent, f.number, f.why, f.data
	for _, t := range k.taps {
		t.f(told)
	}
}
