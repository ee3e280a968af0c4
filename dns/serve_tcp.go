package dns

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/link"
)

// accept takes connections until the server ends.
func (v *serving) accept() error {
	const first, longest = 5 * time.Millisecond, time.Second
	pause := first
	for {
		c, err := v.tcp.Accept()
		if err != nil {
			if v.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return err
			}
			// Out of file descriptors, most likely: they come back.
			select {
			case <-v.ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, longest)
			continue
		}
		pause = first
		client := link.AddrPort(c.RemoteAddr())
		if !v.admit(client.Addr()) {
			v.counters.refused.Add(1)
			c.Close()
			continue
		}
		v.all.Go(func() {
			defer v.leave(client.Addr())
			v.serveConn(c, client)
		})
	}
}

// admit counts a connection in, if there is room for it.
func (v *serving) admit(client netip.Addr) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conns >= v.limits.Conns || v.clients[client] >= v.limits.ConnsPerAddr {
		return false
	}
	v.conns++
	v.clients[client]++
	return true
}

func (v *serving) leave(client netip.Addr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.conns--
	if v.clients[client]--; v.clients[client] == 0 {
		delete(v.clients, client)
	}
}

// tcpConn is one client's connection. Queries are read one after the other;
// answers leave as they are ready, in any order (RFC 7766 §7).
type tcpConn struct {
	v       *serving
	net     net.Conn
	r       *bufio.Reader
	client  netip.AddrPort
	due     atomic.Int32   // slow answers not yet written
	last    atomic.Int64   // when the latest of them was, in Unix nanoseconds
	answers sync.WaitGroup // the goroutines behind them
	turn    chan struct{}  // a token for each of them
	write   sync.Mutex
}

// readBuffer holds the queries that one client pipelines in one segment.
const readBuffer = 2048

func (v *serving) serveConn(nc net.Conn, client netip.AddrPort) {
	defer nc.Close()
	defer context.AfterFunc(v.ctx, func() { nc.SetReadDeadline(longAgo) })()
	defer context.AfterFunc(v.work, func() { nc.Close() })()
	c := &tcpConn{
		v: v, net: nc, client: client,
		r:    bufio.NewReaderSize(nc, readBuffer),
		turn: make(chan struct{}, v.limits.Pipeline),
	}
	for c.next() {
	}
	// A client that has closed its side may still read (RFC 7766 §6.2.4).
	c.answers.Wait()
}

// next reads one query and sees to its answer. It reports false when the
// connection is over.
func (c *tcpConn) next() bool {
	v := c.v
	size, ok := c.await()
	if !ok {
		return false
	}
	v.counters.tcp.Add(1)
	if size > maxQuery {
		v.counters.malformed.Add(1)
		return false
	}
	j := v.jobs.Get().(*job)
	if cap(j.packet) < size {
		j.packet = make([]byte, 0, maxQuery)
	}
	if j.out == nil {
		j.out = make([]byte, 0, 2+maxQuery)
	}
	j.packet = j.packet[:size]
	if _, err := io.ReadFull(c.r, j.packet); err != nil {
		v.jobs.Put(j)
		return false
	}
	j.query.From, j.query.Transport = c.client, TCP
	response, ok := v.first(j.out[2:2], &j.query, j.packet)
	if ok {
		return c.send(j, response)
	}
	select {
	case c.turn <- struct{}{}:
	case <-v.ctx.Done():
		v.jobs.Put(j)
		return false
	}
	select {
	case v.waiting <- struct{}{}:
	default:
		<-c.turn
		v.counters.overload.Add(1)
		return c.send(j, AppendError(j.out[2:2], &j.query, mdns.RcodeServerFailure, nil))
	}
	c.due.Add(1)
	c.answers.Go(func() {
		if !c.send(j, v.slow(j.out[2:2], &j.query)) {
			c.net.Close()
		}
		c.last.Store(time.Now().UnixNano())
		c.due.Add(-1)
		<-v.waiting
		<-c.turn
	})
	return true
}

// await waits for the length of the next query. The time that it may take
// covers the query that follows as well, so that a trickle does not stretch
// it; slow answers do (RFC 7766 §6.2.3: idle is who has nothing due).
func (c *tcpConn) await() (size int, ok bool) {
	since := time.Now()
	for {
		c.net.SetReadDeadline(since.Add(c.v.limits.Idle))
		if c.v.ctx.Err() != nil {
			return 0, false // the end came between two deadlines
		}
		head, err := c.r.Peek(2)
		if err == nil {
			_, _ = c.r.Discard(2) // what was peeked at is there
			return int(binary.BigEndian.Uint16(head)), true
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.r.Buffered() > 0 {
			return 0, false
		}
		if c.due.Load() > 0 {
			since = time.Now()
			continue
		}
		last := time.Unix(0, c.last.Load()) // read after due: set before it
		if !last.After(since) {
			return 0, false
		}
		since = last
	}
}

// send writes a response in one segment with its length (RFC 7766 §8) and
// gives j back. It reports false when the connection is broken.
func (c *tcpConn) send(j *job, response []byte) bool {
	defer c.v.jobs.Put(j)
	if len(response) == 0 {
		c.v.counters.dropped.Add(1)
		return true
	}
	// The response stands where it belongs already, unless it outgrew out.
	j.out = append(j.out[:2], response...)
	binary.BigEndian.PutUint16(j.out, uint16(len(response)))
	c.write.Lock()
	defer c.write.Unlock()
	c.net.SetWriteDeadline(time.Now().Add(c.v.limits.Write))
	_, err := c.net.Write(j.out)
	return err == nil
}
