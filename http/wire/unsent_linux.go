package wire

import "golang.org/x/sys/unix"

// boundUnsent has the system take no more than about n bytes that it has not
// sent yet (TCP_NOTSENT_LOWAT); else it takes as much as a socket's buffer has
// room for, which may be megabytes. Where conn is no socket it does nothing.
func (t *transport) boundUnsent(n int) {
	if t.raw != nil {
		_ = t.raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n) // no use where it is none of TCP
		})
	}
}
