package report

import "time"

// Sequence is what went between hosts, in the order of time. [Ladder] draws
// it in a terminal; a page draws lanes from left to right with the time
// running down, and, where the segments are many and carry sequence numbers,
// first as a plot of time against sequence number.
type Sequence struct {
	Title, Summary string
	Lanes          []Lane    // the hosts, from left to right
	Segments       []Segment // in any order
	States         []State   // in any order
	Notes          []Note    // in any order
	// Omitted counts segments that went but are not in Segments, because
	// whoever collected them had a bound. It is shown.
	Omitted int
}

// Lane is one host of a diagram.
type Lane struct {
	Name    string
	Address string // under the name, such as "192.0.2.10:49152"; may be empty
}

// Segment is one frame on its way from a host to another; in most diagrams
// it holds a TCP segment.
type Segment struct {
	From, To int // indexes into Lanes; a segment outside of them is not drawn
	Sent     time.Duration
	Arrived  time.Duration // for a lost one: when it would have, or 0
	Lost     string        // why it never arrived; "" where it did
	Kind     SegmentKind
	Label    string // such as "SYN seq=0 win=65535 mss=1460"

	// The rest is for the plot against sequence numbers and may be zero.
	// Numbers are relative: the SYN of each direction has number 0 and
	// the first byte number 1; they do not wrap.
	Seq    int64
	Bytes  int64 // payload
	Ack    int64 // 0: acknowledges nothing
	Window int64 // offered, in bytes after scaling
	SACK   []Range

	origin int // where it is passed on: 1 and the place of the segment that its sender sent
}

// Range is a stretch of sequence numbers, Right excluded.
type Range struct{ Left, Right int64 }

// SegmentKind is what a segment is for. It chooses how the segment is drawn.
type SegmentKind string

// The kinds of segments.
const (
	SegmentOpen  SegmentKind = "syn"   // SYN and SYN,ACK
	SegmentData  SegmentKind = "data"  // payload, for the first time
	SegmentAgain SegmentKind = "again" // anything sent again
	SegmentAck   SegmentKind = "ack"   // an acknowledgement alone
	SegmentDup   SegmentKind = "dup"   // a duplicate acknowledgement (RFC 5681 §2)
	SegmentProbe SegmentKind = "probe" // of a closed window or a silent peer
	SegmentClose SegmentKind = "fin"   // FIN
	SegmentReset SegmentKind = "rst"   // RST
	SegmentOther SegmentKind = "other" // what is not TCP: ARP, ICMP, UDP
)

// State is a host's state from a moment on.
type State struct {
	At   time.Duration
	Lane int
	Name string // such as "SYN-SENT", RFC 9293 §3.3.2
	// Why is what moved it, in one sentence, and Clause the rule; both may
	// be empty.
	Why, Clause string
}
