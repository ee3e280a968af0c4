package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server answers the connections of a listener.
type Server struct {
	Handler Handler
	// TLS is nil for cleartext. Where it names no protocols, h2 and
	// http/1.1 are offered. A cleartext server speaks HTTP/2 to a client
	// that begins with its preface (RFC 9113 §3.3).
	TLS    *tls.Config
	Limits Limits
	// AltSvc, where it is set, is the Alt-Svc field (RFC 7838) of responses
	// over TLS that have none: it tells clients that the same is to be had
	// over HTTP/3.
	AltSvc string
	// EarlyData takes requests that come before the TLS handshake is
	// complete (0-RTT), over QUIC. They can be replayed: see Request.Early.
	EarlyData bool
	// Rand is where connection IDs and the keys of tokens over QUIC come
	// from; nil means crypto/rand. One that repeats itself makes a run
	// repeatable, and an attack possible.
	Rand io.Reader
	// ProxyFrom are the load balancers whose connections begin with a PROXY
	// header, version 1 or 2, that tells whom they speak for. From them it is
	// demanded, from others refused. It is read before TLS, over TCP only.
	ProxyFrom []netip.Prefix
	// Bad is told of each request that was refused by the codec. It may be
	// nil and is called from several goroutines.
	Bad func(BadRequest)
	// Panicked is told when Handler.Serve panics; the connection is then
	// closed and the server goes on. When nil, the panic ends the process.
	Panicked func(value any, stack []byte)
}

// BadRequest is a request that the codec refused.
type BadRequest struct {
	Remote netip.AddrPort
	Proto  string
	Status int    // sent to the client; 0 where HTTP/2 reset the stream or ended the connection
	Reason string // what is wrong, in a few words
}

// connection is one connection of a server, over TCP or QUIC.
type connection interface {
	// closeIfIdle closes it when no exchange is under way. It does not wait.
	closeIfIdle() bool
	// drain asks it to end when its exchanges are done.
	drain()
	// cut ends it now.
	cut()
}

// serving is one call of Server.Serve or ServeQUIC.
type serving struct {
	*Server
	limits Limits
	tls    *tls.Config
	scheme string
	altSvc string // Server.AltSvc over TLS
	dates  dateCache

	exchanges sync.Pool // of *h1Exchange, with their buffers
	streams   sync.Pool // of *h2Exchange, or of *h3Exchange over QUIC

	handlers    atomic.Int64 // running over HTTP/2 or 3
	writers     atomic.Int64 // HTTP/2 connections on which a write is under way
	multiplexed atomic.Int64 // HTTP/2 connections

	base     context.Context // parent of every exchange's context
	stop     context.CancelCauseFunc
	draining chan struct{} // closed when the drain begins
	stopping atomic.Bool   // the same, for a cheap look

	lot   *lot // made with the first socket; nil where connections cannot be parked
	mu    sync.Mutex
	conns map[connection]uint64 // by their number, in the order in which they came
	came  uint64
	left  *sync.Cond // a connection left, or the server stops
}

// errStopped is why the contexts of exchanges end when the drain is over.
var errStopped = errors.New("server stopped")

// Serve accepts connections from l until ctx ends. Then it closes l, lets
// running exchanges end within Limits.Drain, closes the rest and returns
// nil. It returns early with the listener's error when that fails for good.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	v := newServing(ctx, s)
	unwatch := context.AfterFunc(ctx, func() {
		l.Close()
		v.wakeAll()
	})
	defer unwatch()
	err := v.accept(ctx, l)
	if ctx.Err() != nil {
		err = nil
	} else {
		l.Close()
	}
	v.drain()
	v.lot.close()
	return err
}

func newServing(ctx context.Context, s *Server) *serving {
	v := &serving{
		Server: s, limits: s.Limits.withDefaults(), scheme: "http",
		draining: make(chan struct{}), conns: map[connection]uint64{},
	}
	v.left = sync.NewCond(&v.mu)
	v.base, v.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	if s.TLS != nil {
		v.scheme, v.altSvc = "https", s.AltSvc
		v.tls = s.TLS.Clone()
		if len(v.tls.NextProtos) == 0 {
			v.tls.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	return v
}

func (v *serving) wakeAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left.Broadcast()
}

// maxAcceptPause bounds the pause after an accept that failed for want of
// something that comes back, such as file descriptors.
const maxAcceptPause = time.Second

func (v *serving) accept(ctx context.Context, l net.Listener) error {
	pause := time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
			c := newServerConn(v, conn)
			if v.lot == nil && c.under.raw != nil {
				v.lot = newLot()
			}
			if !v.admit(ctx, c) {
				conn.Close()
				return nil
			}
			go c.serve()
		case ctx.Err() != nil:
			return err // of the listener that was closed
		case outOfFiles(err) && v.evictSome():
		case temporary(err):
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, maxAcceptPause)
		default:
			return err
		}
	}
}

// outOfFiles reports whether the process, or the system, has no file
// descriptor left.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// evictAtOnce is how many idle connections are closed when there is no file
// descriptor for a new one: the connections to origins need some too.
const evictAtOnce = 32

// evictSome closes a few idle connections, and reports whether there were any.
// It is for systems that allow fewer descriptors than Limits.Connections.
func (v *serving) evictSome() (some bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range evictAtOnce {
		if !v.evictIdle() {
			return some
		}
		some = true
	}
	return some
}

// temporary reports whether an accept may succeed later. The method is
// deprecated because it says little in general; for accept it is exact.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// admit makes c one of the connections. At the limit it closes an idle one
// for it, or waits until one leaves; false when the server stops.
func (v *serving) admit(ctx context.Context, c *serverConn) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.conns) >= v.limits.Connections {
		if ctx.Err() != nil {
			return false
		}
		if !v.evictIdle() {
			v.left.Wait()
		}
	}
	if ctx.Err() != nil {
		return false
	}
	v.enter(c)
	return true
}

// enter counts c among the connections. The lock is held.
func (v *serving) enter(c connection) {
	v.came++
	v.conns[c] = v.came
}

// evictIdle closes some idle connection. The order of a map is arbitrary,
// which is good enough: no client can choose whom it displaces.
func (v *serving) evictIdle() bool {
	for c := range v.conns {
		if c.closeIfIdle() {
			delete(v.conns, c)
			return true
		}
	}
	return false
}

func (v *serving) forget(c connection) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.conns, c)
	v.left.Broadcast()
}

// drain ends all connections: the idle ones now, the others when their
// exchanges are done, those that are left when Limits.Drain has passed.
func (v *serving) drain() {
	v.stopping.Store(true)
	close(v.draining)
	defer v.stop(errStopped)
	if v.limits.Drain > 0 {
		over := time.AfterFunc(v.limits.Drain, v.cut)
		defer over.Stop()
	}
	for _, c := range v.open() {
		c.drain()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.conns) > 0 {
		v.left.Wait()
	}
}

// cut ends what is still open: contexts first, so that handlers know.
func (v *serving) cut() {
	v.stop(errStopped)
	for _, c := range v.open() {
		c.cut()
		v.forget(c)
	}
}

// open returns the connections in the order in which they came, so that in
// the lab the same run ends the same way.
func (v *serving) open() []connection {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.SortedFunc(maps.Keys(v.conns), func(a, b connection) int {
		return cmp.Compare(v.conns[a], v.conns[b])
	})
}

func (v *serving) refused(b BadRequest) {
	if v.Bad != nil {
		v.Bad(b)
	}
}
