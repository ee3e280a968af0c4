package report

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// An invented transfer for the tests: a Reno sender of few words over a link
// with a rate, a delay and segments that it loses. It knows just enough to
// look like TCP.

const (
	fakeMSS   = 1460
	fakeDelay = 20 * time.Millisecond
	fakeRTO   = 220 * time.Millisecond
	fakeWire  = 1200 * time.Microsecond // 1,500 bytes at 10 Mbit/s
)

type fakeEvent struct {
	at time.Duration
	do func()
}

type fakeTransfer struct {
	now    time.Duration
	queue  []fakeEvent
	q      Sequence
	chart  [6][]Point // cwnd, ssthresh, flight, window, rtt, queue
	drop   []int      // data segments to lose, counted from 1
	size   int64
	sent   int // data segments so far
	free   time.Duration
	cwnd   int64
	thresh int64 // 0: not set
	una    int64
	next   int64
	top    int64 // the highest sent
	dups   int
	fast   bool
	got    int64 // next expected by the receiver
	held   []Range
	timer  int // which timer is the latest
	closed bool
}

func (f *fakeTransfer) after(d time.Duration, do func()) {
	f.queue = append(f.queue, fakeEvent{f.now + d, do})
}

func (f *fakeTransfer) run() {
	for len(f.queue) > 0 {
		first := 0
		for i, e := range f.queue {
			if e.at < f.queue[first].at {
				first = i
			}
		}
		e := f.queue[first]
		f.queue = slices.Delete(f.queue, first, first+1)
		f.now = e.at
		e.do()
	}
}

func (f *fakeTransfer) note(short, text, clause string) {
	f.q.Notes = append(f.q.Notes, Note{At: f.now, Lane: 0, Short: short, Text: text, Clause: clause})
}

func (f *fakeTransfer) state(lane int, name string) {
	f.q.States = append(f.q.States, State{At: f.now, Lane: lane, Name: name})
}

func (f *fakeTransfer) sample() {
	threshold := math.NaN()
	if f.thresh > 0 {
		threshold = float64(f.thresh)
	}
	for i, v := range []float64{float64(f.cwnd), threshold, float64(f.next - f.una), 65535} {
		f.chart[i] = append(f.chart[i], Point{f.now, v})
	}
}

// reply carries a segment from the receiver's end or one without a queue.
func (f *fakeTransfer) carry(s Segment, then func()) {
	s.Sent, s.Arrived = f.now, f.now+fakeDelay
	f.q.Segments = append(f.q.Segments, s)
	f.after(fakeDelay, then)
}

func newFakeTransfer(size int64, drop ...int) *fakeTransfer {
	f := &fakeTransfer{size: size, drop: drop, cwnd: 10 * fakeMSS, una: 1, next: 1, top: 1, got: 1}
	f.q = Sequence{Title: "Segment by segment", Lanes: []Lane{{"client", "192.0.2.10:49152"}, {"server", "203.0.113.80:80"}}}
	f.state(0, "CLOSED")
	f.state(1, "LISTEN")
	f.state(0, "SYN-SENT")
	f.carry(Segment{From: 0, To: 1, Kind: SegmentOpen, Label: "SYN seq=0 win=65535 mss=1460", Window: 65535}, func() {
		f.state(1, "SYN-RECEIVED")
		f.carry(Segment{From: 1, To: 0, Kind: SegmentOpen, Label: "SYN,ACK seq=0 ack=1 win=65535", Ack: 1, Window: 65535}, func() {
			f.state(0, "ESTABLISHED")
			f.chart[4] = append(f.chart[4], Point{f.now, (2 * fakeDelay).Seconds()})
			f.carry(Segment{From: 0, To: 1, Kind: SegmentAck, Label: "ACK ack=1", Ack: 1, Window: 65535}, func() { f.state(1, "ESTABLISHED") })
			f.note("window of 10", "The first flight may hold ten segments", "RFC 6928 §2")
			f.send()
		})
	})
	f.run()
	return f
}

func (f *fakeTransfer) send() {
	f.sample()
	for f.next < f.una+min(f.cwnd, 65535) && f.next <= f.size {
		f.transmit(f.next, f.next < f.top)
		f.next += min(fakeMSS, f.size+1-f.next)
		f.top = max(f.top, f.next)
	}
	f.sample()
	if f.una > f.size && !f.closed {
		f.closed = true
		f.close()
	}
	f.timer++
	timer := f.timer
	if f.una <= f.size {
		f.after(fakeRTO, func() {
			if timer == f.timer {
				f.timeout()
			}
		})
	}
}

func (f *fakeTransfer) transmit(seq int64, again bool) {
	f.sent++
	n := min(fakeMSS, f.size+1-seq)
	s := Segment{From: 0, To: 1, Sent: f.now, Kind: SegmentData, Seq: seq, Bytes: n, Ack: 1, Window: 65535, Label: fmt.Sprintf("data %d–%d", seq, seq+n-1)}
	if again {
		s.Kind, s.Label = SegmentAgain, s.Label+" again"
	}
	f.free = max(f.free, f.now) + fakeWire
	f.chart[5] = append(f.chart[5], Point{f.now, float64((f.free-f.now)/fakeWire) * 1500})
	s.Arrived = f.free + fakeDelay
	if slices.Contains(f.drop, f.sent) {
		s.Lost = "the link loses frame " + fmt.Sprint(f.sent)
		f.q.Segments = append(f.q.Segments, s)
		return
	}
	f.q.Segments = append(f.q.Segments, s)
	sent := f.now
	f.after(s.Arrived-f.now, func() { f.arrive(seq, n, sent) })
}

