package wire

import (
	"net"
	"sync"
	"time"
)

// upgraded is a connection after it has changed its protocol. What was read
// with the head comes first.
type upgraded struct {
	net.Conn
	under *transport
	early []byte
	once  sync.Once
	ended func() // may be nil
}

func (u *upgraded) Read(p []byte) (int, error) {
	if len(u.early) > 0 {
		n := copy(p, u.early)
		if u.early = u.early[n:]; len(u.early) == 0 {
			u.early = nil
		}
		return n, nil
	}
	return u.Conn.Read(p)
}

// CloseWrite ends the sending side.
func (u *upgraded) CloseWrite() error {
	if c, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return u.under.CloseWrite()
}

func (u *upgraded) Close() error {
	err := u.Conn.Close()
	u.once.Do(func() {
		if u.ended != nil {
			u.ended()
		}
	})
	return err
}

// SetDeadline and its kin set the deadlines of the transport underneath.
func (u *upgraded) SetDeadline(t time.Time) error      { return u.under.SetDeadline(t) }
func (u *upgraded) SetReadDeadline(t time.Time) error  { return u.under.SetReadDeadline(t) }
func (u *upgraded) SetWriteDeadline(t time.Time) error { return u.under.SetWriteDeadline(t) }

// NetConn is the connection underneath, for link.InfoOf.
func (u *upgraded) NetConn() net.Conn { return u.Conn }
