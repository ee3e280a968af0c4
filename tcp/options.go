package tcp

import (
	"time"

	"waypost/packet"
)

const (
	// minMSS is the smallest segment that we send, options included: as on
	// Linux a peer that announces less would make us send more header than
	// data (CVE-2019-11479).
	minMSS = 88
	// stampSize is the room of the timestamps option in a header.
	stampSize = 12
	// maxReceiveBuffer is the largest window: RFC 7323 §2.3.
	maxReceiveBuffer = 1 << 30
)

// defaultPeerMSS is what a peer takes that announces nothing (RFC 9293
// §3.7.1).
func defaultPeerMSS(ipv4 bool) int {
	if ipv4 {
		return 536
	}
	return 1220
}

// scaleFor is the smallest shift with which the window field can offer size
// bytes (RFC 7323 §2.3).
func scaleFor(size int) uint8 {
	var n uint8
	for n < packet.MaxWindowScale && 0xffff<<n < size {
		n++
	}
	return n
}

// stamp is our timestamp clock: milliseconds (RFC 7323 §5.4 wants between
// 1 ms and 1 s). Zero stands for no time at all, so it begins with 1.
func (c *Config) stamp(now Time) uint32 {
	return uint32(now/time.Millisecond) + 1 + c.TimestampOffset
}

// offer fills in the options of our SYN: what we would like or, when it
// answers one, what both would.
func (c *Conn) offer(now Time, o *packet.TCPOptions) {
	o.MSS = c.ownMSS
	o.SACKPermitted = c.sackOn
	o.HasWindowScale = c.scaleOn
	if c.scaleOn {
		o.WindowScale = c.rcvScale
	}
	o.HasTimestamps = c.stampsOn
	if c.stampsOn {
		o.TSVal = c.cfg.stamp(now)
		if c.state == SynReceived {
			o.TSEcr = c.tsRecent
		}
	}
}

// negotiate takes the options of the peer's SYN: what only one of us offers
// is off.
func (c *Conn) negotiate(now Time, o *packet.TCPOptions) {
	mss := int(o.MSS)
	if mss == 0 {
		mss = defaultPeerMSS(c.remote.Addr().Unmap().Is4())
	}
	c.mssLimit = uint16(min(max(mss, minMSS), int(c.ownMSS)))
	c.mss = min(c.mss, c.mssLimit)
	c.sackOn = c.sackOn && o.SACKPermitted
	c.stampsOn = c.stampsOn && o.HasTimestamps
	if c.stampsOn {
		c.tsRecent, c.tsRecentAt, c.recentSet = o.TSVal, now, true
	}
	c.scaleOn = c.scaleOn && o.HasWindowScale
	if c.scaleOn {
		c.sndScale = min(o.WindowScale, packet.MaxWindowScale)
	} else {
		c.sndScale, c.rcvScale = 0, 0
	}
	c.rcvMSS = min(c.ownMSS, uint16(defaultPeerMSS(true)))
}

// stampAndSACK fills in the options of every segment after the handshake and
// returns the room that they take from the payload.
func (c *Conn) stampAndSACK(now Time, o *packet.TCPOptions) int {
	size := 0
	if c.stampsOn {
		o.HasTimestamps, o.TSVal, o.TSEcr = true, c.cfg.stamp(now), c.tsRecent
		size = stampSize
	}
	if c.late != nil && c.sackOn {
		most := packet.MaxSACKBlocks
		if c.stampsOn {
			most-- // RFC 2018 §3
		}
		if o.SACKBlocks = c.late.blocks(o.SACK[:most], c.rcvNxt); o.SACKBlocks > 0 {
			size += 4 + 8*o.SACKBlocks
		}
	}
	return size
}
