package packetdrill

import (
	"fmt"
	"slices"
	"strings"

	"waypost/tcp"
)

// controls is fcntl of O_NONBLOCK.
func (r *run) controls(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	switch cmd := arg(c, 1).Text; cmd {
	case "F_GETFL":
		return func() (result, bool) {
			flags := int64(0x2) // O_RDWR
			if s.nonblock {
				flags |= 0x800
			}
			return gives(flags)
		}, nil
	case "F_SETFL":
		on := r.flags(arg(c, 2))["O_NONBLOCK"]
		return func() (result, bool) {
			s.nonblock = on
			return gives(0)
		}, nil
	default:
		return nil, unsupported(0, "fcntl of %s", cmd)
	}
}

// inquires is ioctl of SIOCINQ: how many bytes could be read.
func (r *run) inquires(c *Call) (attempt, error) {
	s, err := r.socket(c)
	if err != nil {
		return nil, err
	}
	name, want := arg(c, 1).Text, value(arg(c, 2))
	return func() (result, bool) {
		var got int
		switch {
		case s.conn == nil:
			return fails("ENOTCONN")
		case name == "SIOCINQ", name == "FIONREAD":
			got = s.conn.Info().Unread
		case name == "SIOCOUTQ":
			info := s.conn.Info()
			got = info.Unacked
		default:
			return result{err: unsupported(0, "ioctl of %s", name)}, true
		}
		if int64(got) != want {
			return result{err: fmt.Errorf("%s gives %d, and not %d", name, got, want)}, true
		}
		return gives(0)
	}, nil
}

// polls is poll. The script says which sockets are ready when it returns.
func (r *run) polls(c *Call) (attempt, error) {
	list := arg(c, 0).List
	sockets := make([]*socket, len(list))
	for i, e := range list {
		fd, _ := e.field("fd")
		if sockets[i] = r.sockets[fd.Num]; sockets[i] == nil {
			return nil, wrong(0, "poll of %d, which is no socket", fd.Num)
		}
	}
	timeout := arg(c, 2).Num
	end := r.now() + milliseconds(timeout)
	return func() (result, bool) {
		ready := int64(0)
		for i, e := range list {
			events, _ := e.field("events")
			if len(sockets[i].ready(r.flags(events))) > 0 {
				ready++
			}
		}
		if ready == 0 && timeout != 0 && (timeout < 0 || r.now() < end) {
			if timeout > 0 {
				r.host.alarm = end
			}
			return blocks()
		}
		for i, e := range list {
			events, _ := e.field("events")
			revents, _ := e.field("revents")
			got := sockets[i].ready(r.flags(events))
			if want := r.flags(revents); !equal(got, want) {
				return result{err: fmt.Errorf("poll tells %s, and not %s", names(got), names(want))}, true
			}
		}
		return gives(ready)
	}, nil
}

// ready returns the events of poll that a socket has, of those asked for and
// those that are always told.
func (s *socket) ready(asked map[string]bool) map[string]bool {
	has := map[string]bool{}
	if s.listener != nil {
		has["POLLIN"] = s.listener.Ready()
	}
	if s.conn != nil {
		over := s.conn.State() == tcp.Closed
		has["POLLIN"] = s.conn.Readable() || s.shutRead || over
		has["POLLOUT"] = !s.opening() && s.conn.Writable() || over
		has["POLLERR"] = s.conn.Err() != nil && !s.errTaken
		has["POLLHUP"] = over
		has["POLLRDHUP"] = over || peerClosed(s.conn.State())
	}
	for name, is := range has {
		if always := name == "POLLERR" || name == "POLLHUP"; !is || !asked[name] && !always {
			delete(has, name)
		}
	}
	return has
}

// peerClosed reports whether the peer's FIN has come.
func peerClosed(s tcp.State) bool {
	return s == tcp.CloseWait || s == tcp.LastAck || s == tcp.Closing || s == tcp.TimeWait
}

func equal(a, b map[string]bool) bool { return names(a) == names(b) }

// names writes a set as a script does.
func names(set map[string]bool) string {
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	if len(list) == 0 {
		return "0"
	}
	slices.Sort(list)
	return strings.Join(list, "|")
}
