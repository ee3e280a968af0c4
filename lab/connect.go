package lab

import (
	"fmt"

	"waypost/packet"
)

// end is one end of a link, plugged into a node.
type end struct {
	lab     *Lab
	name    string             // of its node
	out     *direction         // leads away from here
	mac     packet.MAC         // zero at a switch
	port    *switchPort        // at a switch
	receive func(frame []byte) // at a host: takes a frame, borrowed during the call
	taken   *spacing           // at a host: when it took frames
}

// Transmit takes a frame that the node sends into the link. It implements
// stack.Device and is called by any goroutine.
func (e *end) Transmit(frame []byte) { e.lab.loop.stage(e.out, frame) }

// String names the end after its link and node.
func (e *end) String() string { return e.out.link.name + " at " + e.name }

// Connect joins two ports. The link has the shape there on the way from a to
// b, and the shape back, where one is given, on the way from b to a;
// otherwise both ways are alike.
//
// Two switches cannot be joined in a ring: there is no spanning tree
// protocol here, and a frame to everybody would circle for ever.
func (l *Lab) Connect(a, b Port, there LinkShape, back ...LinkShape) (*Link, error) {
	shapes, err := bothWays(there, back)
	if err != nil {
		return nil, fmt.Errorf("lab: connect: %w", err)
	}
	if a.Node == nil || b.Node == nil {
		return nil, fmt.Errorf("lab: connect: a port has no node")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("lab: connect %s and %s: %w", a.Node.Name(), b.Node.Name(), ErrClosed)
	}
	if err := joinSwitches(a.Node, b.Node); err != nil {
		return nil, err
	}
	k := l.newLink(a.Node.Name(), b.Node.Name(), shapes)
	for _, side := range []struct {
		end  *end
		port Port
	}{{k.there.from, a}, {k.there.to, b}} {
		p := side.port
		if p.MTU == 0 {
			p.MTU = shapes.mtu()
		}
		if err := p.Node.plug(side.end, p); err != nil {
			return nil, fmt.Errorf("lab: connect %s and %s: %w", a.Node.Name(), b.Node.Name(), err)
		}
	}
	l.links = append(l.links, k)
	return k, nil
}

// newLink makes the link and its two directions. The lock is held.
func (l *Lab) newLink(a, b string, s shapes) *Link {
	name := a + "-" + b
	for n := 2; l.named(name) != nil; n++ {
		name = fmt.Sprintf("%s-%s#%d", a, b, n)
	}
	k := &Link{lab: l, name: name, up: true}
	at, bt := &end{lab: l, name: a, receive: nowhere}, &end{lab: l, name: b, receive: nowhere}
	k.there = l.newDirection(k, at, bt, s.there)
	k.back = l.newDirection(k, bt, at, s.back)
	at.out, bt.out = k.there, k.back
	if station := l.station("link " + name); station != nil {
		k.span = station.Begin()
		k.station = station
	}
	return k
}

// nowhere is where frames go while nothing is plugged in.
func nowhere([]byte) {}

// named returns the link of that name. The lock is held.
func (l *Lab) named(name string) *Link {
	for _, k := range l.links {
		if k.name == name {
			return k
		}
	}
	return nil
}
