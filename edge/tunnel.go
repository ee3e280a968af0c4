package edge

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"waypost/cdn"
	"waypost/fault"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// tunnelBuffer is what is carried at a time, per direction.
const tunnelBuffer = 16 << 10

// tunnel passes on a wish to change the protocol (RFC 9110 §7.8), and, where
// the origin agrees, carries bytes both ways until both sides have finished.
func (r *request) tunnel() stage {
	r.status.fwd = "bypass"
	if r.span.On() {
		r.noteLookup("pass")
	}
	r.fetching = r.span.Child()
	// Not the exchange's context: a client that finishes its side of the
	// tunnel has not left it.
	ctx, cancel := context.WithCancel(r.behalf(trace.With(r.edge.ctx, r.fetching)))
	r.release = cancel
	asking := context.AfterFunc(r.x.Context(), cancel)
	out := r.forwarded()
	if r.extended() {
		asUpgrade(&out)
	}
	resp, err := r.askOrigin(ctx, &out)
	switch {
	case err != nil:
		r.failure = err
		return toFail
	case resp.Upgraded == nil && r.extended() && resp.Status < 300:
		// There, 2xx says that the tunnel is open (RFC 8441 §5).
		resp.Body.Close()
		r.failure = fault.New(fault.HTTPUpgradeFailed, "upgrade to "+r.in.Upgrade,
			errors.New("the origin answered with status "+strconv.Itoa(resp.Status)))
		r.report.Fault, r.report.Err = fault.HTTPUpgradeFailed, r.failure
		r.noteFetch(r.came(resp))
		return toFail
	case resp.Upgraded == nil:
		r.answered = resp
		return toRelay
	}
	defer func() { r.noteFetch(r.came(resp)) }()
	defer resp.Upgraded.Close()
	if !asking() {
		return r.clientLeft()
	}
	if r.extended() {
		resp.Fields.Del("Sec-WebSocket-Accept") // answers the key, which was ours
	}
	r.sent.status = 101
	client, err := r.x.Upgrade(101, r.fields(resp.Fields, -1))
	if err != nil {
		return r.lost(err)
	}
	defer client.Close()
	r.carry(ctx, client, resp.Upgraded)
	return done
}

// asUpgrade makes an extended CONNECT the request that changes the protocol
// of an HTTP/1.1 connection. WebSocket has a key there, which proves that the
// server speaks it (RFC 6455 §4.1); HTTP/2 has none (RFC 8441 §5).
func asUpgrade(out *wire.Request) {
	out.Method, out.Body, out.Length, out.Expect = "GET", nil, 0, false
	if field.Is(out.Upgrade, "websocket") && !out.Fields.Has("Sec-WebSocket-Key") {
		var nonce [16]byte
		rand.Read(nonce[:])
		out.Fields.Add("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(nonce[:]))
	}
}

// carry copies both ways. A side that finishes is finished towards the other
// (half-close); ctx ends both, and so does silence for the site's
// TunnelTimeout: a pair of dead peers costs us two sockets for this long.
// Bytes that are not taken in that time end it too.
func (r *request) carry(ctx context.Context, client, origin net.Conn) {
	cut := context.AfterFunc(ctx, func() {
		client.Close()
		origin.Close()
	})
	defer cut()
	var latest atomic.Int64 // when a byte last passed, either way
	latest.Store(time.Now().UnixNano())
	idle := r.site.Policy.TunnelTimeout
	if idle == 0 {
		idle = cdn.DefaultPolicy().TunnelTimeout
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, err := haul(origin, client, &latest, idle)
		r.finishSide(origin, client, err)
	}()
	down, err := haul(client, origin, &latest, idle)
	r.finishSide(client, origin, err)
	<-up
	r.sent.bytes = down
	r.report.Bytes = down
}

// finishSide ends the sending to one side: politely where the other side
// finished politely, else by cutting both.
func (r *request) finishSide(to, from net.Conn, err error) {
	if err == nil {
		closeWrite(to)
		return
	}
	to.Close()
	from.Close()
}

// haul copies from one side to the other until the end of from, which is no
// error.
func haul(to, from net.Conn, latest *atomic.Int64, idle time.Duration) (n int64, err error) {
	buf := make([]byte, tunnelBuffer)
	for {
		// The other direction may have been busy meanwhile: the silence
		// counts from the latest byte of both.
		silent := time.Unix(0, latest.Load()).Add(idle)
		if !time.Now().Before(silent) {
			return n, fault.New(fault.ConnectionReadTimeout, "tunnel", nil)
		}
		from.SetReadDeadline(silent)
		m, err := from.Read(buf)
		if m > 0 {
			latest.Store(time.Now().UnixNano())
			to.SetWriteDeadline(time.Now().Add(idle))
			w, err := to.Write(buf[:m])
			n += int64(w)
			if err != nil {
				return n, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		}
	}
}

// closeWrite finishes one direction, or the connection where it has no
// directions of its own.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // who is gone need not be told
		return
	}
	c.Close()
}