func (f *fakeTransfer) arrive(seq, n int64, sent time.Duration) {
	kind, before := SegmentAck, f.got
	f.held = append(f.held, Range{seq, seq + n})
	for again := true; again; {
		again = false
		for _, h := range f.held {
			if h.Left <= f.got && h.Right > f.got {
				f.got, again = h.Right, true
			}
		}
	}
	a := Segment{From: 1, To: 0, Ack: f.got, Window: 65535, Seq: 1}
	if f.got == before {
		kind = SegmentDup
		a.SACK = []Range{{seq, seq + n}}
	}
	a.Kind, a.Label = kind, fmt.Sprintf("ACK ack=%d", f.got)
	if kind == SegmentDup {
		a.Label = fmt.Sprintf("dup ACK ack=%d sack=%d–%d", f.got, seq, seq+n-1)
	}
	ack := f.got
	f.carry(a, func() { f.acked(ack, sent) })
}

func (f *fakeTransfer) acked(ack int64, sent time.Duration) {
	if ack > f.una {
		f.chart[4] = append(f.chart[4], Point{f.now, (f.now - sent).Seconds()})
		if f.fast && ack >= f.top-f.cwnd {
			f.fast, f.cwnd = false, f.thresh
			f.note("recovered", "All that was in flight is acknowledged: cwnd falls to ssthresh and grows by one segment in each round trip", "RFC 5681 §3.2 step 6")
		} else if f.thresh == 0 || f.cwnd < f.thresh {
			f.cwnd += fakeMSS
		} else {
			f.cwnd += fakeMSS * fakeMSS / f.cwnd
		}
		f.una, f.dups = ack, 0
		f.next = max(f.next, f.una)
		f.send()
		return
	}
	if f.dups++; f.dups == 3 && !f.fast {
		f.fast, f.thresh = true, max((f.next-f.una)/2, 2*fakeMSS)
		f.cwnd = f.thresh + 3*fakeMSS
		f.note("fast retransmit", "Three duplicate ACKs say that a segment was lost and later ones arrived: it is sent again without waiting for the timer; ssthresh is half of what was in flight", "RFC 5681 §3.2")
		f.transmit(f.una, true)
	} else if f.fast {
		f.cwnd += fakeMSS
	}
	f.send()
}

func (f *fakeTransfer) timeout() {
	f.thresh, f.cwnd, f.fast, f.dups = max((f.next-f.una)/2, 2*fakeMSS), fakeMSS, false, 0
	f.note("timeout", "No acknowledgement within the RTO: cwnd falls to one segment and slow start begins again up to half of what was in flight", "RFC 5681 §3.1")
	f.next = f.una
	f.send()
}

func (f *fakeTransfer) close() {
	f.state(0, "FIN-WAIT-1")
	f.carry(Segment{From: 0, To: 1, Kind: SegmentClose, Label: "FIN,ACK", Seq: f.next, Ack: 1, Window: 65535}, func() {
		f.state(1, "CLOSE-WAIT")
		f.carry(Segment{From: 1, To: 0, Kind: SegmentAck, Label: fmt.Sprintf("ACK ack=%d", f.next+1), Ack: f.next + 1, Window: 65535}, func() { f.state(0, "FIN-WAIT-2") })
		f.state(1, "LAST-ACK")
		f.carry(Segment{From: 1, To: 0, Kind: SegmentClose, Label: "FIN,ACK seq=1", Seq: 1, Ack: f.next + 1, Window: 65535}, func() {
			f.state(0, "TIME-WAIT")
			f.carry(Segment{From: 0, To: 1, Kind: SegmentAck, Label: "ACK ack=2", Seq: f.next + 1, Ack: 2, Window: 65535}, func() { f.state(1, "CLOSED") })
		})
	})
}

// document is what a command would make of it.
func (f *fakeTransfer) document() Document {
	c := Chart{
		Title: "What the sender allowed itself", Trail: &f.q, Notes: f.q.Notes,
		Summary: "All panels share one axis of time. The numbers are explained below them.",
		Panels: []Panel{
			{"Windows", Bytes, []Series{{Name: "cwnd", Points: f.chart[0]}, {Name: "ssthresh", Points: f.chart[1]}, {Name: "in flight", Points: f.chart[2], Fill: true}, {Name: "peer's window", Points: f.chart[3]}}},
			{"Round-trip time", Seconds, []Series{{Name: "measured", Points: f.chart[4], Dots: true}}},
			{"Bottleneck's queue", Bytes, []Series{{Name: "queued", Points: f.chart[5], Fill: true}}},
		},
	}
	return Document{
		Title:   fmt.Sprintf("A transfer of %s over a link that loses", size(f.size)),
		Summary: "client sends to server over 10 Mbit/s with a delay of 20 ms each way. Reno lowers its window when a segment is lost; the goodput is what is left.",
		Sums: []Sum{
			{"transferred", size(f.size), "in " + lapse(f.now)}, {"goodput", quantity(Bits, float64(f.size)*8/f.now.Seconds()), "of 10 Mbit/s"},
			{"sent again", fmt.Sprint(len(f.drop)), "segments"}, {"limited by", "cwnd", "for 81 % of the time"},
		},
		Charts: []Chart{c}, Sequences: []Sequence{f.q},
		Tables: []Table{{Title: "Both ends", Head: []string{"", "client", "server"}, Rows: [][]string{{"segments sent", "130", "121"}, {"bytes", "146,000", "0"}, {"final state", "TIME-WAIT", "CLOSED"}}}},
		Notes:  []string{"The transfer is invented for a test."},
	}
}
