package report

import (
	"math"
	"slices"
	"time"

	"waypost/trace"
)

// WindowPanels are the curves of the connection's sender, the lane that sent
// the most payload: what it may send against what it has sent, and the
// round-trip times. cwnd, ssthresh, SRTT and RTO come from the facts; flight,
// the peer's window and the single round trips from the segments as the
// sender sees them.
func WindowPanels(q *Sequence, events []trace.Event, start time.Time) []Panel {
	segments := ordered(q)
	from := sender(segments)
	cwnd, ssthresh := Series{Name: "cwnd"}, Series{Name: "ssthresh"}
	srtt, rto := Series{Name: "smoothed"}, Series{Name: "timeout (RTO)"}
	for _, e := range events {
		f, ok := e.Fact.(trace.TCPCongestion)
		lane, ours := q.laneOf(e)
		if !ok || !ours || lane != from {
			continue
		}
		at := e.Time.Sub(start)
		cwnd.add(at, float64(f.Cwnd))
		ssthresh.add(at, orUnset(float64(f.Ssthresh)))
		srtt.add(at, orUnset(time.Duration(f.RTT).Seconds()))
		rto.add(at, orUnset(time.Duration(f.RTO).Seconds()))
	}
	flight, window, measured := senderCurves(segments, from)
	return []Panel{
		{Title: "What the sender may send, and has sent", Unit: Bytes, Series: []Series{cwnd, ssthresh, flight, window}},
		{Title: "Round-trip time", Unit: Seconds, Series: []Series{measured, srtt, rto}},
	}
}

// orUnset is v, or NaN for 0: not set.
func orUnset(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

// add appends a point; a value that holds on takes none.
func (s *Series) add(at time.Duration, v float64) {
	if n := len(s.Points); n > 0 {
		last := s.Points[n-1].Value
		if !s.Dots && (last == v || math.IsNaN(last) && math.IsNaN(v)) {
			return
		}
	}
	s.Points = append(s.Points, Point{at, v})
}

// senderCurves reads a sender's curves out of segments: bytes in flight, the
// window that the peer offers, and the round trips of what was sent once
// (Karn's rule, RFC 6298 §3).
func senderCurves(segments []Segment, from int) (flight, window, measured Series) {
	flight, window = Series{Name: "in flight", Fill: true}, Series{Name: "peer's window"}
	measured = Series{Name: "measured", Dots: true}
	type trip struct {
		end  int64
		sent time.Duration
	}
	var trips []trip
	var top, acked int64
	for _, i := range asSeen(segments, from) {
		s := &segments[i]
		end := s.Seq + s.Bytes
		if s.Kind == SegmentOpen || s.Kind == SegmentClose {
			end++
		}
		if s.From == from {
			if top == 0 && acked == 0 { // the first one seen; earlier ones are not our account
				acked = s.Seq
			}
			if end > top {
				trips = append(trips, trip{end, s.Sent})
				top = end
			} else if s.Bytes > 0 {
				trips = slices.DeleteFunc(trips, func(t trip) bool { return t.end > s.Seq && t.end <= end })
			}
			flight.add(s.Sent, float64(top-acked))
		} else if s.To == from && s.Lost == "" && s.Ack > 0 {
			if s.Ack > acked {
				acked = s.Ack
				for len(trips) > 0 && trips[0].end <= acked {
					if trips[0].end == acked {
						measured.add(s.Arrived, (s.Arrived - trips[0].sent).Seconds())
					}
					trips = trips[1:]
				}
			}
			flight.add(s.Arrived, float64(max(top-acked, 0)))
			window.add(s.Arrived, float64(s.Window))
		}
	}
	return flight, window, measured
}
