// Package tcp is one end of a TCP connection as a state machine: without
// I/O, clock or goroutines. Segments, calls and the time go in; segments,
// events and the next deadline come out. The same inputs give the same
// outputs, bit for bit.
//
// A [Conn] is made by [Dial] or by a [Listener]. Its owner hands it segments
// that arrived ([Conn.Segment]), the calls of its user ([Conn.Write],
// [Conn.Read], [Conn.CloseWrite], [Conn.Close], [Conn.Abort]) and the moments
// it asked for ([Conn.Deadline], [Conn.Tick]). After each of them the owner
// takes what is to be sent from [Conn.Next] until there is no more. Every
// transition, every move of the congestion window, every retransmission and
// every segment that is not taken is told to [Config].Observe with the clause
// that wants it.
//
// The files in the order in which a reader meets the ideas:
//
//	tcp.go          time, segments
//	seq.go spans.go arithmetic modulo 2³², sets of ranges
//	config.go       what can be set, and every default with its reason
//	state.go        the eleven states
//	errors.go       how a connection ends
//	event.go        what is told about it all
//	conn.go         the variables of a connection and its simple questions
//	handshake.go    SYN out, SYN in, both at once
//	options.go      what the two ends agree on, and the options of each segment
//	arrives.go      a segment arrives: the steps of RFC 9293 §3.10.7.4
//	acceptable.go   which segments are believed; challenge ACKs
//	paws.go         timestamps against old duplicates
//	receive.go      payload in order, and Read
//	reassembly.go   payload out of order, and the SACK blocks that tell of it
//	window.go       the window that we offer; silly windows
//	delack.go       when an acknowledgement may wait
//	write.go        Write and the data that waits to be sent
//	send.go         Next: which segment is to be sent now
//	ack.go          an acknowledgement arrives
//	rto.go          round-trip time and the retransmission timer
//	congestion.go   what all algorithms share: slow start, restart, events
//	tahoe.go reno.go newreno.go cubic.go   one algorithm each
//	recovery.go     duplicate ACKs, fast retransmit, fast recovery
//	sack.go         the sender's scoreboard, RFC 6675
//	persist.go      a closed window and its probes
//	keepalive.go    is the peer still there?
//	close.go        CloseWrite, Close, Abort, FIN
//	timewait.go     TIME-WAIT and what may end it early
//	timer.go        Deadline and Tick
//	icmp.go         what the network says: path MTU, unreachable
//	info.go         a connection in numbers
//	buffer.go       pages of bytes that both directions keep
//	listener.go     LISTEN: half-open connections, the backlog
//	cookie.go       SYN cookies
//	isn.go          initial sequence numbers
//	reset.go        what CLOSED answers
//
// Nothing here is safe for concurrent use: one Conn or Listener (with the
// connections that it has not handed out yet) belongs to one goroutine at a
// time. Conns that share nothing but a Config may run side by side.
package tcp

import (
	"time"

	"waypost/packet"
)

// Time is a moment: the time since an epoch that the caller chose, the same
// for all calls on connections that share a Listener. It never decreases
// from call to call. Durations have this type too.
type Time = time.Duration

// Segment is a TCP segment: its header and its payload.
type Segment struct {
	packet.TCP
	Payload []byte
}

// length is SEG.LEN: the sequence numbers that the segment occupies.
func (s *Segment) length() uint32 {
	n := uint32(len(s.Payload))
	if s.Flags&packet.SYN != 0 {
		n++
	}
	if s.Flags&packet.FIN != 0 {
		n++
	}
	return n
}
