package lab

import (
	"fmt"
	"time"

	"waypost/packet"
)

// Switch joins links into one Ethernet. It learns behind which port a link
// address is (IEEE 802.1D §7.8) and sends frames to unknown ones, to groups
// and to all, out of every other port. It takes no time.
type Switch struct {
	name  string
	lab   *Lab
	ports []*switchPort
	table map[packet.MAC]*learned
	swept time.Duration
}

// switchPort is where a link is plugged into a switch.
type switchPort struct {
	on  *Switch
	out *direction
}

// learned says behind which port an address was seen last.
type learned struct {
	port *switchPort
	at   time.Duration
}

const (
	// maxLearned bounds a switch's table as 8,192 entries do in a common
	// one. What does not fit is sent to every port.
	maxLearned = 8192
	// forgetAfter is the ageing time of IEEE 802.1D §7.9.2.
	forgetAfter = 300 * time.Second
)

// Switch makes a switch without links.
func (l *Lab) Switch(name string) (*Switch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &Switch{name: name, lab: l, table: make(map[packet.MAC]*learned)}
	if err := l.add(s); err != nil {
		return nil, err
	}
	return s, nil
}

// Name is the switch's name.
func (s *Switch) Name() string { return s.name }

// Port is a new port of the switch.
func (s *Switch) Port() Port { return Port{Node: s} }

func (s *Switch) plug(e *end, p Port) error {
	if len(p.Prefixes) > 0 || p.NAT != nil {
		return fmt.Errorf("%s is a switch: its ports have no addresses", s.name)
	}
	e.port = &switchPort{s, e.out}
	s.ports = append(s.ports, e.port)
	return nil
}

// forward takes a frame that has come in through a port. The lab's lock is
// held.
func (s *Switch) forward(now time.Duration, in *switchPort, data []byte) {
	h, _, err := packet.ParseEthernet(data)
	if err != nil {
		return
	}
	s.learn(now, h.Src, in)
	if to := s.table[h.Dst]; to != nil && !h.Dst.IsMulticast() && now-to.at < forgetAfter {
		if to.port != in {
			s.lab.loop.enter(now, to.port.out, data)
		}
		return
	}
	for _, p := range s.ports {
		if p != in {
			s.lab.loop.enter(now, p.out, data)
		}
	}
}

// learn notes that an address is behind a port.
func (s *Switch) learn(now time.Duration, a packet.MAC, in *switchPort) {
	if a.IsMulticast() {
		return // no station sends from a group's address
	}
	known := s.table[a]
	if known == nil {
		if len(s.table) >= maxLearned && !s.sweep(now) {
			return
		}
		known = &learned{}
		s.table[a] = known
	}
	known.port, known.at = in, now
}

// sweep forgets what has not been seen for long, at most once a second. It
// reports whether there is room now.
func (s *Switch) sweep(now time.Duration) bool {
	if now-s.swept < time.Second {
		return false
	}
	s.swept = now
	for a, known := range s.table {
		if now-known.at >= forgetAfter {
			delete(s.table, a)
		}
	}
	return len(s.table) < maxLearned
}

// joinSwitches refuses a link that would close a ring of switches. The lab's
// lock is held.
func joinSwitches(a, b Node) error {
	from, ok1 := a.(*Switch)
	to, ok2 := b.(*Switch)
	if !ok1 || !ok2 {
		return nil
	}
	seen := map[*Switch]bool{from: true}
	reach := []*Switch{from}
	for len(reach) > 0 {
		s := reach[0]
		reach = reach[1:]
		if s == to {
			return fmt.Errorf("lab: connect %s and %s: they are joined already, and switches in a ring would send frames around for ever", from.name, to.name)
		}
		for _, p := range s.ports {
			if far := p.out.to.port; far != nil && !seen[far.on] {
				seen[far.on] = true
				reach = append(reach, far.on)
			}
		}
	}
	return nil
}
