package report_test

import (
	"os"
	"time"

	"waypost/report"
)

// A handshake as a ladder.
func ExampleLadder() {
	q := report.Sequence{
		Lanes: []report.Lane{{Name: "client"}, {Name: "server"}},
		Segments: []report.Segment{
			{From: 0, To: 1, Arrived: 20 * time.Millisecond, Kind: report.SegmentOpen, Label: "SYN seq=0"},
			{From: 1, To: 0, Sent: 20 * time.Millisecond, Arrived: 40 * time.Millisecond, Kind: report.SegmentOpen, Label: "SYN,ACK seq=0 ack=1"},
			{From: 0, To: 1, Sent: 40 * time.Millisecond, Arrived: 60 * time.Millisecond, Kind: report.SegmentAck, Label: "ACK ack=1"},
		},
		States: []report.State{{At: 40 * time.Millisecond, Lane: 0, Name: "ESTABLISHED"}, {At: 60 * time.Millisecond, Lane: 1, Name: "ESTABLISHED"}},
	}
	if err := report.Ladder(os.Stdout, &q, report.Style{Width: 72}); err != nil {
		panic(err)
	}
	// Output:
	// client                                     server
	//    0.00 ms  │─ SYN seq=0 ────────────────────────────────►│  20.00 ms
	//   20.00 ms  │◄────────────────────── SYN,ACK seq=0 ack=1 ─│  40.00 ms
	//   40.00 ms  ◆ ESTABLISHED                                 │
	//   40.00 ms  │─ ACK ack=1 ────────────────────────────────►│  60.00 ms
	//   60.00 ms  │                                 ESTABLISHED ◆
}
