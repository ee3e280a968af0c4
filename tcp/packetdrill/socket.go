package packetdrill

import (
	"errors"
	"net/netip"

	"waypost/tcp"
)

// socket is a socket of the program under test.
type socket struct {
	config   tcp.Config // of what it connects or accepts
	local    netip.AddrPort
	nonblock bool

	listener *tcp.Listener
	conn     *tcp.Conn
	flow     *flow

	connected bool // connect has told so
	errTaken  bool // the connection's error was told: it is told once
	shutRead  bool
	linger    bool // close with SO_LINGER's time of 0
	keepalive tcp.Keepalive
	keep      bool // SO_KEEPALIVE
	timeout   tcp.Time
	sndbuf    int64 // as getsockopt tells it; 0: not set
	rcvbuf    int64
}

// result is what a call comes to.
type result struct {
	n      int64
	errno  string  // of n = -1
	socket *socket // of socket and accept: n is a new number
	err    error   // the call is wrong, or what it writes back is not what the script says
}

// attempt tries to complete a call; done is false while it blocks.
type attempt func() (res result, done bool)

func fails(errno string) (result, bool) { return result{n: -1, errno: errno}, true }
func gives(n int64) (result, bool)      { return result{n: n}, true }
func blocks() (result, bool)            { return result{}, false }

// errnos are the errors of connections as the socket interface has them.
func errno(err error) string {
	var icmp icmpError
	switch {
	case errors.As(err, &icmp):
		return icmp.errno()
	case errors.Is(err, tcp.ErrReset):
		return "ECONNRESET"
	case errors.Is(err, tcp.ErrRefused):
		return "ECONNREFUSED"
	case errors.Is(err, tcp.ErrTimeout):
		return "ETIMEDOUT"
	case errors.Is(err, tcp.ErrClosed):
		return "EPIPE"
	}
	return err.Error()
}

// trouble returns the error of the connection, once.
func (s *socket) trouble() string {
	if s.conn == nil || s.conn.Err() == nil || s.errTaken || errors.Is(s.conn.Err(), tcp.ErrClosed) {
		return ""
	}
	s.errTaken = true
	return errno(s.conn.Err())
}

// opening reports whether the handshake is not over.
func (s *socket) opening() bool {
	return s.conn != nil && (s.conn.State() == tcp.SynSent || s.conn.State() == tcp.SynReceived)
}

// opens makes a socket.
func (r *run) opens(c *Call) (attempt, error) {
	kind := r.flags(arg(c, 1))
	if !kind["SOCK_STREAM"] {
		return nil, unsupported(0, "sockets other than of SOCK_STREAM")
	}
	if proto := arg(c, 2); proto.Kind == ExprWord && proto.Text != "IPPROTO_TCP" {
		return nil, unsupported(0, "the protocol %s", proto.Text)
	}
	return func() (result, bool) {
		s := &socket{config: r.set.config, keepalive: r.set.keepalive, nonblock: kind["SOCK_NONBLOCK"]}
		return result{socket: s}, true
	}, nil
}

// binds gives a socket its address.
func (r *run) binds(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	addr, err := r.address(arg(c, 1), netip.AddrPortFrom(r.set.local, r.set.bindPort))
	if err != nil {
		return nil, err
	}
	return func() (result, bool) {
		if r.host.listener(addr) != nil {
			return fails("EADDRINUSE")
		}
		s.local = addr
		return gives(0)
	}, nil
}

// secret of listeners: nothing here needs to be hard to guess.
var secret = [16]byte{'p', 'a', 'c', 'k', 'e', 't', 'd', 'r', 'i', 'l', 'l'}

