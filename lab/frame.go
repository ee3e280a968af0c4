package lab

import "time"

// frame is an Ethernet frame on one way of a link, with what was drawn for
// it. Frames are pooled: one that has ended is recycled.
type frame struct {
	data   []byte
	way    *direction
	sent   time.Duration // when it entered the link
	queued time.Duration // when it came to wait
	cuts   int           // how often the link had been cut by then
	number uint64        // its place among all frames that entered links

	refused bool // does not even reach the transmitter
	doomed  bool // is lost on the wire
	double  bool // arrives twice
	held    bool // is held back
	bit     int  // the bit to be turned; 0: none

	what, why, clause string // how it was lost
}

// refuse makes the frame one that is lost before it reaches the transmitter.
func (f *frame) refuse(what, why string) { f.refused, f.what, f.why = true, what, why }

const (
	// frameRoom is the room of a pooled frame: an Ethernet frame of the
	// default MTU. Larger ones are not pooled.
	frameRoom = 1536
	// maxPooled bounds the frames that wait to be used again: 6 MB.
	maxPooled = 4096
)

// frame takes a copy of data. The lab's lock is held.
func (p *loop) frame(data []byte) *frame {
	var f *frame
	if n := len(p.pool); n > 0 && len(data) <= frameRoom {
		f = p.pool[n-1]
		p.pool[n-1] = nil
		p.pool = p.pool[:n-1]
	} else {
		f = &frame{data: make([]byte, 0, max(frameRoom, len(data)))}
	}
	f.data = append(f.data[:0], data...)
	return f
}

// recycle takes back a frame that has ended. The lab's lock is held.
func (p *loop) recycle(f *frame) {
	if len(p.pool) < maxPooled && cap(f.data) == frameRoom {
		*f = frame{data: f.data[:0]}
		p.pool = append(p.pool, f)
	}
}
