package lab

import "time"

// queue is the frames that wait for the transmitter of a direction with a
// rate. It is a ring.
type queue struct {
	frames []*frame
	head   int
	count  int
	bytes  int
	codel  codel
}

func (q *queue) push(f *frame) {
	if q.count == len(q.frames) {
		larger := make([]*frame, max(2*q.count, 16))
		for i := range q.count {
			larger[i] = q.frames[(q.head+i)%q.count]
		}
		q.frames, q.head = larger, 0
	}
	q.frames[(q.head+q.count)%len(q.frames)] = f
	q.count++
	q.bytes += len(f.data)
}

func (q *queue) pop() *frame {
	if q.count == 0 {
		return nil
	}
	f := q.frames[q.head]
	q.frames[q.head] = nil
	q.head = (q.head + 1) % len(q.frames)
	q.count--
	q.bytes -= len(f.data)
	return f
}

// full reports whether the queue has no room for a frame that must wait: it
// is dropped (drop-tail).
func (d *direction) full(f *frame) bool {
	return d.sending != nil && d.queue.bytes+len(f.data) > d.shape.queue()
}

// enqueue takes a frame to be sent at the direction's rate, for which there
// is room.
func (d *direction) enqueue(now time.Duration, f *frame) {
	if d.sending == nil {
		d.transmit(now, f)
		return
	}
	f.queued = now
	d.queue.push(f)
	d.stats.LongestWait = max(d.stats.LongestWait, int64(d.queue.bytes))
}

// transmit begins to send a frame.
func (d *direction) transmit(now time.Duration, f *frame) {
	d.sending = f
	d.sequence++
	d.lab.loop.agenda.push(event{at: now + d.takes(len(f.data)), kind: transmitted, index: d.index, order: d.sequence, way: d})
}

// takes is how long the transmitter needs for so many bytes, rounded up.
func (d *direction) takes(bytes int) time.Duration {
	if d.shape.Rate == 0 {
		return 0 // the rate was taken away while frames were waiting
	}
	bits := int64(bytes) * 8
	whole, rest := bits/d.shape.Rate, bits%d.shape.Rate
	part := (float64(rest)*float64(time.Second) + float64(d.shape.Rate) - 1) / float64(d.shape.Rate)
	return time.Duration(whole)*time.Second + time.Duration(part)
}

// transmitted goes on with the next frame when one has left.
func (d *direction) transmitted(now time.Duration) {
	f := d.sending
	d.sending = nil
	if f.cuts != d.link.cuts {
		f.what, f.why = "lost", "The link was cut while the frame was being sent."
		d.lose(f)
	} else {
		d.launch(now, f)
	}
	if next := d.dequeue(now); next != nil {
		d.transmit(now, next)
	}
}

// dequeue takes the next frame out of the queue, past what a cut has ended
// and what CoDel drops.
func (d *direction) dequeue(now time.Duration) *frame {
	for {
		f := d.queue.pop()
		if f != nil && f.cuts != d.link.cuts {
			f.what, f.why = "lost", "The link was cut while the frame was waiting in the queue."
			d.lose(f)
			continue
		}
		if f == nil {
			d.queue.codel.empty()
			return nil
		}
		if !d.shape.CoDel || !d.queue.codel.drops(now, f, d.queue.bytes, d.shape.mtu()) {
			return f
		}
		f.what, f.clause = "dropped by CoDel", "RFC 8289 §4.3"
		f.why = "Frames have waited for more than " + codelTarget.String() + " for longer than " + codelInterval.String() + "; this one for " + (now - f.queued).String() + "."
		d.lose(f)
	}
}
