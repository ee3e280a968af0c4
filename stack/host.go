// Package stack is a host: interfaces, ARP and NDP caches, routes and
// forwarding, ICMP, UDP and TCP sockets. Under it is a [Device] for each
// interface, a link of the lab or a TUN device; above it the host is a
// [link.Network], so that net/http, crypto/tls, quic-go and our own servers
// run on it unchanged.
//
// Read the files in the order in which a packet meets them. In:
// interface.go, arp.go and ndp.go over neighbour.go, input.go, reassemble.go,
// icmp.go with icmperror.go, pmtu.go and ping.go, group.go with
// membership.go, udp.go with udpconn.go and udpgroup.go, tcp.go with
// tcpdial.go, tcplisten.go and tcpconn.go. Out: ports.go, route.go, path.go,
// output.go, fragment.go, forward.go and outbox.go. timers.go is the host's
// one clock, record.go and causes.go say what happened and why, netstat.go
// what stands. tun_linux.go is a device.
//
// A host has one lock. It is held for what one frame, one call or one
// deadline causes, and never while a device is called (see outbox). Calls
// that wait do so on a sync.Cond of their socket; there is no goroutine but
// the callers' own and, for a moment, the clock's.
package stack

import (
	"cmp"
	crand "crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"waypost/link"
	"waypost/packet"
	"waypost/tcp"
	"waypost/trace"
)

// Config is what a host is made of. The zero value is a host without a name
// that records nothing.
type Config struct {
	// Name is the host's name in the record and in errors.
	Name string
	// Station notes the host's facts (arp.resolve, icmp.error, tcp.*); nil
	// notes nothing and costs nothing. Its recorder is called under the
	// host's lock and must not call the host.
	Station *trace.Station
	// Seed, together with Name, fixes ports, initial sequence numbers,
	// identifications and jitter; with 0 they come from crypto/rand.
	Seed uint64
	// TCP is how connections behave. Its Observe is ignored: the host
	// records through Station.
	TCP tcp.Config
	// Backlog bounds the connections that wait for Accept at each listener;
	// 0 means DefaultBacklog.
	Backlog int
	// Nagle leaves Nagle's algorithm on at new connections. Package net turns
	// it off, and so does a host.
	Nagle bool
	// Cookies says when listeners answer with SYN cookies.
	Cookies tcp.CookieMode
	// Forward makes the host a router.
	Forward bool
	// Causes is shared by the hosts of one lab; nil keeps none.
	Causes *Causes
	// AfterFunc makes the one timer of the host; nil means time.AfterFunc.
	// The lab has its own, so that what a host does of itself has its place
	// among what else is due at the instant.
	AfterFunc func(d time.Duration, f func()) Timer
}

// Timer is what a host needs of a timer; a *time.Timer is one.
type Timer interface {
	Reset(d time.Duration) bool
	Stop() bool
}

// DefaultBacklog is the accept queue of a listener: net.core.somaxconn of
// Linux since 5.4.
const DefaultBacklog = 4096

// Host is one host on the network. It is safe for concurrent use.
type Host struct {
	config Config
	epoch  time.Time // tcp.Time counts from here
	secret [16]byte  // keys every hash whose result a stranger must not foresee

	mu       sync.Mutex
	time     tcp.Time // when the lock was taken
	closed   bool
	flushing bool // a goroutine is handing frames to devices
	random   *rand.Rand
	timers   timers
	out      outbox
	spare    outbox
	scratch  []byte // the transport payload under construction
	stats    Stats

	interfaces []*Interface // in the order of Attach; the first is loopback
	addrs      map[netip.Addr]*Interface
	routes     []Route // the longest prefix first
	generation uint64  // of routes and path MTUs: cached paths of another are stale
	held       int     // bytes that wait for neighbours
	pathMTUs   pathMTUs
	fragments  reassembly
	ids        [256]uint32 // identifications, by a hash of the flow
	errorRate  tokens
	pings      map[uint32]*ping
	buffers    [][]byte // free buffers for datagrams

	udp         udpPorts
	listeners   map[uint16][]*TCPListener
	connections map[flowKey]*TCPConn
	timeWaits   timeWaits
	yielding    []*TCPConn          // with more to send than the outbox has room for
	yielded     []*TCPConn          // its spare room
	tcpConfigs  map[int]*tcp.Config // by MSS
	segment     tcp.Segment         // the segment at hand, in or out
	newcomer    *account            // of a connection that a listener is making
	portOffsets [64]uint32          // RFC 6056 §3.3.4, the table of increments
	opened      uint64              // connections ever made: their order
}

