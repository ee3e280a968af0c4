package stack

import (
	"net/netip"
	"sync"

	"waypost/packet"
	"waypost/trace"
)

// maxCauses bounds what is remembered of dials. An entry matters until the
// other end has heard the SYN.
const maxCauses = 16384

// Causes keeps, for the latest connections, the trace context of the dial:
// a SYN has no room for it, and so the other end's facts carry the journey's
// id too. It is shared by the hosts of a lab, and safe for concurrent use.
type Causes struct {
	mu     sync.Mutex
	known  map[ends]trace.Context
	oldest []ends // a ring, in the order of the dials
	next   int
}

// ends are a connection's, the client's first.
type ends struct{ client, server netip.AddrPort }

// NewCauses returns an empty memory of causes.
func NewCauses() *Causes {
	return &Causes{known: make(map[ends]trace.Context)}
}

// put remembers why client dialled server. The oldest is forgotten for it.
func (c *Causes) put(client, server netip.AddrPort, why trace.Context) {
	if c == nil || !why.Sampled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := ends{client, server}
	if _, again := c.known[e]; !again {
		if len(c.oldest) < maxCauses {
			c.oldest = append(c.oldest, e)
		} else {
			delete(c.known, c.oldest[c.next])
			c.oldest[c.next] = e
			c.next = (c.next + 1) % maxCauses
		}
	}
	c.known[e] = why
}

// get returns why client dialled server; the zero Context: not known.
func (c *Causes) get(client, server netip.AddrPort) trace.Context {
	if c == nil {
		return trace.Context{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[ends{client, server}]
}

// Of returns why the connection was dialled to which a flow belongs, in
// either direction. It reports false where that is not known.
func (c *Causes) Of(f packet.Flow) (trace.Context, bool) {
	if f.Protocol != packet.ProtocolTCP {
		return trace.Context{}, false
	}
	why := c.get(f.Src, f.Dst)
	if !why.Sampled {
		why = c.get(f.Dst, f.Src)
	}
	return why, why.Sampled
}
