package journey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"waypost/link"
	"waypost/stack"
)

// socket is a socket of the script's own: a listener, a TCP connection or a
// UDP socket. One action uses it at a time.
type socket struct {
	name     string
	listener net.Listener
	stream   net.Conn
	datagram link.PacketConn

	mu             sync.Mutex
	sent, received int64
	ended          error
	text           string // what the last read with until took
}

// listenAction is listen HOST PORT as NAME.
type listenAction struct {
	host, name string
	port       int
}

func parseListen(a *args) action {
	l := &listenAction{host: a.of("host"), port: a.number("a port", 1, 65535)}
	if !a.keyword("as") {
		a.failHere("give the listener a name: as NAME")
		return l
	}
	l.name = a.as("listener")
	return l
}

func (l *listenAction) do(t *task) error {
	n, err := t.hosts[l.host].Listen(t.ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(l.port)))
	if err != nil {
		return err
	}
	t.keep(&socket{name: l.name, listener: n})
	return nil
}

// acceptAction is accept LISTENER as NAME.
type acceptAction struct {
	listener, name string
	within         time.Duration
}

func parseAccept(a *args) action {
	c := &acceptAction{listener: a.of("listener"), within: actionPatience}
	a.namedSocket(&c.name, &c.within)
	return c
}

// namedSocket reads as NAME [within D].
func (a *args) namedSocket(name *string, within *time.Duration) {
	for a.more() && !a.failed {
		switch {
		case a.keyword("as"):
			*name = a.as("connection")
		case a.keyword("within"):
			*within = a.duration("how long")
		default:
			a.failAt(a.peek(), "%q is not expected here: as NAME, within D", a.peek().text)
		}
	}
	if *name == "" {
		a.failHere("give the connection a name: as NAME")
	}
}

func (c *acceptAction) do(t *task) error {
	l := t.socket(c.listener)
	type accepted struct {
		net.Conn
		error
	}
	done := make(chan accepted, 1)
	go func() {
		conn, err := l.listener.Accept()
		done <- accepted{conn, err}
	}()
	select {
	case got := <-done:
		if got.error != nil {
			return got.error
		}
		t.keep(&socket{name: c.name, stream: got.Conn})
		return nil
	case <-time.After(c.within):
		// Whoever comes late is not wanted any more.
		go func() {
			if got := <-done; got.error == nil {
				_ = got.Close()
			}
		}()
		return fmt.Errorf("nobody connected within %v", c.within)
	}
}

// dialAction is dial HOST ADDRESS:PORT as NAME.
type dialAction struct {
	host, name string
	to         target
	within     time.Duration
}

func parseDial(a *args) action {
	d := &dialAction{host: a.of("host"), to: a.target("whom to call, such as server:7000"), within: dialPatience}
	a.namedSocket(&d.name, &d.within)
	return d
}

// dialPatience is longer than a stack tries to connect.
const dialPatience = 5 * time.Minute

func (d *dialAction) do(t *task) error {
	to, err := d.to.resolve(t.world)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.ctx, d.within)
	defer cancel()
	c, err := t.hosts[d.host].Dial(ctx, to)
	t.keep(&socket{name: d.name, stream: c, ended: err})
	return err
}

// udpAction is udp HOST [PORT] as NAME.
type udpAction struct {
	host, name string
	port       int
}

func parseUDP(a *args) action {
	u := &udpAction{host: a.of("host")}
	if !a.peek().is("as") {
		u.port = a.number("a port", 1, 65535)
	}
	if !a.keyword("as") {
		a.failHere("give the socket a name: as NAME")
		return u
	}
	u.name = a.as("connection")
	return u
}

func (u *udpAction) do(t *task) error {
	c, err := t.hosts[u.host].ListenPacket(t.ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(u.port)))
	if err != nil {
		return err
	}
	t.keep(&socket{name: u.name, datagram: c})
	return nil
}

// groupAction is join NAME GROUP and leave NAME GROUP.
type groupAction struct {
	socket string
	group  netip.Addr
	leave  bool
}

func parseJoin(a *args) action {
	return &groupAction{a.of("connection"), a.addr("a multicast group"), false}
}
func parseLeave(a *args) action {
	return &groupAction{a.of("connection"), a.addr("a multicast group"), true}
}

func (g *groupAction) do(t *task) error {
	s := t.socket(g.socket)
	c, ok := s.datagram.(*stack.UDPConn)
	switch {
	case !ok:
		return fmt.Errorf("%s is no UDP socket: it cannot join a group", g.socket)
	case g.leave:
		return c.LeaveGroup(nil, g.group)
	}
	return c.JoinGroup(nil, g.group)
}

// target is an address and a port; the address may be a host's name.
type target struct {
	host string
	addr netip.AddrPort
}

func (a *args) target(what string) target {
	w := a.want(what)
	if a.failed {
		return target{}
	}
	if addr, err := netip.ParseAddrPort(w.text); err == nil {
		return target{addr: addr}
	}
	name, port, ok := strings.Cut(w.text, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case !ok || err != nil:
		a.failAt(w, "%q is no address and port such as 192.0.2.1:80 or server:80", w.text)
	case a.names[name] != "host" && a.names[name] != "router":
		a.failAt(w, "there is no host %s%s", name, didYouMean(name, a.named("host")))
	}
	return target{name, netip.AddrPortFrom(netip.Addr{}, uint16(n))}
}

func (t target) resolve(w *world) (netip.AddrPort, error) {
	if t.host == "" {
		return t.addr, nil
	}
	addr, err := w.hosts[t.host].address()
	return netip.AddrPortFrom(addr, t.addr.Port()), err
}

// state is what an expectation sees of the socket.
func (s *socket) state() Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Connection{Sent: s.sent, Received: s.received, Text: s.text, State: "CLOSED"}
	if s.ended != nil && !errors.Is(s.ended, io.EOF) {
		c.Error = s.ended.Error()
	}
	switch {
	case s.datagram != nil:
		c.State, c.Local = "OPEN", s.datagram.LocalAddr().String()
	case s.stream != nil:
		c.Local, c.Remote = s.stream.LocalAddr().String(), s.stream.RemoteAddr().String()
		if i, ok := link.InfoOf(s.stream); ok {
			c.State, c.Acked, c.Cwnd, c.Ssthresh = i.State, i.BytesAcked, i.Cwnd, i.Ssthresh
			c.RTT, c.MSS, c.Retransmits, c.Options = i.RTT, i.MSS, i.Retransmits, i.Options
		}
	}
	return c
}

// close ends what is still open at the end of a journey.
func (s *socket) close() {
	switch {
	case s.listener != nil:
		_ = s.listener.Close() // nobody is left to tell
	case s.stream != nil:
		abort(s.stream)
	case s.datagram != nil:
		_ = s.datagram.Close()
	}
}

// abort closes with a reset.
func abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}
