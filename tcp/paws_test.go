package tcp

import (
	"testing"
	"time"
)

// TestPAWS is RFC 7323 §5.3: a timestamp older than the last one in order is
// an old duplicate, whatever its sequence number.
func TestPAWS(t *testing.T) {
	p := opened(t, &Config{NoSACK: true, NoWindowScale: true})
	p.in("ACK 1:1 len 10 ts 600/1001")
	p.read(10)
	p.pass(40 * time.Millisecond)
	p.out("ACK 1:11")
	p.in("ACK 11:1 len 10 ts 599/1001")
	p.out("ACK 1:11")
	p.saw(Drop, "paws", "RFC 7323 §5.3")
	p.in("ACK 11:1 len 10")
	p.out()
	p.saw(Drop, "no-timestamp", "RFC 7323 §3.2")
	p.in("ACK 11:1 len 10 ts 600/1001")
	p.read(10)
	p.in("RST 21:0 ts 1/0") // a RST is not checked
	p.state(Closed)
}

// TestPAWSWraps: timestamps are compared modulo 2³².
func TestPAWSWraps(t *testing.T) {
	p := dialled(t, &Config{})
	p.sent()
	p.in("SYN,ACK 0:1 mss 1000 ts 4294967290/1001")
	p.sent()
	p.in("ACK 1:1 len 10 ts 5/1001")
	p.read(10)
	p.in("ACK 11:1 len 10 ts 4294967295/1001")
	p.saw(Drop, "paws", "RFC 7323 §5.3")
}

// TestPAWSOutdated is RFC 7323 §5.5: after 24 days of silence TS.Recent says
// nothing any more.
func TestPAWSOutdated(t *testing.T) {
	p := opened(t, &Config{NoSACK: true, NoWindowScale: true})
	p.now += recentLife
	p.in("ACK 1:1 len 10 ts 400/1001")
	p.saw(Drop, "paws", "RFC 7323 §5.3")
	p.now++
	p.in("ACK 1:1 len 10 ts 400/1001")
	p.read(10)
}

// TestTSRecent is RFC 7323 §4.3: what is echoed is the timestamp of the
// segment that the last ACK waited for.
func TestTSRecent(t *testing.T) {
	p := opened(t, &Config{NoSACK: true, NoWindowScale: true})
	p.showOpts = true
	p.in("ACK 1:1 len 1000 ts 600/1001")
	p.in("ACK 1001:1 len 1000 ts 610/1001")
	// (A) delayed ACK: the first of the two
	p.out("ACK 1:2001 ts 1001/600")
	// (B) out of order: not the one behind the hole
	p.in("ACK 3001:1 len 1000 ts 620/1001")
	p.out("ACK 1:2001 ts 1001/600")
	// (C) the one that fills it
	p.in("ACK 2001:1 len 1000 ts 630/1001")
	p.out("ACK 1:4001 ts 1001/630")
}
