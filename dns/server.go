package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/link"
)

// Limits bound what a [Server] spends on its clients. A zero field means its
// default.
type Limits struct {
	// Readers is how many goroutines read UDP queries and give the quick
	// answers: as many as the machine runs at once, 4 at most by default.
	Readers int
	// Waiting is how many queries may wait for slow answers at one time, UDP
	// and TCP together; 1024 by default, some 10 MB. More get SERVFAIL.
	Waiting int
	// Conns is how many TCP connections are open at one time; 256 by
	// default. ConnsPerAddr is how many of them one client address may have,
	// 16 by default, so that one client cannot take them all (RFC 7766
	// §6.2.2). More are closed at once.
	Conns, ConnsPerAddr int
	// Pipeline is how many queries of one connection may wait at one time;
	// 16 by default. The next is read when one of them is answered.
	Pipeline int
	// Idle is how long a TCP client may take to send its next query, whole;
	// 10 s by default (RFC 7766 §6.2.3). It runs only while no answer is due.
	Idle time.Duration
	// Answer is how long a slow answer may take; 10 s by default, when
	// clients have long given up.
	Answer time.Duration
	// Write is how long a TCP client may take to take an answer; 5 s.
	Write time.Duration
	// Drain is how long slow answers may go on after the end; 2 s.
	Drain time.Duration
}

// maxQuery is the longest query that is read. Questions with every option
// that is in use stay far below it; a longer UDP packet is cut and gets
// FORMERR, a longer TCP message ends the connection.
const maxQuery = 4096

func (l Limits) withDefaults() Limits {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&l.Readers, min(4, runtime.GOMAXPROCS(0)))
	number(&l.Waiting, 1024)
	number(&l.Conns, 256)
	number(&l.ConnsPerAddr, 16)
	number(&l.Pipeline, 16)
	duration(&l.Idle, 10*time.Second)
	duration(&l.Answer, 10*time.Second)
	duration(&l.Write, 5*time.Second)
	duration(&l.Drain, 2*time.Second)
	return l
}

// Server answers queries over UDP and TCP on one address. Answers that a
// [Quick] handler has at hand leave from the goroutine that read the query,
// without allocation; the others wait in goroutines of their own, bounded by
// Limits, and hold nobody up.
//
// A server bound to an unspecified address answers UDP from whatever address
// the system picks; on a host with several, run one Server for each.
type Server struct {
	Network link.Network
	Addr    netip.AddrPort // port 0 picks a free one
	Handler Handler
	Limits  Limits
	// Panicked is told when Handler panics, on the goroutine that asked it;
	// the query gets SERVFAIL and the server goes on. When nil, the panic ends
	// the process; so does one in a goroutine that Handler has started.
	Panicked func(value any, stack []byte)

	bind     sync.Mutex
	udp      link.PacketConn
	tcp      net.Listener
	counters counters
}

// Counters are what a [Server] has seen since it began.
type Counters struct {
	UDP, TCP  uint64 // queries that came in
	Quick     uint64 // answered at once
	Slow      uint64 // given to ServeDNS
	Malformed uint64 // refused or dropped for a [Defect]
	Overload  uint64 // answered SERVFAIL because too many were waiting
	Dropped   uint64 // left without an answer
	Refused   uint64 // TCP connections closed because there were too many
	Panicked  uint64 // answered SERVFAIL because the handler panicked
}

type counters struct {
	udp, tcp, quick, slow, malformed, overload, dropped, refused, panicked atomic.Uint64
}

// Counters returns what has been seen so far.
func (s *Server) Counters() Counters {
	c := &s.counters
	return Counters{
		UDP: c.udp.Load(), TCP: c.tcp.Load(), Quick: c.quick.Load(), Slow: c.slow.Load(),
		Malformed: c.malformed.Load(), Overload: c.overload.Load(), Dropped: c.dropped.Load(), Refused: c.refused.Load(),
		Panicked: c.panicked.Load(),
	}
}

// bindTries is how often a port is looked for that is free for TCP and UDP,
// when any will do.
const bindTries = 16

// Listen binds both sockets and returns the address that they share. Run
// calls it when nobody has; calling it first tells when the server can be
// asked, and where.
func (s *Server) Listen(ctx context.Context) (netip.AddrPort, error) {
	s.bind.Lock()
	defer s.bind.Unlock()
	if s.tcp != nil {
		return netip.AddrPort{}, errors.New("dns server: it listens already")
	}
	var err error
	for range bindTries {
		var addr netip.AddrPort
		if addr, err = s.listen(ctx); err == nil {
			return addr, nil
		}
		if s.Addr.Port() != 0 {
			break
		}
	}
	return netip.AddrPort{}, fmt.Errorf("dns server: %w", err)
}