var _ link.Network = (*Host)(nil)

// New returns a host that has no interface but its loopback one.
func New(c Config) *Host {
	h := &Host{
		config:      c,
		epoch:       time.Now(),
		addrs:       make(map[netip.Addr]*Interface),
		pathMTUs:    make(pathMTUs),
		pings:       make(map[uint32]*ping),
		udp:         make(udpPorts),
		listeners:   make(map[uint16][]*TCPListener),
		connections: make(map[flowKey]*TCPConn),
		tcpConfigs:  make(map[int]*tcp.Config),
	}
	h.config.Backlog = cmp.Or(c.Backlog, DefaultBacklog)
	h.config.TCP.Observe = nil
	h.timers.armed = never
	h.random = rand.New(rand.NewChaCha8(seed(c)))
	for n := range h.secret {
		h.secret[n] = byte(h.random.Uint32())
	}
	for n := range h.ids {
		h.ids[n] = h.random.Uint32()
	}
	for n := range h.portOffsets {
		h.portOffsets[n] = h.random.Uint32()
	}
	h.attachLoopback()
	return h
}

// seed is where all of a host's random numbers come from.
func seed(c Config) (key [32]byte) {
	if c.Seed == 0 {
		crand.Read(key[:])
		return key
	}
	name := fnv.New64a()
	name.Write([]byte(c.Name))
	binary.LittleEndian.PutUint64(key[:], c.Seed)
	binary.LittleEndian.PutUint64(key[8:], name.Sum64())
	return key
}

// Name is the host's name.
func (h *Host) Name() string { return h.config.Name }

// now is the time on the host's clock.
func (h *Host) now() tcp.Time { return time.Since(h.epoch) }

// lock takes the host's lock; unlock (outbox.go) gives it back.
func (h *Host) lock() {
	h.mu.Lock()
	h.time = h.now()
}

// wait waits on c for a change, with the lock given back meanwhile. The
// caller looks at its condition anew, for it may return without a change.
func (h *Host) wait(c *sync.Cond) {
	if len(h.out.frames) > 0 && !h.flushing {
		h.flush()
		h.time = h.now()
		return // something may have happened meanwhile
	}
	h.arm()
	c.Wait()
	h.time = h.now()
}

// Close ends everything on the host at once: connections are reset, sockets
// closed, and calls that wait return net.ErrClosed. Frames are neither taken
// nor sent from then on.
func (h *Host) Close() {
	h.lock()
	defer h.unlock()
	if h.closed {
		return
	}
	h.closeTCP()
	h.udp.closeAll()
	for _, p := range h.pings {
		p.changed.Broadcast()
	}
	h.closed = true
	if h.timers.clock != nil {
		h.timers.clock.Stop()
	}
	h.timers.heap = nil
	h.fragments = reassembly{}
	h.yielding, h.yielded = nil, nil
	h.buffers = nil
	for _, i := range h.interfaces {
		i.neighbours = nil
	}
}

// Addrs returns the host's unicast addresses without those of loopback, in
// the order of their interfaces.
func (h *Host) Addrs() []netip.Addr {
	h.lock()
	defer h.unlock()
	var all []netip.Addr
	for _, i := range h.interfaces[1:] {
		for _, p := range i.prefixes {
			all = append(all, p.Addr())
		}
	}
	return slices.Clip(all)
}

// Stats counts what a host did not do for the one who asked.
type Stats struct {
	OutboxDropped    int // frames that a slow device left no room for
	NeighbourDropped int // packets that waited for a link address in vain, or had no room to wait
	ReceiveDropped   int // datagrams that a socket's queue had no room for
	FragmentDropped  int // fragments without room, overlapping, or too late
	ErrorsWithheld   int // ICMP errors not sent because of the rate limit
	Malformed        int // packets with a defect
	NotForUs         int // packets for another host, where this one does not forward
	NoRoute          int // packets for which no route leads on
}

// Stats returns the counts since New.
func (h *Host) Stats() Stats {
	h.lock()
	defer h.unlock()
	return h.stats
}

// mac is a locally administered Ethernet address for interface number n of
// the host, for those who do not choose one.
func (h *Host) mac(n int) packet.MAC {
	var m packet.MAC
	sum := h.hash(0, netip.AddrPort{}, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)))
	binary.BigEndian.PutUint32(m[2:], uint32(sum))
	m[0], m[1] = 0x02, byte(sum>>32) // IEEE 802 §8.4: locally administered, not a group
	return m
}
