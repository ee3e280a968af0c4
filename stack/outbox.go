package stack

// outbox is what the host has to send. Frames are built into it under the
// host's lock and handed to their devices after it is released, in order, by
// the goroutine that caused them. While one goroutine does so, others leave
// their frames to it. So:
//
//   - a device is called without the host's lock and may deliver the frame to
//     another host, or back to this one, within the call: nobody waits for
//     anybody;
//   - frames leave in the order in which they were built, those of one flow
//     therefore in the order of the flow;
//   - Receive and every call of a socket end after a bounded amount of work:
//     when others keep adding frames, the clock takes over after flushRounds.
type outbox struct {
	bytes  []byte
	frames []outFrame
}

// outFrame is one frame; it ends at end and begins where the one before ends.
type outFrame struct {
	iface *Interface
	end   int
}

const (
	// outboxLimit bounds the bytes that wait for a device that is slow; what
	// comes above it is dropped as by a full transmit queue. Four full
	// windows of the largest default send buffer fit.
	outboxLimit = 16 << 20
	// flushRounds bounds how often one goroutine looks for more frames that
	// others have added: some milliseconds of work.
	flushRounds = 1000
	// outboxFull is where a connection with more to send yields until its
	// frames are on the way: then who receives them works side by side with
	// us, and the outbox of a busy host stays small. It is some forty full
	// frames of Ethernet.
	outboxFull = 64 << 10
	// outboxKeep is the most that a host keeps for the next burst: room for
	// outboxFull and the largest frame, as append rounds it up.
	outboxKeep = 192 << 10
)

// open begins a frame on the way p and returns the bytes to which its packet
// is to be appended; shut takes them back.
func (h *Host) open(p *path) []byte {
	b := h.out.bytes
	if !p.iface.ethernet {
		return b
	}
	return p.header().Append(b)
}

// shut ends the frame that open began: it is sent, or waits for the link
// address of its neighbour. forwarded tells that the packet is not our own.
func (h *Host) shut(p *path, b []byte, forwarded bool) {
	start := len(h.out.bytes)
	switch {
	case h.closed:
		return
	case start > outboxLimit:
		h.stats.OutboxDropped++
		return
	}
	if p.neighbour != nil && !h.usable(p) {
		h.out.bytes = b[:start] // the room is kept, the frame is not
		h.hold(p, b[start+ethernetSize:], forwarded)
		return
	}
	h.out.bytes = b
	h.out.frames = append(h.out.frames, outFrame{p.iface, len(b)})
}

// unlock releases the host's lock after the clock is armed, and flushes.
func (h *Host) unlock() {
	h.arm()
	if len(h.out.frames) > 0 && !h.flushing {
		h.flush()
	}
	h.mu.Unlock()
}

// flush hands frames to their devices until there are none. The lock is held
// before and after, not meanwhile: look at everything anew.
func (h *Host) flush() {
	h.flushing = true
	for round := 0; len(h.out.frames) > 0; round++ {
		if round == flushRounds {
			h.fire()
			break
		}
		batch := h.out
		h.out, h.spare = h.spare, outbox{}
		h.mu.Unlock()
		start := 0
		for _, f := range batch.frames {
			f.iface.device.Transmit(batch.bytes[start:f.end:f.end])
			start = f.end
		}
		h.mu.Lock()
		h.spare = batch.emptied()
		h.resume()
	}
	h.flushing = false
	h.arm()
}

// yield puts a connection that has more to send behind the others that do.
func (h *Host) yield(c *TCPConn) {
	if !c.yielding {
		c.yielding = true
		h.yielding = append(h.yielding, c)
	}
}

// resume lets the connections that have yielded go on.
func (h *Host) resume() {
	if len(h.yielding) == 0 {
		return
	}
	h.time = h.now()
	turn := h.yielding
	h.yielding, h.yielded = h.yielded[:0], nil
	for n, c := range turn {
		turn[n], c.yielding = nil, false
		h.pump(c)
	}
	h.yielded = turn[:0]
}

// emptied is the outbox without frames, with its room if that is not too
// much to keep.
func (o outbox) emptied() outbox {
	if cap(o.bytes) > outboxKeep {
		return outbox{}
	}
	return outbox{bytes: o.bytes[:0], frames: o.frames[:0]}
}
