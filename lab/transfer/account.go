package transfer

import (
	"cmp"
	"slices"
	"time"

	"waypost/link"
	"waypost/report"
	"waypost/trace"
)

// Account is the sum of a transfer.
type Account struct {
	Bytes   int64         // that the server's user read
	Took    time.Duration // from the first SYN until it had read the last one
	Goodput float64       // bits per second: Bytes over Took
	// Utilization is how much of the link's rate the frames that arrived
	// took, 0 to 1; 0 for a link without a bound.
	Utilization float64

	Segments  [2]int // that each end sent, client first
	SentAgain [2]int // of them
	Lost      [2]int // of them, by the link
	Dups      int    // duplicate ACKs that reached the client
	Timeouts  int    // of the client's retransmission timer, for a SYN too
	Fast      int    // losses that it found by duplicate ACKs or SACK

	// Limit is what kept the sender from going faster for most of the
	// time, and Shares for how much of it each did.
	Limit  Limit
	Shares map[Limit]float64

	Ends [2]link.TCPInfo // what both ends knew at their last word
}

// Limit is what keeps a sender from sending more.
type Limit string

// The limits.
const (
	LimitCwnd      Limit = "the congestion window"
	LimitWindow    Limit = "the receiver's window"
	LimitRate      Limit = "the link's rate"
	LimitHandshake Limit = "the handshake"
	LimitBuffer    Limit = "the sender's buffer"
	LimitRoundTrip Limit = "the round trip"           // all is sent and on its way
	LimitLoss      Limit = "the repair of losses"     // all is sent, and some of it again
	LimitTimer     Limit = "the retransmission timer" // nothing happened until it expired
)

// busyEnough is the utilization from which the link itself is the limit. The
// headers, and the round trips in which the window opens, take the rest.
const busyEnough = 0.9

// account sums up the segments of a sequence whose times count from the
// first SYN.
func (a *Account) account(q *report.Sequence, events []trace.Event, start time.Time) {
	for i := range q.Segments {
		s := &q.Segments[i]
		if s.From < 0 || s.From > 1 {
			continue
		}
		a.Segments[s.From]++
		if s.Lost != "" {
			a.Lost[s.From]++
		}
		switch {
		case s.Kind == report.SegmentAgain:
			a.SentAgain[s.From]++
		case s.Kind == report.SegmentDup && s.From == 1 && s.Lost == "":
			a.Dups++
		}
	}
	for _, e := range events {
		if e.Station != "client" || e.Decision == nil {
			continue
		}
		switch v := e.Decision.Verdict; e.Fact.(type) {
		case trace.TCPRetransmit:
			if v == "timeout" {
				a.Timeouts++
			}
		case trace.TCPCongestion:
			if v == "fast-recovery" || v == "fast-retransmit" {
				a.Fast++
			}
		}
	}
	if a.Took > 0 {
		a.Goodput = float64(a.Bytes) * 8 / a.Took.Seconds()
	}
	a.limits(q, events, start)
}

// instant is something that happened to the sender, or where it stands since.
type instant struct {
	at                time.Duration
	sent, acked, peer int64
	cwnd              int // 0: no news
	established       bool
	verdict           string // of its congestion control, or of sending again
	mending           bool   // a loss was found and is not mended yet
}

// limits finds out what the sender waited for between each two things that
// happened to it.
func (a *Account) limits(q *report.Sequence, events []trace.Event, start time.Time) {
	var all []instant
	mss := int64(a.Ends[0].MSS)
	for i := range q.Segments {
		s := &q.Segments[i]
		switch {
		case s.From == 0:
			all = append(all, instant{at: s.Sent, sent: s.Seq + s.Bytes})
		case s.Lost == "" && s.Ack > 0:
			all = append(all, instant{at: s.Arrived, acked: s.Ack, peer: s.Window, established: true})
		}
	}
	for _, e := range events {
		if e.Station != "client" || e.Decision == nil {
			continue
		}
		switch f := e.Fact.(type) {
		case trace.TCPCongestion:
			all = append(all, instant{at: e.Time.Sub(start), cwnd: f.Cwnd, verdict: e.Decision.Verdict})
		case trace.TCPRetransmit:
			all = append(all, instant{at: e.Time.Sub(start), verdict: e.Decision.Verdict})
		}
	}
	slices.SortStableFunc(all, func(x, y instant) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(y.verdict, x.verdict)) // why before what was sent
	})
	spent := map[Limit]time.Duration{}
	var now instant
	for _, next := range all {
		if next.at > a.Took {
			break
		}
		waited := now.limit(mss, a.Bytes)
		if next.verdict == "timeout" {
			waited = LimitTimer
		}
		spent[waited] += next.at - now.at
		now.at = next.at
		now.sent, now.acked = max(now.sent, next.sent), max(now.acked, next.acked)
		if next.peer > 0 || next.established {
			now.peer = next.peer
		}
		if next.cwnd > 0 {
			now.cwnd = next.cwnd
		}
		now.established = now.established || next.established
		switch next.verdict {
		case "fast-recovery", "fast-retransmit", "timeout":
			now.mending = true
		case "recovered", "mended":
			now.mending = false
		}
	}
	spent[now.limit(mss, a.Bytes)] += max(a.Took-now.at, 0)
	a.Shares = map[Limit]float64{}
	for l, d := range spent {
		if d > 0 && a.Took > 0 {
			a.Shares[l] = float64(d) / float64(a.Took)
			if d > spent[a.Limit] || d == spent[a.Limit] && l < a.Limit {
				a.Limit = l
			}
		}
	}
	if a.Utilization >= busyEnough {
		a.Limit = LimitRate
	}
}

// limit is what the sender waits for, when so much is sent and acknowledged.
func (n *instant) limit(mss, bytes int64) Limit {
	flight := n.sent - n.acked
	switch {
	case !n.established:
		return LimitHandshake
	case n.sent > bytes && n.mending:
		return LimitLoss
	case n.sent > bytes:
		return LimitRoundTrip
	case n.peer < int64(n.cwnd) && flight+mss > n.peer:
		return LimitWindow
	case n.cwnd == 0 || flight+mss > int64(n.cwnd) || n.mending:
		return LimitCwnd
	}
	return LimitBuffer
}

// limitText says in words what limited the transfer.
func (a *Account) limitText() string {
	if a.Limit == LimitRate {
		return "which carried " + percent(a.Utilization) + " of what it can"
	}
	return "for " + percent(a.Shares[a.Limit]) + " of the time"
}
