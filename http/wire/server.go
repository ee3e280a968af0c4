package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"waypost/link"
)

// Server answers the connections of a listener.
type Server struct {
	Handler Handler
	// TLS is nil for cleartext. Where it names no protocols, h2 and
	// http/1.1 are offered. A cleartext server speaks HTTP/2 to a client
	// that begins with its preface (RFC 9113 §3.3).
	TLS    *tls.Config
	Limits Limits
	// Places, where it is set, counts the connections of several servers
	// together. nil counts those of each Serve and ServeQUIC apart.
	Places *Places
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
	// Bad is told of each request that was refused by the codec, and of each
	// connection that was one too many for its client. It may be nil and is
	// called from several goroutines.
	Bad func(BadRequest)
	// Panicked is told when Handler.Serve panics; the connection is then
	// closed and the server goes on. When nil, the panic ends the process.
	Panicked func(value any, stack []byte)
}

// BadRequest is a request, or a connection, that was refused.
type BadRequest struct {
	Remote netip.AddrPort
	Proto  string // "" for a connection over TCP
	Status int    // sent to the client; 0 where HTTP/2 reset the stream or ended the connection
	Reason string // what is wrong, in a few words
	// Connection tells that not a request was refused but a connection.
	Connection bool
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

	lot    *lot // made with the first socket; nil where connections cannot be parked
	places *Places
	open   int // places that are this server's; guarded by the lock of places
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
		draining: make(chan struct{}), places: s.Places,
	}
	if v.places == nil {
		v.places = &Places{}
	}
	v.places.ready()
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
			if !v.begin(ctx, conn) {
				return nil
			}
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

// begin has a connection served, or closes it where its client has as many as
// it may have. It reports false when the server stops.
func (v *serving) begin(ctx context.Context, conn net.Conn) bool {
	remote := link.AddrPort(conn.RemoteAddr())
	var client netip.Addr
	if !v.balancer(remote.Addr()) { // the header will tell whom it speaks for
		var ok bool
		if client, ok = v.places.claim(remote.Addr(), &v.limits); !ok {
			v.tooMany(remote, "")
			turnAway(conn)
			return true
		}
	}
	c := newServerConn(v, conn)
	if v.lot == nil && c.under.raw != nil {
		v.lot = newLot()
	}
	if !v.admit(ctx, c, client) {
		conn.Close()
		return false
	}
	go c.serve()
	return true
}

// tooMany reports a connection that its client may not have.
func (v *serving) tooMany(remote netip.AddrPort, proto string) {
	if v.Bad != nil {
		v.Bad(BadRequest{Remote: remote, Proto: proto, Connection: true, Reason: fmt.Sprintf("more than %d connections of one client", v.limits.ConnectionsPerClient)})
	}
}

// turnAway closes a connection by a reset, where it can: the system then keeps
// nothing of it, as it would of one that was closed in peace (RFC 9293 §3.6.1).
func turnAway(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

// outOfFiles reports whether the process, or the system, has no file
// descriptor left.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// temporary reports whether an accept may succeed later. The method is
// deprecated because it says little in general; for accept it is exact.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
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
	for _, c := range v.inOrder() {
		c.drain()
	}
	v.emptied()
}

// cut ends what is still open: contexts first, so that handlers know.
func (v *serving) cut() {
	v.stop(errStopped)
	for _, c := range v.inOrder() {
		c.cut()
		v.forget(c)
	}
}

func (v *serving) refused(b BadRequest) {
	if v.Bad != nil {
		v.Bad(b)
	}
}
