package fetch

import (
	"io"
	"net"
	"sync"
	"sync/atomic"

	"waypost/fault"
	"waypost/http/wire"
)

// Response is a response and how it came. Its Body must be read to io.EOF or
// closed: that gives the connection back. Reading a body that breaks off, or
// stalls for longer than [Timeouts].BodyIdle, fails with an error that names
// its fault.
type Response struct {
	*wire.Response
	Trip
	read *atomic.Int64
}

// Bytes is the number of body bytes read so far, as transferred.
func (r *Response) Bytes() int64 { return r.read.Load() }

// body is a response body that gives its connection back at its end.
type body struct {
	x     *exchange
	conn  *conn
	from  io.ReadCloser
	timer *stopwatch // runs while a Read waits
	count atomic.Int64
	err   error // what ended the reading; io.EOF at the end
	once  sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.timer.restart()
	n, err := b.from.Read(p)
	b.timer.stop()
	b.count.Add(int64(n))
	switch err {
	case nil:
		return n, nil
	case io.EOF:
		b.err = io.EOF
		b.finish(nil)
	default:
		b.err = b.x.explain(err)
		b.finish(b.err)
	}
	return n, b.err
}

// Close ends the exchange. What was not read may cost the connection.
func (b *body) Close() error {
	b.finish(errLeft)
	return nil
}

// errLeft is the end of an exchange whose body nobody wanted.
var errLeft = fault.New(fault.ConnectionTerminated, "body closed before its end", nil)

// finish gives the connection back, once.
func (b *body) finish(err error) {
	b.once.Do(func() {
		b.timer.stop()
		b.from.Close()
		b.conn.end(b.x.ctx, err)
		p := b.x.client.pool()
		p.release(b.conn, b.x.granted.who)
		p.exit(b.x)
		b.x.cancel(nil)
	})
}

// upgraded is a connection that speaks another protocol now; its end is the
// end of the exchange.
type upgraded struct {
	net.Conn
	body *body
}

func (u *upgraded) Close() error {
	err := u.Conn.Close()
	u.body.finish(errLeft)
	return err
}

// NetConn lets link.InfoOf find the transport.
func (u *upgraded) NetConn() net.Conn { return u.Conn }
