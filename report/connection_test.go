package report

import (
	"fmt"
	"math"
	"testing"
	"time"

	"waypost/trace"
)

// facts are those of a connection that loses a segment and waits for its
// timer, as two hosts note them.
func facts() []trace.Event {
	var s script
	const a, b = "192.0.2.1:49152", "192.0.2.2:80"
	state := func(ms float64, host, local, remote, from, to, why string) {
		s.at(ms, 0, host, 1, 0, trace.TCPState{Local: local, Remote: remote, From: from, To: to}, &trace.Decision{Reason: why, Clause: "RFC 9293 §3.5"})
	}
	window := func(ms float64, phase string, cwnd, ssthresh int, verdict, reason, clause string) {
		s.at(ms, 0, "client", 1, 0, trace.TCPCongestion{Local: a, Remote: b, Algorithm: "reno", Phase: phase, Cwnd: cwnd, Ssthresh: ssthresh, RTT: trace.Millis(20 * time.Millisecond), RTO: trace.Millis(220 * time.Millisecond)},
			&trace.Decision{Verdict: verdict, Reason: reason, Clause: clause})
	}
	again := func(ms float64, verdict, reason string) {
		s.at(ms, 0, "client", 1, 0, trace.TCPRetransmit{Local: a, Remote: b, Bytes: 1000, Flags: "ACK", Times: 1}, &trace.Decision{Verdict: verdict, Reason: reason, Clause: "RFC 6298 §5.4"})
	}
	state(0, "client", a, b, "CLOSED", "SYN-SENT", "The user opens.")
	state(10, "server", b, a, "LISTEN", "SYN-RECEIVED", "A SYN arrived.")
	state(20, "client", a, b, "SYN-SENT", "ESTABLISHED", "Our SYN is acknowledged.")
	state(20, "client", "192.0.2.1:5", b, "CLOSED", "SYN-SENT", "Another connection.")
	state(20, "router", a, b, "CLOSED", "SYN-SENT", "Another host.")
	window(20, "slow-start", 4000, 0, "initial-window", "The first flight.", "RFC 6928 §2")
	window(40, "slow-start", 5000, 0, "grow", "One more segment.", "RFC 5681 §3.1")
	again(240, "timeout", "No acknowledgement came in time.")
	window(240, "slow-start", 1000, 2500, "timeout", "The window falls to one segment.", "RFC 5681 §3.1")
	again(260, "timeout", "The next one as well.")
	window(280, "slow-start", 2000, 2500, "grow", "One more segment.", "RFC 5681 §3.1")
	s.at(300, 0, "server", 2, 0, trace.TCPDrop{Local: b, Remote: a, State: "ESTABLISHED"}, &trace.Decision{Verdict: "duplicate", Reason: "All of it was there."})
	s.at(301, 0, "server", 2, 0, trace.TCPDrop{Local: b, Remote: a, State: "ESTABLISHED"}, &trace.Decision{Verdict: "duplicate", Reason: "All of it was there."})
	return s.events
}

func twoEnds() Sequence {
	return Sequence{Lanes: []Lane{{"client", "192.0.2.1:49152"}, {"server", "192.0.2.2:80"}}}
}

func TestExplain(t *testing.T) {
	q := twoEnds()
	q.Explain(facts(), begin)
	var got []string
	for _, s := range q.States {
		got = append(got, fmt.Sprintf("%s %s %s", ms(s.At), q.Lanes[s.Lane].Name, s.Name))
	}
	want := []string{"0.00 ms client CLOSED", "0.00 ms client SYN-SENT", "10.0 ms server LISTEN", "10.0 ms server SYN-RECEIVED", "20.0 ms client ESTABLISHED"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("states\n%q, want\n%q", got, want)
	}
	got = nil
	for _, n := range q.Notes {
		got = append(got, fmt.Sprintf("%s %s %s: %s [%s]", ms(n.At), q.Lanes[n.Lane].Name, n.Short, n.Text, n.Clause))
	}
	want = []string{
		"20.0 ms client initial window: The first flight. cwnd is 4 KB. [RFC 6928 §2]",
		"240 ms client timeout: No acknowledgement came in time. The window falls to one segment. cwnd is 1 KB, ssthresh 2.5 KB. [RFC 6298 §5.4; RFC 5681 §3.1]",
		"260 ms client timeout: The next one as well. [RFC 6298 §5.4]",
		"300 ms server duplicate: All of it was there. []",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("notes\n%q, want\n%q", got, want)
	}
}

func TestWindowPanels(t *testing.T) {
	q := twoEnds()
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	data := func(sent, seq int, kind SegmentKind) Segment {
		return Segment{From: 0, To: 1, Sent: at(sent), Arrived: at(sent + 10), Kind: kind, Seq: int64(seq), Bytes: 1000, Ack: 1}
	}
	ack := func(sent, number int) Segment {
		return Segment{From: 1, To: 0, Sent: at(sent), Arrived: at(sent + 10), Kind: SegmentAck, Ack: int64(number), Window: 9000}
	}
	q.Segments = []Segment{data(20, 1, SegmentData), data(21, 1001, SegmentData), ack(30, 1001), data(240, 1001, SegmentAgain), ack(250, 2001)}
	panels := WindowPanels(&q, facts(), begin)
	values := func(s Series) (out []string) {
		for _, p := range s.Points {
			v := fmt.Sprintf("%g", math.Round(p.Value*1000)/1000)
			out = append(out, fmt.Sprintf("%d:%s", p.At.Milliseconds(), v))
		}
		return out
	}
	for _, tt := range []struct {
		panel, series int
		want          string
	}{
		{0, 0, "[20:4000 40:5000 240:1000 280:2000]"},
		{0, 1, "[20:NaN 240:2500]"},
		{0, 2, "[20:1000 21:2000 40:1000 260:0]"},
		{0, 3, "[40:9000]"},
		{1, 0, "[40:0.02]"},
		{1, 1, "[20:0.02]"},
		{1, 2, "[20:0.22]"},
	} {
		s := panels[tt.panel].Series[tt.series]
		if got := fmt.Sprint(values(s)); got != tt.want {
			t.Errorf("%s: %s, want %s", s.Name, got, tt.want)
		}
	}
}
