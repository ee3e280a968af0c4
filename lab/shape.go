package lab

import (
	"fmt"
	"time"
)

// LinkShape is what one direction of a link does to frames. The zero value
// passes everything at once. [ParseShape] reads its text form.
type LinkShape struct {
	// Delay is the time a frame is under way. Jitter adds up to as much to
	// each frame by lot, evenly; frames stay in order all the same.
	Delay, Jitter time.Duration
	// Loss says which frames never arrive.
	Loss Loss
	// Reorder is the chance (0 to 1) that a frame is held back by
	// ReorderBy, so that later ones overtake it. ReorderBy 0 means
	// DefaultReorderBy.
	Reorder   float64
	ReorderBy time.Duration
	// Duplicate is the chance that a frame arrives twice; Corrupt the chance
	// that one of its bits behind the Ethernet header is turned.
	Duplicate, Corrupt float64
	// Rate is the speed in bits per second; 0: no bound. Frames that come
	// faster wait in a queue of Queue bytes; those that do not fit are
	// dropped. Queue 0 means DefaultQueue.
	Rate  int64
	Queue int
	// CoDel keeps the queue short by dropping early (RFC 8289).
	CoDel bool
	// MTU is the largest IP packet in bytes; larger ones are lost without a
	// word. 0: DefaultMTU. Interfaces plugged into the link take it over;
	// when it is lowered later they keep theirs, and the link is a black
	// hole for what is larger.
	MTU int
}

// Loss says which frames a link loses. At most one of its ways is set.
type Loss struct {
	// Random is the chance (0 to 1) that a frame is lost.
	Random float64
	// Nth are the frames that are lost, counted from 1 since the link was
	// made or reshaped; in ascending order.
	Nth []int
	// Burst loses frames in bursts.
	Burst GilbertElliott
}

// GilbertElliott is a link with a good and a bad state (Gilbert 1960,
// Elliott 1963). Before each frame it changes from good to bad with the
// chance Enter, from bad to good with the chance Leave.
type GilbertElliott struct {
	Enter, Leave float64
	// Bad is the chance of loss in the bad state, Good in the good one. Both
	// zero: 1 and 0, the model of Gilbert with certain loss.
	Bad, Good float64
}

const (
	// DefaultQueue is the queue of a link with a rate, in bytes: 128 frames
	// of 1,500 bytes. Home routers have between 64 and 256 frames.
	DefaultQueue = 192_000
	// DefaultMTU is that of Ethernet (RFC 894).
	DefaultMTU = 1500
	// MinMTU and MaxMTU bound what a link can be told: what every IPv4 host
	// must take (RFC 791) and what the length field of a packet can say.
	MinMTU, MaxMTU = 68, 65535
	// DefaultReorderBy is how long a frame is held back: long enough for
	// eight frames of 1,500 bytes to pass at 100 Mbit/s.
	DefaultReorderBy = time.Millisecond
	// MaxDelay bounds Delay, Jitter and ReorderBy: an hour is further than
	// any place with a link, and sums of them cannot overflow.
	MaxDelay = time.Hour
	// MaxRate is far above any link, and a second of it counts in bytes.
	MaxRate = int64(1e15)
	// MaxQueue bounds the memory that one direction can hold.
	MaxQueue = 64 << 20
	// maxNth bounds the list of frames to lose; it is searched by halving.
	maxNth = 1 << 16
)