func (s *Server) listen(ctx context.Context) (netip.AddrPort, error) {
	tcp, err := s.Network.Listen(ctx, s.Addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr := link.AddrPort(tcp.Addr())
	udp, err := s.Network.ListenPacket(ctx, netip.AddrPortFrom(s.Addr.Addr(), addr.Port()))
	if err != nil {
		tcp.Close()
		return netip.AddrPort{}, err
	}
	s.tcp, s.udp = tcp, udp
	return addr, nil
}

// Run serves until ctx ends, lets waiting answers out for Limits.Drain and
// returns nil. It returns early, with the error, when a socket breaks. A
// Server runs once.
func (s *Server) Run(ctx context.Context) error {
	s.bind.Lock()
	bound := s.tcp != nil
	s.bind.Unlock()
	if !bound {
		if _, err := s.Listen(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	quick, _ := s.Handler.(Quick)
	v := &serving{
		Server: s, limits: s.Limits.withDefaults(), quick: quick, ctx: ctx, work: work,
		clients: make(map[netip.Addr]int),
	}
	v.waiting = make(chan struct{}, v.limits.Waiting)
	v.jobs.New = func() any { return new(job) }
	for range v.limits.Readers {
		v.all.Go(func() { v.part(stop, v.readUDP) })
	}
	v.all.Go(func() { v.part(stop, v.accept) })

	<-ctx.Done()
	s.tcp.Close()
	_ = s.udp.SetReadDeadline(longAgo)
	v.drain(abandon)
	s.udp.Close()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("dns server: %w", err)
	}
	return nil
}

// serving is a Server at work.
type serving struct {
	*Server
	limits Limits
	quick  Quick           // nil: every answer is slow
	ctx    context.Context // ends when no more queries are read
	work   context.Context // ends when waiting answers are given up
	all    sync.WaitGroup  // every goroutine
	// waiting holds a token for every query that waits for its slow answer.
	waiting chan struct{}
	jobs    sync.Pool // of *job

	mu      sync.Mutex
	conns   int
	clients map[netip.Addr]int // TCP connections by client address
}

// part runs one loop of the server; when it breaks, all end.
func (v *serving) part(stop context.CancelCauseFunc, loop func() error) {
	if err := loop(); err != nil && v.ctx.Err() == nil {
		stop(err)
	}
}

// drain waits for all goroutines, and gives waiting answers up in the end.
func (v *serving) drain(abandon context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		v.all.Wait()
		close(done)
	}()
	timer := time.NewTimer(v.limits.Drain)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		abandon()
		<-done
	}
}

// job is a query that outlives the buffer it was read into, and room for its
// answer.
type job struct {
	query  Query
	packet []byte
	out    []byte
}

// take fills j with a copy of q.
func (j *job) take(q *Query) {
	j.packet = append(j.packet[:0], q.Packet...)
	j.query.From, j.query.Transport = q.From, q.Transport
	_ = j.query.Parse(j.packet) // as sound as when it was read
	if j.out == nil {
		j.out = make([]byte, 0, 2+maxQuery)
	}
}

// first answers what needs no waiting: nil is no answer at all. ok is false
// when ServeDNS must be asked.
func (v *serving) first(dst []byte, q *Query, packet []byte) (response []byte, ok bool) {
	if defect := q.Parse(packet); defect != Sound {
		v.counters.malformed.Add(1)
		rcode, answer := defect.Rcode()
		if !answer {
			return nil, true
		}
		return AppendError(dst, q, rcode, nil), true
	}
	if v.quick == nil {
		return nil, false
	}
	return v.now(dst, q)
}

// now asks AnswerNow.
func (v *serving) now(dst []byte, q *Query) (response []byte, ok bool) {
	defer v.guard(dst, q, &response, &ok)
	response, ok = v.quick.AnswerNow(dst, q)
	if !ok {
		return nil, false
	}
	v.counters.quick.Add(1)
	return truncate(response, q.MaxSize()), true
}

// slow asks ServeDNS within its time.
func (v *serving) slow(dst []byte, q *Query) (response []byte) {
	var answered bool // it is in any case
	defer v.guard(dst, q, &response, &answered)
	v.counters.slow.Add(1)
	ctx, cancel := context.WithTimeout(v.work, v.limits.Answer)
	defer cancel()
	return truncate(v.Handler.ServeDNS(ctx, dst, q), q.MaxSize())
}

// guard is deferred by whoever asks the handler: after a panic the response
// is SERVFAIL, which sends the client to the next server, and ok is true. It
// covers what the handler does on this goroutine, not on its own ones.
func (v *serving) guard(dst []byte, q *Query, response *[]byte, ok *bool) {
	if v.Panicked == nil {
		return
	}
	if value := recover(); value != nil {
		v.counters.panicked.Add(1)
		v.Panicked(value, debug.Stack())
		*response, *ok = AppendError(dst, q, mdns.RcodeServerFailure, nil), true
	}
}
