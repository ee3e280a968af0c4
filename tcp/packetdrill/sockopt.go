package packetdrill

import (
	"fmt"
	"strings"

	"waypost/tcp"
)

// options that change nothing here, with the reason.
var idleOptions = map[string]string{
	"SO_REUSEADDR":     "addresses are free at once",
	"SO_REUSEPORT":     "there is one listener",
	"SO_PRIORITY":      "no queue to choose",
	"SO_MARK":          "no routing",
	"IP_TOS":           "no IP header",
	"IP_FREEBIND":      "no addresses",
	"IP_MTU_DISCOVER":  "the path's MTU comes from the script",
	"TCP_DEFER_ACCEPT": "accept is not later for it",
}

// knownOptions are the options that setsockopt and getsockopt understand.
var knownOptions = map[string]bool{
	"SO_KEEPALIVE": true, "SO_LINGER": true, "SO_SNDBUF": true, "SO_RCVBUF": true, "SO_ERROR": true,
	"TCP_NODELAY": true, "TCP_MAXSEG": true, "TCP_KEEPIDLE": true, "TCP_KEEPINTVL": true, "TCP_KEEPCNT": true,
	"TCP_CONGESTION": true, "TCP_USER_TIMEOUT": true, "TCP_SYNCNT": true,
}

// value returns the number of an option: [1], or {onoff=1, linger=0}.
func value(e Expr) int64 {
	if e.Kind == ExprList && len(e.List) == 1 {
		e = e.List[0]
	}
	if e.Kind == ExprWord {
		return errnoNumbers[e.Text] // of SO_ERROR
	}
	return e.Num
}

// setsOption is setsockopt.
func (r *run) setsOption(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	name := arg(c, 2).Text
	if _, idle := idleOptions[name]; idle {
		return func() (result, bool) { return gives(0) }, nil
	}
	v := arg(c, 3)
	return func() (result, bool) {
		err := r.setOption(s, name, v)
		return result{err: err}, true
	}, nil
}

// setOption changes a socket. What it means for a connection that stands is
// told to it.
func (r *run) setOption(s *socket, name string, v Expr) error {
	n := value(v)
	switch name {
	case "TCP_NODELAY":
		s.config.NoDelay = n != 0
		if s.conn != nil {
			s.conn.SetNoDelay(r.now(), n != 0)
		}
	case "SO_KEEPALIVE":
		s.keep = n != 0
		r.applyKeepalive(s)
	case "TCP_KEEPIDLE":
		s.keepalive.Idle = milliseconds(1000 * n)
		r.applyKeepalive(s)
	case "TCP_KEEPINTVL":
		s.keepalive.Interval = milliseconds(1000 * n)
		r.applyKeepalive(s)
	case "TCP_KEEPCNT":
		s.keepalive.Probes = int(n)
		r.applyKeepalive(s)
	case "TCP_USER_TIMEOUT":
		s.timeout = milliseconds(n)
		if s.conn != nil {
			s.conn.SetUserTimeout(r.now(), s.timeout)
		}
	case "SO_LINGER":
		on, _ := v.field("onoff")
		wait, _ := v.field("linger")
		if on.Num != 0 && wait.Num != 0 {
			return unsupported(0, "SO_LINGER with a time: close does not block here")
		}
		s.linger = on.Num != 0
	default:
		return s.setAtFirst(name, v)
	}
	return nil
}

// setAtFirst changes what a connection takes over when it begins.
func (s *socket) setAtFirst(name string, v Expr) error {
	n := value(v)
	stands := s.conn != nil || s.listener != nil
	switch name {
	case "SO_SNDBUF", "SO_RCVBUF":
		buffer, told := &s.config.SendBuffer, &s.sndbuf
		if name == "SO_RCVBUF" {
			buffer, told = &s.config.ReceiveBuffer, &s.rcvbuf
		}
		// Linux doubles the number, to have room for its own structures,
		// which buffers here have beside the payload.
		*told = 2 * n
		if stands && int(n) >= *buffer {
			return nil
		}
		if stands && name == "SO_SNDBUF" && n >= enoughBuffer {
			return nil // larger than what the script writes: no need of the limit
		}
		if stands {
			return unsupported(0, "%s of a connection that stands", name)
		}
		*buffer = int(n)
	case "TCP_MAXSEG":
		if s.conn != nil {
			return unsupported(0, "TCP_MAXSEG of a connection that stands")
		}
		s.config.MSS = int(min(n, int64(s.config.MSS)))
	case "TCP_SYNCNT":
		s.config.SYNRetries = int(n)
	case "TCP_CONGESTION":
		name := v.Text
		if len(v.List) == 1 {
			name = v.List[0].Text
		}
		if stands || !linuxCongestion(&s.config, name) {
			return unsupported(0, "TCP_CONGESTION %q, or of a connection that stands", name)
		}
	default:
		return unsupported(0, "the socket option %s", name)
	}
	return nil
}

// enoughBuffer is a send buffer that scripts set so as not to be limited by it.
const enoughBuffer = 200_000

func (r *run) applyKeepalive(s *socket) {
	if s.conn == nil {
		return
	}
	k := tcp.Keepalive{}
	if s.keep {
		k = s.keepalive
	}
	s.conn.SetKeepalive(r.now(), k)
}

// getsOption is getsockopt: the script says what the option must be.
func (r *run) getsOption(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	name, want := arg(c, 2).Text, arg(c, 3)
	return func() (result, bool) {
		if want.Kind == ExprAny {
			return gives(0)
		}
		if r.opts.Like == FreeBSD && strings.HasSuffix(name, "BUF") {
			return gives(0) // its windows are not compared
		}
		got, err := r.getOption(s, name)
		if err == nil && got != value(want) {
			err = fmt.Errorf("%s is %d, and not %d", name, got, value(want))
		}
		return result{err: err}, true
	}, nil
}

func (r *run) getOption(s *socket, name string) (int64, error) {
	switch name {
	case "SO_ERROR":
		if e := s.trouble(); e != "" {
			n, ok := errnoNumbers[e]
			if !ok {
				return 0, fmt.Errorf("the error is %s", e)
			}
			return n, nil
		}
		return 0, nil
	case "SO_KEEPALIVE":
		return int64(truth(s.keep)), nil
	case "SO_SNDBUF":
		return s.sndbuf, nil
	case "SO_RCVBUF":
		return s.rcvbuf, nil
	case "TCP_NODELAY":
		return int64(truth(s.config.NoDelay)), nil
	case "TCP_KEEPIDLE":
		return int64(s.keepalive.Idle.Seconds()), nil
	case "TCP_KEEPINTVL":
		return int64(s.keepalive.Interval.Seconds()), nil
	case "TCP_KEEPCNT":
		return int64(s.keepalive.Probes), nil
	case "TCP_USER_TIMEOUT":
		return s.timeout.Milliseconds(), nil
	case "TCP_MAXSEG":
		if s.conn != nil {
			return int64(s.conn.Info().MSS), nil
		}
		return int64(s.config.MSS), nil
	}
	return 0, unsupported(0, "to get the socket option %s", name)
}

// errnoNumbers are Linux's numbers of the errors that SO_ERROR tells.
var errnoNumbers = map[string]int64{
	"EPIPE": 32, "ENOPROTOOPT": 92, "ENETUNREACH": 101, "ECONNABORTED": 103, "ECONNRESET": 104,
	"ETIMEDOUT": 110, "ECONNREFUSED": 111, "EHOSTUNREACH": 113,
}