// Check reports what in the shape cannot be.
func (s LinkShape) Check() error {
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"delay", s.Delay}, {"jitter", s.Jitter}, {"reorder by", s.ReorderBy}} {
		if d.d < 0 || d.d > MaxDelay {
			return fmt.Errorf("link shape: %s %s is not between 0 and %s", d.name, d.d, MaxDelay)
		}
	}
	b := s.Loss.Burst
	for _, p := range []struct {
		name string
		p    float64
	}{
		{"loss", s.Loss.Random}, {"reorder", s.Reorder}, {"duplicate", s.Duplicate}, {"corrupt", s.Corrupt},
		{"loss burst: enter", b.Enter}, {"loss burst: leave", b.Leave}, {"loss burst: bad", b.Bad}, {"loss burst: good", b.Good},
	} {
		if !(p.p >= 0 && p.p <= 1) {
			return fmt.Errorf("link shape: %s %g is no chance between 0 and 1", p.name, p.p)
		}
	}
	if err := s.Loss.check(); err != nil {
		return err
	}
	switch {
	case s.Rate < 0 || s.Rate > MaxRate:
		return fmt.Errorf("link shape: rate %d is not between 0 and %d bit/s", s.Rate, MaxRate)
	case s.Queue < 0 || s.Queue > MaxQueue:
		return fmt.Errorf("link shape: queue %d is not between 0 and %d bytes", s.Queue, MaxQueue)
	case s.MTU != 0 && (s.MTU < MinMTU || s.MTU > MaxMTU):
		return fmt.Errorf("link shape: mtu %d is not between %d and %d", s.MTU, MinMTU, MaxMTU)
	case s.Rate == 0 && (s.Queue > 0 || s.CoDel):
		return fmt.Errorf("link shape: a queue without a rate never fills")
	case s.Reorder == 0 && s.ReorderBy > 0:
		return fmt.Errorf("link shape: reorder by %s needs the chance of it", s.ReorderBy)
	}
	return nil
}

func (l Loss) check() error {
	ways := 0
	for _, set := range []bool{l.Random > 0, len(l.Nth) > 0, l.Burst != GilbertElliott{}} {
		if set {
			ways++
		}
	}
	switch {
	case ways > 1:
		return fmt.Errorf("link shape: loss is random, of nth frames or in bursts, one of them")
	case len(l.Nth) > maxNth:
		return fmt.Errorf("link shape: loss of %d frames is more than the %d that can be named", len(l.Nth), maxNth)
	case l.Burst != GilbertElliott{} && (l.Burst.Enter == 0 || l.Burst.Leave == 0):
		return fmt.Errorf("link shape: loss burst needs the chances to enter and to leave")
	}
	last := 0
	for _, n := range l.Nth {
		if n <= last {
			return fmt.Errorf("link shape: loss nth: %d after %d; frames count from 1 and ascend", n, last)
		}
		last = n
	}
	return nil
}

// chances returns what a burst loses in the two states.
func (b GilbertElliott) chances() (bad, good float64) {
	if b.Bad == 0 && b.Good == 0 {
		return 1, 0
	}
	return b.Bad, b.Good
}

func (s LinkShape) mtu() int {
	if s.MTU == 0 {
		return DefaultMTU
	}
	return s.MTU
}

func (s LinkShape) queue() int {
	if s.Queue == 0 {
		return DefaultQueue
	}
	return s.Queue
}

func (s LinkShape) reorderBy() time.Duration {
	if s.ReorderBy == 0 {
		return DefaultReorderBy
	}
	return s.ReorderBy
}

// shapes are those of both ways.
type shapes struct{ there, back LinkShape }

// bothWays takes the arguments of Connect and Reshape apart.
func bothWays(there LinkShape, back []LinkShape) (shapes, error) {
	s := shapes{there, there}
	switch len(back) {
	case 0:
	case 1:
		s.back = back[0]
	default:
		return s, fmt.Errorf("%d shapes for the way back: a link has two ways", len(back))
	}
	if err := s.there.Check(); err != nil {
		return s, err
	}
	return s, s.back.Check()
}

// mtu is that of both interfaces: the smaller one.
func (s shapes) mtu() int { return min(s.there.mtu(), s.back.mtu()) }

// passes reports whether nothing happens to frames of the default MTU.
func (s LinkShape) passes() bool {
	return s.Delay == 0 && s.Jitter == 0 && s.Rate == 0 && s.mtu() == DefaultMTU &&
		s.Loss.Random == 0 && len(s.Loss.Nth) == 0 && s.Loss.Burst == (GilbertElliott{}) &&
		s.Reorder == 0 && s.Duplicate == 0 && s.Corrupt == 0
}
