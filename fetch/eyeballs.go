package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"waypost/fault"
	"waypost/link"
	"waypost/trace"
)

// AttemptDelay is how long an address may take before the next one is tried
// beside it: the Connection Attempt Delay that RFC 8305 §5 recommends.
const AttemptDelay = 250 * time.Millisecond

// maxAddrs bounds the addresses tried for one connection. A name with more
// is either a large pool, where a few do, or an attack on our sockets.
const maxAddrs = 8

// interleave orders addresses for the race: the families take turns, IPv6
// first (RFC 8305 §4), each in the order in which names gave it; no address
// comes twice.
//
// We deviate from §3: both families arrive in one answer, so there is no
// Resolution Delay; and from §4: the sorting of RFC 6724 by source address is
// left to the system's routes.
func interleave(addrs []netip.Addr) []netip.Addr {
	var six, four []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, a := range addrs {
		if a = a.Unmap(); seen[a] || !a.IsValid() {
			continue
		}
		seen[a] = true
		if a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	var out []netip.Addr
	for len(six)+len(four) > 0 && len(out) < maxAddrs {
		if len(six) > 0 {
			out, six = append(out, six[0]), six[1:]
		}
		if len(four) > 0 && len(out) < maxAddrs {
			out, four = append(out, four[0]), four[1:]
		}
	}
	return out
}

// attempt is one connection tried.
type attempt struct {
	addr           netip.AddrPort
	conn           io.Closer // a net.Conn, or over QUIC a *quicDial
	err            error
	began, settled time.Time
}

// race is the connection attempts of one request to one host.
type race struct {
	dial  func(context.Context, netip.AddrPort) (io.Closer, error)
	host  string // that led here, for the record
	over  string // tcp or quic
	addrs []netip.AddrPort
	span  *trace.Span
	spawn func(func()) // runs a function in a goroutine of the client's

	results chan attempt
	next    int // the index in addrs of the next attempt
	pending []attempt
	failed  []attempt
}

// run tries the addresses in order, each as soon as the one before it failed
// or has taken longer than AttemptDelay; the first to be connected wins, and
// the others are given up (RFC 8305 §5). Every attempt is noted.
func (r *race) run(ctx context.Context) (attempt, error) {
	r.results = make(chan attempt, len(r.addrs))
	dialing, cancel := context.WithCancel(ctx)
	defer cancel() // gives up the losers
	timer := time.NewTimer(AttemptDelay)
	defer timer.Stop()
	r.start(dialing)
	for {
		select {
		case a := <-r.results:
			if a.err != nil && ctx.Err() != nil {
				r.results <- a // it failed because all is over
				r.abandon(context.Cause(ctx))
				return attempt{}, r.err()
			}
			r.pending = slices.DeleteFunc(r.pending, func(p attempt) bool { return p.addr == a.addr })
			if a.err == nil {
				r.won(a)
				return a, nil
			}
			r.lost(a)
			r.failed = append(r.failed, a)
			if r.next < len(r.addrs) {
				r.start(dialing)
				timer.Reset(AttemptDelay)
			} else if len(r.pending) == 0 {
				return attempt{}, r.err()
			}
		case <-timer.C:
			if r.next < len(r.addrs) {
				r.start(dialing)
				timer.Reset(AttemptDelay)
			}
		case <-ctx.Done():
			r.abandon(context.Cause(ctx))
			return attempt{}, r.err()
		}
	}
}

// start begins the next attempt.
func (r *race) start(ctx context.Context) {
	a := attempt{addr: r.addrs[r.next], began: time.Now()}
	r.next++
	r.pending = append(r.pending, a)
	r.spawn(func() {
		a.conn, a.err = r.dial(ctx, a.addr)
		a.settled = time.Now()
		r.results <- a
	})
}

// won notes the winner and gives up the attempts still open.
func (r *race) won(a attempt) {
	if c, ok := a.conn.(net.Conn); ok && r.span.On() { // what is over QUIC is noted when its handshake is complete
		r.span.Took(a.began, a.settled, connected(r.host, c), r.decision(a))
	}
	r.giveUp(fault.New(fault.ConnectionTerminated, "given up", fmt.Errorf("%s was connected first", a.addr)))
}

// abandon ends the race without a winner because of err.
func (r *race) abandon(err error) {
	r.failed = append(r.failed, r.giveUp(err)...)
}

// giveUp notes the attempts still open as lost for the reason given and sees
// to it, beside the request, that what they may still bring is closed.
func (r *race) giveUp(reason error) []attempt {
	now, lost := time.Now(), slices.Clone(r.pending)
	for i := range lost {
		lost[i].settled, lost[i].err = now, reason
		r.lost(lost[i])
	}
	if len(lost) > 0 {
		r.spawn(func() {
			for range lost {
				if a := <-r.results; a.conn != nil {
					a.conn.Close()
				}
			}
		})
	}
	return lost
}

// lost notes an attempt that brought no connection.
func (r *race) lost(a attempt) {
	if !r.span.On() {
		return
	}
	kind, text := string(kindOf(a.err, fault.ConnectionTerminated)), plain(a.err).Error()
	if r.over == "quic" {
		r.span.Took(a.began, a.settled, trace.QUICConnect{Remote: a.addr.String(), Host: r.host, Fault: kind, Error: text}, nil)
		return
	}
	r.span.Took(a.began, a.settled, trace.TCPConnect{Remote: a.addr.String(), Host: r.host, Fault: kind, Error: text}, nil)
}

// decision says why the winner is the one.
func (r *race) decision(a attempt) *trace.Decision {
	d := &trace.Decision{Verdict: "first-answer", Clause: "RFC 8305 §5"}
	others := make([]string, 0, len(r.addrs))
	for _, f := range r.failed {
		others = append(others, f.addr.Addr().String()+" failed before")
	}
	for _, p := range r.pending {
		others = append(others, fmt.Sprintf("%s had not answered in %v", p.addr.Addr(), a.settled.Sub(p.began).Round(time.Millisecond)))
	}
	if n := len(r.addrs) - r.next; n > 0 {
		others = append(others, fmt.Sprintf("%d not tried", n))
	}
	switch {
	case len(r.addrs) == 1:
		return &trace.Decision{Verdict: "only-address", Reason: "there is no other address to try"}
	case len(others) == 0:
		d.Reason = "it was the first to be connected"
	default:
		d.Reason = "it was the first to be connected; " + strings.Join(others, "; ")
	}
	return d
}

// connected is the record of a connection that stands.
func connected(host string, c net.Conn) trace.TCPConnect {
	f := trace.TCPConnect{
		Local: link.AddrPort(c.LocalAddr()).String(), Remote: link.AddrPort(c.RemoteAddr()).String(), Host: host,
	}
	if i, ok := link.InfoOf(c); ok {
		f.State, f.RTT, f.MSS, f.Cwnd = i.State, trace.Millis(i.RTT), i.MSS, i.Cwnd
		f.Retransmits, f.Options = i.Retransmits, i.Options
	}
	return f
}

// err is the failure of them all.
func (r *race) err() error {
	op := "connect " + r.host
	if len(r.addrs) == 1 {
		op += " (" + r.addrs[0].String() + ")"
		return fault.New(kindOf(r.failed[0].err, fault.ConnectionTerminated), op, plain(r.failed[0].err))
	}
	return fault.New(kindOf(r.failed[0].err, fault.ConnectionTerminated), op, failures(r.failed))
}

// failures are several attempts' errors as one.
type failures []attempt

func (f failures) Error() string {
	var b strings.Builder
	for i, a := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", a.addr, plain(a.err))
	}
	return b.String()
}

// Unwrap returns each attempt's error.
func (f failures) Unwrap() []error {
	errs := make([]error, len(f))
	for i, a := range f {
		errs[i] = a.err
	}
	return errs
}

// plain strips what package net puts around an error: the address that our
// own message names anyway.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err
}
