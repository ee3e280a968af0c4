package packetdrill

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"waypost/packet"
	"waypost/tcp"
)

// mismatch is an expected segment beside the one that was sent.
type mismatch struct{ expected, actual string }

const (
	// patience is how long after its time an expected segment is waited
	// for, so that a failure can tell when it came: as in the original.
	patience = 2 * time.Second
	// forever is how long a segment is waited for whose time is "*": longer
	// than the longest timers of TCP.
	forever = 24 * time.Hour
)

// expect waits for a segment and compares it with what the script says.
func (r *run) expect(p *Packet, kind TimeKind, from, to time.Duration) error {
	f, err := r.flowOf(p)
	if err != nil {
		return err
	}
	to = max(from, to)
	limit := to + r.tolerance(to) + patience
	if kind == Anytime {
		limit = r.now() + forever
	}
	got, err := r.collect(f, p, limit)
	if err != nil {
		return err
	}
	if p.Flags.Has(packet.SYN) {
		f.scriptISN = p.Seq
		got.packet.Seq += p.Seq
	}
	for _, o := range p.Options {
		if real, ok := option(got.packet.Options, OptionTimestamps); ok && o.Kind == OptionTimestamps {
			f.stamp(o.Val, real.Val)
		}
	}
	why := r.differs(f, p, &got.packet, got.at)
	if why == "" {
		why = r.untimely(kind, from, to, got.at)
	}
	if why == "" {
		return nil
	}
	r.mismatch = &mismatch{
		expected: timeText(kind, from, to) + " " + r.host.text(p),
		actual:   clock(got.at) + " " + r.host.text(&got.packet),
	}
	return errors.New(why)
}

// collect takes the next segment of the flow. Where a larger one is expected,
// as it leaves a host that has the network card divide it, segments that
// follow each other are put together.
func (r *run) collect(f *flow, p *Packet, limit time.Duration) (sent, error) {
	var got sent
	for n := 0; ; n++ {
		for len(f.out) == 0 {
			if !r.host.step(limit) {
				r.mismatch = &mismatch{expected: r.host.text(p)}
				if n > 0 {
					r.mismatch.actual = clock(got.at) + " " + r.host.text(&got.packet)
					return got, fmt.Errorf("only %d of %d bytes were sent until %s", got.packet.Length, p.Length, clock(limit))
				}
				return got, fmt.Errorf("nothing was sent until %s", clock(limit))
			}
			if r.failed != nil {
				return got, r.failed
			}
		}
		next := f.out[0]
		if n > 0 && !follows(&got.packet, &next.packet) {
			return got, nil // what is there is compared, and told
		}
		f.out = f.out[1:]
		if n == 0 {
			got = next
		} else {
			got.at = next.at
			got.packet.Length += next.packet.Length
			got.packet.Flags |= next.packet.Flags
		}
		if r.set.strictSegments || got.packet.Length >= p.Length {
			return got, nil
		}
	}
}

// follows reports whether b is the continuation of a: alike, but for the
// flags that only the last one has and what counts on.
func follows(a, b *Packet) bool {
	last := packet.PSH | packet.FIN
	return b.Seq == a.Seq+a.Length && b.Length > 0 && b.Ack == a.Ack && a.Flags&packet.FIN == 0 &&
		a.Flags&^last == b.Flags&^last && a.Window == b.Window
}

// differs returns in what an expected segment and the one sent differ; empty:
// in nothing that the script says.
func (r *run) differs(f *flow, want, got *Packet, at time.Duration) string {
	flags := ^packet.TCPFlags(0)
	if r.opts.Like != RFC {
		flags = ^packet.PSH
	}
	wanted, gotten := want.Options, got.Options
	if r.opts.Like == FreeBSD {
		wanted, gotten = unpadded(wanted), unpadded(gotten)
	}
	switch {
	case want.Flags&flags != got.Flags&flags:
		return "other flags"
	case want.Seq != got.Seq:
		return "another sequence number"
	case want.Length != got.Length:
		return "another length"
	case want.Flags.Has(packet.ACK) && want.Ack != got.Ack:
		return "another acknowledgement number"
	case want.HasWindow && want.Window != got.Window && r.opts.Like != FreeBSD:
		return "another window"
	case want.Urgent != got.Urgent:
		return "another urgent pointer"
	case want.SrcPort != 0 && want.SrcPort != got.SrcPort, want.DstPort != 0 && want.DstPort != got.DstPort:
		return "other ports"
	case want.AnyOptions:
		return ""
	case len(wanted) != len(gotten):
		return "other options"
	}
	for i, w := range wanted {
		if g := gotten[i]; !r.sameOption(f, w, g, at) {
			return fmt.Sprintf("other options: %v where %v is expected", g, w)
		}
	}
	return ""
}

// sameOption compares an option. The value of a timestamp counts from the
// first one that the script expected, and is compared only where the script
// says what a tick is.
func (r *run) sameOption(f *flow, want, got TCPOption, at time.Duration) bool {
	if want.Kind != got.Kind || want.Value != got.Value || want.Ecr != got.Ecr || len(want.Blocks) != len(got.Blocks) {
		return false
	}
	for i := range want.Blocks {
		if want.Blocks[i] != got.Blocks[i] {
			return false
		}
	}
	if want.Kind != OptionTimestamps || r.set.timestampTick == 0 {
		return true
	}
	off := int32(got.Val - f.baseReal + f.baseScript - want.Val)
	return time.Duration(max(off, -off))*r.set.timestampTick <= r.toleranceOf(at)
}

// unpadded returns options without padding, in one order.
func unpadded(list []TCPOption) []TCPOption {
	list = slices.DeleteFunc(slices.Clone(list), func(o TCPOption) bool {
		return o.Kind == OptionNop || o.Kind == OptionEnd
	})
	slices.SortStableFunc(list, func(a, b TCPOption) int { return cmp.Compare(a.Kind, b.Kind) })
	return list
}

func option(list []TCPOption, kind OptionKind) (TCPOption, bool) {
	for _, o := range list {
		if o.Kind == kind {
			return o, true
		}
	}
	return TCPOption{}, false
}

// untimely returns what is wrong with the time of a segment; empty: nothing.
func (r *run) untimely(kind TimeKind, from, to, at tcp.Time) string {
	slack := r.tolerance(from)
	switch {
	case kind == Anytime:
		return ""
	case at < from-slack:
		return fmt.Sprintf("%v too early", from-at)
	case at > to+slack:
		return fmt.Sprintf("%v too late", at-to)
	}
	return ""
}

// timeText writes when a segment is expected.
func timeText(kind TimeKind, from, to time.Duration) string {
	switch {
	case kind == Anytime:
		return "*"
	case from != to:
		return clock(from) + "~" + clock(to)
	}
	return clock(from)
}
