package wire

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Places counts connections: all of them, and those of each client. Servers
// that have the same Places share Limits.Connections and
// Limits.ConnectionsPerClient, over TCP and QUIC alike. The zero value is
// ready for use; it must not be copied, and is safe for concurrent use.
//
// Its tables hold an entry for each connection and each client that has one,
// and thus no more than Limits.Connections.
type Places struct {
	once    sync.Once
	mu      sync.Mutex
	left    *sync.Cond // a connection left or turned idle, or a server stops
	conns   map[connection]place
	clients map[netip.Addr]int
	came    uint64
	waiting atomic.Int32 // connections that wait for a place
}

// place is what is known about an open connection.
type place struct {
	of     *serving
	number uint64     // in the order in which they came
	client netip.Addr // whom it counts for; zero: nobody, or not known yet
}

// evictLook is how many connections are looked at for an idle one of the
// client that wants another. It has at least a sixteenth of them where it is
// at the default bound, and so 98 in 100 find one when all of its own are idle.
const evictLook = 64

// ClientOf is the address that stands for the client at addr where something
// is bounded for each client: an IPv4 address itself, and the first of the /64
// of an IPv6 address, for that is what one host is given to choose its
// addresses from (RFC 4862, RFC 7934). A household or a company may have 256
// or 65,536 such networks (RFC 6177), and so more of what is bounded; to take
// its /48 for one client would make one of all customers of many a hosting
// company. The zero Addr stays as it is.
func ClientOf(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if !addr.Is6() {
		return addr
	}
	network, err := addr.Prefix(clientBits)
	if err != nil {
		return addr
	}
	return network.Addr()
}

// clientBits of an IPv6 address stand for a client.
const clientBits = 64

// ready makes the tables of a zero Places.
func (p *Places) ready() {
	p.once.Do(func() {
		p.left = sync.NewCond(&p.mu)
		p.conns, p.clients = map[connection]place{}, map[netip.Addr]int{}
	})
}

// claim counts one connection more for the client at addr, if it may have one:
// at the bound, an idle one of its own is closed for it. What is claimed is
// given back by leave, or with the connection that enter gives it to.
func (p *Places) claim(addr netip.Addr, l *Limits) (client netip.Addr, ok bool) {
	if client = ClientOf(addr); !client.IsValid() || l.ConnectionsPerClient < 0 {
		return netip.Addr{}, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mayCome(client, l) {
		return client, false
	}
	p.clients[client]++
	return client, true
}

// claimFor is claim for a connection that has its place and of which only now
// is known whom it is for. One that has lost its place meanwhile ends anyway.
func (p *Places) claimFor(c connection, addr netip.Addr, l *Limits) bool {
	client := ClientOf(addr)
	if !client.IsValid() || l.ConnectionsPerClient < 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, open := p.conns[c]
	if !open || at.client.IsValid() {
		return true
	}
	if !p.mayCome(client, l) {
		return false
	}
	p.clients[client]++
	at.client = client
	p.conns[c] = at
	return true
}

// atBound reports whether the client at addr has all that it may have.
func (p *Places) atBound(addr netip.Addr, l *Limits) bool {
	if l.ConnectionsPerClient < 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[ClientOf(addr)] >= l.ConnectionsPerClient
}

// makeRoomFor sees to it that the client at addr may have another connection,
// and reports whether it may.
func (p *Places) makeRoomFor(addr netip.Addr, l *Limits) bool {
	if l.ConnectionsPerClient < 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mayCome(ClientOf(addr), l)
}

// mayCome sees to it that the client may have another connection, and reports
// whether it may. The lock is held.
func (p *Places) mayCome(client netip.Addr, l *Limits) bool {
	return p.clients[client] < l.ConnectionsPerClient || p.evictOwn(client)
}

// evictOwn closes an idle connection of a client, if it meets one.
func (p *Places) evictOwn(client netip.Addr) bool {
	looked := 0
	for c, at := range p.conns {
		if at.client == client && c.closeIfIdle() {
			p.remove(c)
			return true
		}
		if looked++; looked == evictLook {
			break
		}
	}
	return false
}

// unclaim is one connection less for a client. The lock is held.
func (p *Places) unclaim(client netip.Addr) {
	if !client.IsValid() {
		return
	}
	if p.clients[client]--; p.clients[client] == 0 {
		delete(p.clients, client)
	}
}

// enter gives c, which is v's, a place, and what was claimed for client. The
// lock is held.
func (p *Places) enter(v *serving, c connection, client netip.Addr) {
	p.came++
	v.open++
	p.conns[c] = place{v, p.came, client}
}

// remove takes the place of c, if it has one. The lock is held.
func (p *Places) remove(c connection) {
	if at, ok := p.conns[c]; ok {
		delete(p.conns, c)
		at.of.open--
		p.unclaim(at.client)
	}
}

// evictIdle closes some idle connection. The order of a map is arbitrary,
// which is good enough: no client can choose whom it displaces. The lock is
// held.
func (p *Places) evictIdle() bool {
	for c := range p.conns {
		if c.closeIfIdle() {
			p.remove(c)
			return true
		}
	}
	return false
}

// admit makes c one of the connections, with what was claimed for client. At
// the limit it closes an idle one for it, or waits until one leaves or turns
// idle; false when the server stops.
func (v *serving) admit(ctx context.Context, c *serverConn, client netip.Addr) bool {
	p := v.places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting.Add(1) // before the look at who is idle: who turns idle after it sees that
	defer p.waiting.Add(-1)
	for len(p.conns) >= v.limits.Connections && ctx.Err() == nil {
		if !p.evictIdle() {
			p.left.Wait()
		}
	}
	if ctx.Err() != nil {
		p.unclaim(client)
		return false
	}
	p.enter(v, c, client)
	return true
}

// evictAtOnce is how many idle connections are closed when there is no file
// descriptor for a new one: the connections to origins need some too.
const evictAtOnce = 32

// evictSome closes a few idle connections, and reports whether there were any.
// It is for systems that allow fewer descriptors than Limits.Connections.
func (v *serving) evictSome() (some bool) {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	for range evictAtOnce {
		if !v.places.evictIdle() {
			return some
		}
		some = true
	}
	return some
}

// forget takes the place of a connection that has ended.
func (v *serving) forget(c connection) {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	v.places.remove(c)
	v.places.left.Broadcast()
}

// turnedIdle is told when a connection carries no exchange any more: who waits
// for a place may have its. Locks may be held.
func (v *serving) turnedIdle() {
	if v.places.waiting.Load() > 0 {
		go v.wakeAll()
	}
}

// wakeAll has those who wait look again.
func (v *serving) wakeAll() {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	v.places.left.Broadcast()
}

// emptied waits until the server has no connection left.
func (v *serving) emptied() {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	for v.open > 0 {
		v.places.left.Wait()
	}
}

// connections is the number of the server's own.
func (v *serving) connections() int {
	v.places.mu.Lock()
	defer v.places.mu.Unlock()
	return v.open
}

// inOrder returns the server's connections in the order in which they came,
// so that in the lab the same run ends the same way.
func (v *serving) inOrder() []connection {
	p := v.places
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Collect(maps.Keys(p.conns))
	all = slices.DeleteFunc(all, func(c connection) bool { return p.conns[c].of != v })
	slices.SortFunc(all, func(a, b connection) int {
		return cmp.Compare(p.conns[a].number, p.conns[b].number)
	})
	return all
}
