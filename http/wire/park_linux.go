package wire

import (
	"container/heap"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// lot is where connections that have been idle for Limits.ParkAfter wait
// without a goroutine each: one epoll instance (epoll(7)) for all of a
// server's. It is itself watched by the runtime's poller, so that it holds no
// thread either. Earlier parking would cost a busy client system calls; a
// silent one now costs its socket and about a kilobyte.
//
// A connection is in the lot from park until one of: bytes came, its time is
// over, or leave took it out; whoever takes it out owns it.
type lot struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu     sync.Mutex
	cars   map[int32]*parked // by file descriptor
	queue  queue
	last   int32       // generation of the latest
	expiry *time.Timer // for the front of the queue
	closed bool
}

// parked is one connection in the lot.
type parked struct {
	c    *serverConn
	fd   int32
	gen  int32     // tells events of an earlier owner of fd apart
	over time.Time // when its time ends; zero: never
	at   int       // in the queue
}

// queue is a heap of the parked, the one whose time is over first in front.
// Who waits for a request has another time than who waits for a TLS hello, and
// who was woken for less goes on with what was left.
type queue []*parked

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i].over, q[j].over
	return !a.IsZero() && (b.IsZero() || a.Before(b))
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push implements [heap.Interface].
func (q *queue) Push(v any) {
	p := v.(*parked)
	p.at = len(*q)
	*q = append(*q, p)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	n := len(*q) - 1
	p := (*q)[n]
	(*q)[n] = nil
	*q = (*q)[:n]
	return p
}

// newLot returns nil where the system refuses; connections then keep their
// goroutines.
func newLot() *lot {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil
	}
	p := &lot{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, cars: map[int32]*parked{}}
	if p.raw, err = p.file.SyscallConn(); err != nil || p.file.SetDeadline(time.Time{}) != nil {
		_ = p.file.Close() // the runtime does not poll it: its reads would hold a thread
		return nil
	}
	go p.watch()
	return p
}

// park takes c, which is idle, until over. It reports false where that cannot
// be: then c keeps its goroutine. Afterwards the caller must not touch c.
func (p *lot) park(c *serverConn, over time.Time) bool {
	if p == nil || c.under.raw == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.last++
	v := &parked{c: c, gen: p.last, over: over}
	var err error
	failed := c.under.raw.Control(func(fd uintptr) {
		v.fd = int32(fd)
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: v.fd, Pad: v.gen}
		if err = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_MOD, int(fd), &event); errors.Is(err, syscall.ENOENT) {
			err = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, int(fd), &event)
		}
	})
	if failed != nil || err != nil {
		return false
	}
	if before := p.cars[v.fd]; before != nil {
		p.remove(before) // its socket is closed, or we would not have the number
	}
	heap.Push(&p.queue, v)
	p.cars[v.fd] = v
	c.spot.Store(v)
	if c.state.Load() != connIdle { // closed since, by somebody who did not find it here
		p.remove(v)
		return false
	}
	if p.queue[0] == v {
		p.arm()
	}
	return true
}

// leave takes c out, if it is still in the lot.
func (p *lot) leave(c *serverConn) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := c.spot.Load()
	return v != nil && p.remove(v)
}

// remove takes v out; false where somebody has done so. The lock is held.
func (p *lot) remove(v *parked) bool {
	if p.cars[v.fd] != v {
		return false
	}
	delete(p.cars, v.fd)
	heap.Remove(&p.queue, v.at)
	v.c.spot.Store(nil)
	return true
}

// arm sets the timer for the connection whose time is over first. The lock is
// held.
func (p *lot) arm() {
	if len(p.queue) == 0 || p.queue[0].over.IsZero() {
		return
	}
	wait := time.Until(p.queue[0].over)
	if p.expiry == nil {
		p.expiry = time.AfterFunc(wait, p.expire)
		return
	}
	p.expiry.Reset(wait)
}

// expire closes those whose time is over.
func (p *lot) expire() {
	p.mu.Lock()
	var over []*serverConn
	for now := time.Now(); len(p.queue) > 0; {
		v := p.queue[0]
		if v.over.IsZero() || v.over.After(now) {
			break
		}
		p.remove(v)
		over = append(over, v.c)
	}
	p.arm()
	p.mu.Unlock()
	for _, c := range over {
		c.state.CompareAndSwap(connIdle, connClosed)
		c.end()
	}
}

// watch gives every connection for which something came a goroutine again.
func (p *lot) watch() {
	events := make([]syscall.EpollEvent, 128) // a bound on one system call, not on connections
	for {
		var n int
		var err error
		waited := p.raw.Read(func(fd uintptr) bool {
			n, err = syscall.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
		})
		if waited != nil || err != nil {
			return // closed
		}
		for _, e := range events[:n] {
			if c := p.take(e.Fd, e.Pad); c != nil {
				go c.serve()
			}
		}
	}
}

func (p *lot) take(fd, gen int32) *serverConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.cars[fd]
	if v == nil || v.gen != gen || !p.remove(v) {
		return nil
	}
	return v.c
}

// close ends the lot; what is still in it remains the server's to close.
func (p *lot) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.expiry != nil {
		p.expiry.Stop()
	}
	_ = p.file.Close()
}
