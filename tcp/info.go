package tcp

// Info is a connection in numbers. Sizes are in bytes.
type Info struct {
	State      State
	Congestion Congestion
	Phase      string // "slow-start", "avoidance" or "recovery"

	MSS            int // payload of a full segment that we send
	Cwnd, Ssthresh int // Ssthresh is 0 while it is not set
	Flight         int // sent and not acknowledged
	PeerWindow     int // SND.WND
	Window         int // what we offer now

	SRTT, RTTVar, RTO Time // SRTT is 0 until a round trip was timed

	Retransmits   int // segments sent again
	Dropped       int // segments that came and were not taken
	BytesAcked    int64
	BytesReceived int64 // in order

	Unacked int // Send-Q: written and not acknowledged
	Unread  int // Recv-Q: in order and not read

	// What the handshake agreed on.
	SACK, Timestamps, WindowScale bool
	SendScale, ReceiveScale       uint8
}

// Info returns the connection in numbers.
func (c *Conn) Info() Info {
	i := Info{
		State: c.state, Congestion: c.cc.name(), Phase: c.phaseName(),
		MSS: c.full(), Cwnd: int(c.cwnd), Ssthresh: c.threshold(),
		Flight: int(c.flight()), PeerWindow: int(c.wnd),
		SRTT: c.srtt, RTTVar: c.rttvar, RTO: c.rto,
		Retransmits: c.retransmits, Dropped: c.dropped,
		BytesAcked: c.bytesAcked, BytesReceived: c.bytesTaken,
		Unacked: c.outLen, Unread: c.unread,
		SACK: c.sackOn, Timestamps: c.stampsOn, WindowScale: c.scaleOn,
		SendScale: c.sndScale, ReceiveScale: c.rcvScale,
	}
	if after(c.rcvAdv, c.rcvNxt) {
		i.Window = int(c.rcvAdv - c.rcvNxt)
	}
	return i
}

// Acked is Info's BytesAcked: that it has grown is the proof that what went
// to the peer arrives.
func (c *Conn) Acked() int64 { return c.bytesAcked }
