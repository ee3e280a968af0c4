package tcp

import "waypost/packet"

// Reset is what CLOSED answers to a segment for no connection (RFC 9293
// §3.10.7.1): a RST that the sender believes. A RST is not answered.
func Reset(s *Segment) (reply Segment, send bool) {
	if s.Flags.Has(packet.RST) {
		return Segment{}, false
	}
	reply.SrcPort, reply.DstPort = s.DstPort, s.SrcPort
	if s.Flags.Has(packet.ACK) {
		reply.Seq, reply.Flags = s.Ack, packet.RST
	} else {
		reply.Ack, reply.Flags = s.Seq+s.length(), packet.RST|packet.ACK
	}
	return reply, true
}
