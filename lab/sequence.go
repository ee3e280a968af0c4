package lab

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"waypost/packet"
	"waypost/report"
)

// Recording keeps what went over some links, for time-sequence diagrams.
type Recording struct {
	lab   *Lab
	links []*Link
	limit int

	// Under the lab's lock: taps are called under it.
	frames  []recorded
	omitted int
	remove  []func()
}

// recorded is what a diagram needs of a frame.
type recorded struct {
	link          *Link
	from, to      string
	sent, arrived time.Duration
	number        uint64
	lost          string
	flow          packet.Flow // the zero Flow of what is not IP
	isTCP         bool
	tcp           packet.TCP
	payload       int
	label         string // of what is not TCP
}

// DefaultRecording is how many frames a recording keeps when it is not told
// otherwise: more than anybody reads, in a few megabytes.
const DefaultRecording = 20_000

// Record begins to keep what passes these links, at most limit frames; later
// ones are counted. limit 0 means DefaultRecording. The order of the links
// is that of their nodes in a diagram, from left to right.
func (l *Lab) Record(limit int, links ...*Link) *Recording {
	if limit <= 0 {
		limit = DefaultRecording
	}
	r := &Recording{lab: l, links: links, limit: limit}
	for _, k := range links {
		r.remove = append(r.remove, k.Tap(r.take))
	}
	return r
}

// Stop ends the recording; what it has kept stays.
func (r *Recording) Stop() {
	for _, remove := range r.remove {
		remove()
	}
}

// take is the tap.
func (r *Recording) take(f Frame) {
	if len(r.frames) >= r.limit {
		r.omitted++
		return
	}
	k := recorded{link: f.Link, from: f.From, to: f.To, sent: f.Sent, arrived: f.Arrived, number: f.Number}
	if f.Lost {
		k.lost = cmp.Or(f.Why, "lost")
	}
	flow, ok := packet.FlowOf(f.Data)
	k.flow = flow
	if ok && flow.Protocol == packet.ProtocolTCP {
		k.tcp, k.payload, k.isTCP = parseTCPFrame(f.Data)
	}
	if !k.isTCP {
		k.label = packet.Describe(f.Data)
	}
	r.frames = append(r.frames, k)
}

// parseTCPFrame reads the TCP header of a frame that carries a whole segment.
func parseTCPFrame(data []byte) (packet.TCP, int, bool) {
	eth, b, err := packet.ParseEthernet(data)
	if err != nil {
		return packet.TCP{}, 0, false
	}
	var h packet.TCP
	var payload []byte
	if eth.Type == packet.TypeIPv6 {
		ip, rest, err := packet.ParseIPv6(b)
		if err != nil || ip.Next != packet.ProtocolTCP {
			return packet.TCP{}, 0, false
		}
		h, payload, err = packet.ParseTCP(rest, ip.Src, ip.Dst)
		return h, len(payload), err == nil
	}
	ip, rest, err := packet.ParseIPv4(b)
	if err != nil || ip.Protocol != packet.ProtocolTCP || ip.MoreFragments || ip.FragmentOffset > 0 {
		return packet.TCP{}, 0, false
	}
	h, payload, err = packet.ParseTCP(rest, ip.Src, ip.Dst)
	return h, len(payload), err == nil
}

// kept returns what is there so far in the order of sending.
func (r *Recording) kept() ([]recorded, int) {
	r.lab.mu.Lock()
	frames, omitted := slices.Clone(r.frames), r.omitted
	r.lab.mu.Unlock()
	slices.SortStableFunc(frames, func(a, b recorded) int { return cmp.Compare(a.number, b.number) })
	return frames, omitted
}

// Flows returns the conversations that were seen, each by the direction that
// spoke first, in the order of their beginning.
func (r *Recording) Flows() []packet.Flow {
	frames, _ := r.kept()
	var flows []packet.Flow
	seen := make(map[packet.Flow]bool)
	for _, f := range frames {
		if f.flow != (packet.Flow{}) && !seen[f.flow] && !seen[f.flow.Reverse()] {
			seen[f.flow] = true
			flows = append(flows, f.flow)
		}
	}
	return flows
}

// Sequence is the time-sequence diagram of one conversation, both ways; with
// the zero Flow that of everything. Times count from the lab's beginning.
// Sequence numbers are relative as report.Segment wants them.
func (r *Recording) Sequence(flow packet.Flow) report.Sequence {
	frames, omitted := r.kept()
	s := report.Sequence{Omitted: omitted}
	if flow != (packet.Flow{}) {
		s.Title = flow.String()
	}
	lanes := r.lanes(flow, frames)
	s.Lanes = lanes
	lane := func(name string) int {
		return slices.IndexFunc(lanes, func(l report.Lane) bool { return l.Name == name })
	}
	numbers := make(map[packet.Flow]*numbering)
	for _, f := range frames {
		if flow != (packet.Flow{}) && f.flow != flow && f.flow != flow.Reverse() {
			continue
		}
		g := report.Segment{
			From: lane(f.from), To: lane(f.to), Sent: f.sent, Arrived: f.arrived, Lost: f.lost,
			Kind: report.SegmentOther, Label: f.label,
		}
		if f.isTCP {
			relate(numbers, f, &g)
		}
		s.Segments = append(s.Segments, g)
	}
	return s
}

// lanes are the nodes at the ends of the links, in the order of the links.
// Where one conversation is shown, they are those that it passed, in the order
// in which it came to them, and its ends bear their addresses.
func (r *Recording) lanes(flow packet.Flow, frames []recorded) []report.Lane {
	var lanes []report.Lane
	add := func(names ...string) {
		for _, name := range names {
			if !slices.ContainsFunc(lanes, func(l report.Lane) bool { return l.Name == name }) {
				lanes = append(lanes, report.Lane{Name: name})
			}
		}
	}
	if flow == (packet.Flow{}) {
		for _, k := range r.links {
			add(k.there.from.name, k.there.to.name)
		}
		return lanes
	}
	for _, f := range frames {
		if f.flow == flow || f.flow == flow.Reverse() {
			add(f.from, f.to)
		}
	}
	// The first to send a frame of a direction, in time, is its source.
	for _, way := range []packet.Flow{flow, flow.Reverse()} {
		for _, f := range frames {
			if f.flow != way {
				continue
			}
			for i := range lanes {
				if lanes[i].Name == f.from && lanes[i].Address == "" {
					lanes[i].Address = fmt.Sprint(way.Src)
				}
			}
			break
		}
	}
	return lanes
}