// listens puts a socket in LISTEN.
func (r *run) listens(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	backlog := int(min(max(arg(c, 1).Num, 1), 4096))
	return func() (result, bool) {
		if !s.local.IsValid() {
			s.local = netip.AddrPortFrom(r.set.local, r.host.ephemeralPort())
		}
		config := s.config
		config.UserTimeout = s.timeout
		if s.keep {
			config.Keepalive = s.keepalive
		}
		s.listener = tcp.Listen(&tcp.ListenConfig{
			Config: &config, Backlog: backlog, Cookies: r.set.cookies, Secret: secret,
			MSS: func(_, _ netip.AddrPort) int { return s.config.MSS }, // TCP_MAXSEG may come later
		})
		r.host.listeners = append(r.host.listeners, s)
		r.host.current = nil
		return gives(0)
	}, nil
}

// accepts takes a connection from a listener.
func (r *run) accepts(c *Call) (attempt, error) {
	l, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	return func() (result, bool) {
		if l.listener == nil {
			return fails("EINVAL")
		}
		conn := l.listener.Accept()
		if conn == nil {
			if l.nonblock {
				return fails("EAGAIN")
			}
			return blocks()
		}
		s := &socket{config: l.config, local: conn.Local(), conn: conn, connected: true,
			keepalive: l.keepalive, keep: l.keep, timeout: l.timeout, sndbuf: l.sndbuf, rcvbuf: l.rcvbuf}
		s.flow = r.host.flow(conn.Local(), conn.Remote())
		return result{socket: s}, true
	}, nil
}

// firstISN is the initial sequence number of connections that a script opens:
// so near to the end of the numbers that they go through 0.
const firstISN = 0xFFFF_F000

// connects opens a connection.
func (r *run) connects(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	addr, err := r.address(arg(c, 1), netip.AddrPortFrom(r.set.remote, r.set.connectPort))
	if err != nil {
		return nil, err
	}
	begun := false
	return func() (result, bool) {
		if s.conn == nil {
			r.dial(s, addr)
			begun = true
			if s.nonblock {
				return fails("EINPROGRESS")
			}
		}
		switch {
		case s.opening() && s.nonblock:
			return fails("EALREADY")
		case s.opening():
			return blocks()
		case s.conn.Err() != nil:
			if e := s.trouble(); e != "" {
				return fails(e)
			}
			return fails("ECONNABORTED")
		case s.connected && !begun:
			return fails("EISCONN")
		}
		s.connected = true
		return gives(0)
	}, nil
}

// dial makes the connection of a socket.
func (r *run) dial(s *socket, remote netip.AddrPort) {
	h := r.host
	if !s.local.IsValid() {
		s.local = netip.AddrPortFrom(h.set.local, h.ephemeralPort())
	}
	config := s.config
	config.UserTimeout = s.timeout
	if s.keep {
		config.Keepalive = s.keepalive
	}
	s.conn = tcp.Dial(&config, s.local, remote, firstISN, h.now)
	s.flow = h.flow(s.local, remote)
	s.flow.open(s.conn)
	h.current = s.flow
}

// shuts ends one or both directions.
func (r *run) shuts(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	how := arg(c, 1).Text
	if how != "SHUT_RD" && how != "SHUT_WR" && how != "SHUT_RDWR" {
		return nil, unsupported(0, "shutdown of %s", how)
	}
	return func() (result, bool) {
		if s.conn == nil || s.conn.State() == tcp.Closed {
			return fails("ENOTCONN")
		}
		if how != "SHUT_WR" {
			s.shutRead = true
		}
		if how != "SHUT_RD" {
			if err := s.conn.CloseWrite(r.now()); err != nil && !errors.Is(err, tcp.ErrClosed) {
				return fails(errno(err))
			}
		}
		return gives(0)
	}, nil
}

// closes gives a socket up.
func (r *run) closes(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	return func() (result, bool) {
		delete(r.sockets, arg(c, 0).Num)
		switch {
		case s.listener != nil:
			s.listener.Close(r.now())
			for i, l := range r.host.listeners {
				if l == s {
					r.host.listeners = append(r.host.listeners[:i:i], r.host.listeners[i+1:]...)
					break
				}
			}
		case s.conn != nil && s.linger:
			s.conn.Abort(r.now())
		case s.conn != nil:
			s.conn.Close(r.now())
		}
		return gives(0)
	}, nil
}
