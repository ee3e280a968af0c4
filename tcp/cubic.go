package tcp

import "math"

// The constants of RFC 9438 §4.6, §5.
const (
	cubicC    = 0.4
	cubicBeta = 0.7
	// cubicAlpha makes the Reno-friendly estimate as fast as Reno although
	// it falls less: 3(1-β)/(1+β), §4.3.
	cubicAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
)

// cubic is RFC 9438. Windows are in segments, times in seconds, as the RFC
// has them.
type cubic struct {
	wMax   float64 // the window at the last loss
	prior  float64 // cwnd_prior
	k      float64 // seconds until the curve is back at wMax
	west   float64 // what Reno would have by now
	epoch  Time    // when this congestion avoidance began
	begun  bool
	fell   bool // the epoch follows a loss that duplicate ACKs told
	paused bool // the user leaves room in cwnd since pausedAt
	since  Time
}

func (*cubic) name() Congestion { return CUBIC }

// reduce is RFC 9438 §4.6 with the fast convergence of §4.7.
func (q *cubic) reduce(c *Conn, _ Time, flight uint32) uint32 {
	mss := float64(c.full())
	w := float64(c.cwnd) / mss
	q.prior = w
	if w < q.wMax {
		q.wMax = w * (1 + cubicBeta) / 2
	} else {
		q.wMax = w
	}
	q.begun, q.fell, q.paused = false, true, false
	return max(uint32(float64(flight)*cubicBeta), 2*uint32(mss))
}

// timeout is RFC 9438 §4.8: the next congestion avoidance begins flat.
func (q *cubic) timeout(*Conn) { q.begun, q.fell = false, false }

// begin starts an epoch of congestion avoidance at w segments.
func (q *cubic) begin(w float64, now Time) {
	q.begun, q.paused, q.epoch, q.west = true, false, now, w
	if q.fell && q.wMax > w {
		q.k = math.Cbrt((q.wMax - w) / cubicC)
		return
	}
	// §4.8, §4.10: no loss to come back from.
	q.k, q.wMax = 0, w
	if !q.fell {
		q.prior = w
	}
}

// at is W_cubic(t), RFC 9438 §4.2 equation 1.
func (q *cubic) at(t float64) float64 {
	d := t - q.k
	return float64(cubicC*float64(d*float64(d*d))) + q.wMax // conversions forbid fused operations, so that all machines agree
}

// avoid is RFC 9438 §4.2 to §4.5.
func (q *cubic) avoid(c *Conn, now Time, n uint32) {
	mss := float64(c.full())
	w := float64(c.cwnd) / mss
	if !q.begun {
		q.begin(w, now)
	}
	if q.paused { // §5.8: time in which cwnd was not used does not count
		q.epoch += now - q.since
		q.paused = false
	}
	acked := float64(n) / mss
	alpha := cubicAlpha
	if q.west >= q.prior {
		alpha = 1 // §4.3: from there on as Reno
	}
	q.west += float64(alpha*acked) / w
	t := (now - q.epoch).Seconds()
	if q.at(t) < q.west {
		w = max(w, q.west)
	} else {
		target := min(max(q.at(t+c.srtt.Seconds()), w), 1.5*w)
		w += float64((target - w) / w * acked)
	}
	c.cwnd = min(uint32(w*mss), maxCwnd)
}

// unused stops the clock of the curve.
func (q *cubic) unused(now Time) {
	if q.begun && !q.paused {
		q.paused, q.since = true, now
	}
}

func (*cubic) lost(c *Conn, now Time) { c.fastRecovery(now) }

// partial: without SACK, CUBIC recovers as NewReno (RFC 9438 §4.6).
func (*cubic) partial(c *Conn, now Time, n uint32) { c.partialACK(now, n) }
