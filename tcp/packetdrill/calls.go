package packetdrill

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// prepare returns how to complete a call, or why it is none of the subset.
func (r *run) prepare(c *Call) (attempt, error) {
	if fd := arg(c, 0); c.Name != "socket" && fd.Kind == ExprNumber && r.sockets[fd.Num] == nil {
		return func() (result, bool) { return fails("EBADF") }, nil
	}
	switch c.Name {
	case "socket":
		return r.opens(c)
	case "bind":
		return r.binds(c)
	case "listen":
		return r.listens(c)
	case "accept":
		return r.accepts(c)
	case "connect":
		return r.connects(c)
	case "read", "recv", "recvfrom", "readv", "recvmsg":
		return r.reads(c)
	case "write", "send", "sendto", "writev", "sendmsg":
		return r.writes(c)
	case "shutdown":
		return r.shuts(c)
	case "close":
		return r.closes(c)
	case "setsockopt":
		return r.setsOption(c)
	case "getsockopt":
		return r.getsOption(c)
	case "fcntl":
		return r.controls(c)
	case "ioctl":
		return r.inquires(c)
	case "poll":
		return r.polls(c)
	}
	return nil, unsupported(0, "the call %s", c.Name)
}

// pending is a call that blocks.
type pending struct {
	line       int
	call       *Call
	start, end time.Duration
	try        attempt
}

// call makes a system call.
func (r *run) call(line int, c *Call, end time.Duration) error {
	try, err := r.prepare(c)
	if err != nil {
		return err
	}
	res, done := try()
	if done {
		r.host.drain()
		if c.Blocks {
			if early := end - r.now(); early > r.toleranceOf(end-r.now()) {
				return fmt.Errorf("%s returns at once, and not at %s", c.Name, clock(end))
			}
		}
		return r.returned(c, res)
	}
	if !c.Blocks {
		return fmt.Errorf("%s blocks, and the script does not say until when", c.Name)
	}
	if r.pending != nil {
		return fmt.Errorf("%s blocks while %s does since line %d", c.Name, r.pending.call.Name, r.pending.line)
	}
	r.pending = &pending{line: line, call: c, start: r.now(), end: end, try: try}
	r.host.drain()
	return nil
}

// poke lets a call that blocks look again. It reports whether the call ended
// or moved data.
func (r *run) poke() bool {
	p := r.pending
	if p == nil {
		return false
	}
	moved := r.moved()
	res, done := p.try()
	if !done {
		return r.moved() != moved
	}
	r.pending, r.host.alarm = nil, 0
	err := r.returned(p.call, res)
	if off := (r.now() - p.end).Abs(); err == nil && off > r.toleranceOf(p.end-p.start) {
		err = fmt.Errorf("%s returns at %s, and not at %s", p.call.Name, clock(r.now()), clock(p.end))
	}
	if err != nil && r.failed == nil {
		r.failed = at(p.line, err)
	}
	return true
}

// moved counts the bytes through sockets, modulo 2³².
func (r *run) moved() uint32 {
	var n uint32
	for _, f := range r.host.flows {
		n += f.written + f.read
	}
	return n
}

// returned compares what a call came to with what the script says.
func (r *run) returned(c *Call, res result) error {
	if res.err != nil {
		return res.err
	}
	if res.errno == "EBADF" && c.Errno != "EBADF" {
		return fmt.Errorf("%s of %d, which is no socket", c.Name, arg(c, 0).Num)
	}
	if res.socket != nil {
		if c.Result.Kind != ExprNumber || c.Result.Num < 0 {
			return fmt.Errorf("%s returns a socket", c.Name)
		}
		if r.sockets[c.Result.Num] != nil {
			return wrong(0, "the number %d is taken by another socket", c.Result.Num)
		}
		r.sockets[c.Result.Num] = res.socket
		return nil
	}
	if c.Result.Kind == ExprAny {
		return nil
	}
	got := strconv.FormatInt(res.n, 10)
	if res.errno != "" {
		got += " " + res.errno
	}
	if c.Result.Kind != ExprNumber || c.Result.Num != res.n || c.Errno != "" && c.Errno != res.errno {
		want := strconv.FormatInt(c.Result.Num, 10)
		if c.Errno != "" {
			want += " " + c.Errno
		}
		return fmt.Errorf("%s returns %s, and not %s", c.Name, got, want)
	}
	return nil
}

// arg returns an argument; what is not there is "...".
func arg(c *Call, i int) Expr {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return Expr{}
}

// socket returns the socket that the first argument names.
func (r *run) socket(c *Call) (*socket, error) {
	s := r.sockets[arg(c, 0).Num]
	if s == nil {
		return nil, wrong(0, "%s of %d, which is no socket", c.Name, arg(c, 0).Num)
	}
	return s, nil
}

// flags returns the words of "A|B"; 0 and "..." are none.
func (r *run) flags(e Expr) map[string]bool {
	set := map[string]bool{}
	switch e.Kind {
	case ExprWord:
		set[e.Text] = true
	case ExprOr:
		for _, p := range e.List {
			if p.Kind == ExprWord {
				set[p.Text] = true
			}
		}
	}
	return set
}

// address returns the address of a struct sockaddr, or def for "...".
func (r *run) address(e Expr, def netip.AddrPort) (netip.AddrPort, error) {
	if e.Kind == ExprAny {
		return def, nil
	}
	if family, _ := e.field("sa_family"); family.Text == "AF_UNSPEC" {
		return def, unsupported(0, "an address of AF_UNSPEC")
	}
	port, ok := e.field("sin_port")
	if !ok || port.Kind != ExprApply || len(port.List) != 1 {
		return def, wrong(0, "an address without sin_port = htons(…)")
	}
	addr, ok := e.field("sin_addr")
	if !ok || addr.Kind != ExprApply || len(addr.List) != 1 {
		return def, wrong(0, "an address without sin_addr = inet_addr(…)")
	}
	ip, err := netip.ParseAddr(addr.List[0].Text)
	if err != nil {
		return def, wrong(0, "sin_addr: %v", err)
	}
	if ip.IsUnspecified() {
		ip = def.Addr()
	}
	if ip != def.Addr() {
		return def, unsupported(0, "the address %v beside %v", ip, def.Addr())
	}
	return netip.AddrPortFrom(ip, uint16(port.List[0].Num)), nil
}
