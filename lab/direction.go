package lab

import (
	"math/rand/v2"
	"time"

	"waypost/packet"
	"waypost/trace"
)

// direction is one way of a link. A frame enters, waits in the queue where
// the way has a rate, is under way, and arrives. What will become of it is
// drawn when it enters; a frame that is to be lost takes its time on the wire
// all the same.
//
// Everything here happens under the lab's lock.
type direction struct {
	lab      *Lab
	link     *Link
	from, to *end
	name     string // "from-to"
	index    int    // place among all directions: the order at one instant

	shape    LinkShape
	plain    bool // nothing is done to frames and nobody watches
	rand     *rand.Rand
	losses   lottery
	sequence uint64        // frames set under way
	latest   time.Duration // arrival of the latest frame that was not held back
	underWay int           // bytes set under way and not arrived
	queue    queue
	sending  *frame // on its way out at the rate; nil: the transmitter is idle
	stats    Stats
}

// maxUnderWay bounds the bytes that one direction carries at a time. A link
// without a rate would take what an unbounded sender offers; this much is
// four times the largest window of RFC 7323's examples (10 Gbit/s over 13 ms).
const maxUnderWay = 64 << 20

// newDirection makes one way of k. The lock is held.
func (l *Lab) newDirection(k *Link, from, to *end, s LinkShape) *direction {
	d := &direction{lab: l, link: k, from: from, to: to, name: from.name + "-" + to.name, index: l.directions}
	way := " there"
	if l.directions%2 == 1 {
		way = " back"
	}
	d.rand = rand.New(rand.NewPCG(l.seed("link "+k.name+way), 0))
	l.directions++
	d.reshape(s)
	d.settle()
	return d
}

func (d *direction) reshape(s LinkShape) {
	d.shape = s
	d.losses = lottery{loss: s.Loss}
}

// settle works out whether the short way is open.
func (d *direction) settle() {
	k := d.link
	d.plain = k.up && d.shape.passes() && len(k.taps)+len(k.captures)+len(k.filters) == 0 &&
		d.sending == nil && d.underWay == 0
}

// enter takes a frame that was sent at this instant. data is borrowed.
func (d *direction) enter(now time.Duration, data []byte) {
	d.stats.Frames++
	d.stats.Bytes += int64(len(data))
	f := d.lab.loop.frame(data)
	d.lab.loop.frames++
	f.way, f.sent, f.cuts, f.number = d, now, d.link.cuts, d.lab.loop.frames
	d.judge(f)
	if !f.refused && d.full(f) {
		f.refuse("dropped by the queue", "The queue of "+inUnits(int64(d.shape.queue()), byteUnits)+" is full.")
	}
	d.link.watchSent(f) // a capture tells what became of it, where that is known
	switch {
	case f.refused:
		d.lose(f)
	case d.shape.Rate > 0 || d.sending != nil:
		d.enqueue(now, f)
	default:
		d.launch(now, f)
	}
}

// judge draws the fate of a frame.
func (d *direction) judge(f *frame) {
	s := &d.shape
	size := len(f.data)
	switch {
	case !d.link.up:
		f.refuse("lost", "The link is cut.")
		return
	case size-packet.EthernetSize > s.mtu():
		f.refuse("lost", "The packet is larger than the link's MTU, and the link does not say so.")
		return
	case d.underWay+d.queue.bytes+size > maxUnderWay:
		f.refuse("lost", "More is under way than the lab has room for.")
		return
	}
	if why := d.filtered(f.data); why != "" {
		f.refuse("lost", why)
		return
	}
	if why := d.losses.draw(d.rand); why != "" {
		f.doomed, f.what, f.why = true, "lost", why
	}
	if s.Corrupt > 0 && d.rand.Float64() < s.Corrupt && size > packet.EthernetSize {
		f.bit = 8*packet.EthernetSize + d.rand.IntN(8*(size-packet.EthernetSize))
	}
	f.double = s.Duplicate > 0 && d.rand.Float64() < s.Duplicate
	f.held = s.Reorder > 0 && d.rand.Float64() < s.Reorder
}

// launch sets a frame under way: it has left the transmitter.
func (d *direction) launch(now time.Duration, f *frame) {
	if f.doomed {
		d.lose(f)
		return
	}
	if f.bit > 0 {
		f.data[f.bit/8] ^= 1 << (f.bit % 8)
		d.stats.Corrupted++
		d.note(f, "corrupted", "One bit was turned: by lot, "+percent(d.shape.Corrupt)+" of the frames.")
	}
	at := now + d.shape.Delay
	if d.shape.Jitter > 0 {
		at += time.Duration(d.rand.Int64N(int64(d.shape.Jitter) + 1))
	}
	if f.held {
		at += d.shape.reorderBy()
		d.stats.Reordered++
		d.note(f, "reordered", "Held back for "+d.shape.reorderBy().String()+": by lot, "+percent(d.shape.Reorder)+" of the frames.")
	} else {
		at = max(at, d.latest)
		d.latest = at
	}
	d.carry(at, f)
	if f.double {
		d.stats.Duplicated++
		d.note(f, "doubled", "It arrives twice: by lot, "+percent(d.shape.Duplicate)+" of the frames.")
		twin := d.lab.loop.frame(f.data)
		twin.way, twin.sent, twin.cuts, twin.number = d, f.sent, f.cuts, f.number
		d.carry(at, twin)
	}
}

// carry puts an arrival on the agenda.
func (d *direction) carry(at time.Duration, f *frame) {
	d.underWay += len(f.data)
	d.sequence++
	d.lab.loop.agenda.push(event{at: at, kind: arrival, index: d.index, order: d.sequence, frame: f})
}

// arrive ends the way of a frame. It reports whether the frame is to be
// given to the node; otherwise it was lost and is gone.
func (d *direction) arrive(now time.Duration, f *frame) bool {
	if d.underWay -= len(f.data); d.underWay == 0 {
		d.settle() // the short way may be open again
	}
	if f.cuts != d.link.cuts {
		f.what, f.why = "lost", "The link was cut while the frame was under way."
		d.lose(f)
		return false
	}
	d.stats.Arrived++
	d.stats.ArrivedBytes += int64(len(f.data))
	d.link.watchArrived(now, f)
	return true
}

// lose ends a frame that does not arrive.
func (d *direction) lose(f *frame) {
	switch f.what {
	case "dropped by the queue":
		d.stats.Dropped++
	case "dropped by CoDel":
		d.stats.CoDelDropped++
	default:
		d.stats.Lost++
	}
	d.note(f, "lost", f.why)
	d.link.watchLost(f)
	d.lab.loop.recycle(f)
}

// note records what was done to a frame. The fact belongs to the journey
// that caused the frame, where one is known.
func (d *direction) note(f *frame, what, why string) {
	k := d.link
	if !k.span.On() {
		return
	}
	span := k.span
	if cause, ok := d.lab.cause(f.data); ok {
		span = k.station.Join(cause)
	}
	span.Note(trace.LinkLoss{Link: d.name, Frame: packet.Describe(f.data), Bytes: len(f.data), What: what},
		&trace.Decision{Verdict: what, Reason: why, Clause: f.clause})
}

// account is the statistics with the state of the queue.
func (d *direction) account() Stats {
	s := d.stats
	s.Queued = int64(d.queue.bytes)
	return s
}
