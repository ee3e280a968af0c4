package wire

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// maxIdleCost bounds what an idle keep-alive connection costs: about 1 KB of
// ours, and as much for the client's socket, which is in this process too.
// A goroutine or a read buffer would show.
const maxIdleCost = 3 << 10

// TestIdleConnectionsAreSmall: a connection that waits for its next request
// has given its buffers back.
func TestIdleConnectionsAreSmall(t *testing.T) {
	if underRace {
		t.Skip("the race detector has its own costs")
	}
	const conns = 500
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if p := newLot(); p == nil {
		t.Skip("skipped: connections cannot be parked on this system")
	} else {
		p.close()
	}
	idle := runtime.NumGoroutine()
	startServer(t, &Server{Handler: hit(1 << 10), Limits: Limits{ParkAfter: time.Millisecond, IdleTimeout: -1}}, l)
	parked := func() bool { return runtime.NumGoroutine() <= idle+ofServer }
	clients := make([]net.Conn, 0, conns)
	defer func() {
		for _, c := range clients {
			c.Close()
		}
	}()
	var sample *asker
	open := func(n int) {
		for range n {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
			if sample == nil {
				sample = newAsker(t, c, browserGet, 1<<10)
			}
			a := asker{conn: c, get: sample.get, buf: sample.buf, size: sample.size}
			a.ask(t)
		}
	}
	open(10) // what is made once
	until(t, "the first are parked", parked)
	before := inUse()
	open(conns)
	until(t, "all are parked", parked)
	if each := (inUse() - before) / conns; each > maxIdleCost {
		t.Errorf("an idle connection costs %d bytes, want at most %d", each, maxIdleCost)
	} else {
		t.Logf("an idle connection costs %d bytes", each)
	}
	for _, c := range clients { // each comes back from the lot, and goes there again
		a := asker{conn: c, get: sample.get, buf: sample.buf, size: sample.size}
		a.ask(t)
	}
}

// ofServer are the goroutines of a server that waits: accept, the end of its
// context, the lot; and some to spare.
const ofServer = 8

// hangs is when a wait on real sockets counts as a hang: when the tests' time
// is all but over, for a machine with other work may take its own. Zero means
// never.
func hangs(t *testing.T) time.Time {
	over, limited := t.Deadline()
	if !limited {
		return time.Time{}
	}
	return over.Add(-10 * time.Second)
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond) // to spin would take a core from who is waited for
	defer look.Stop()
	for over := hangs(t); !so(); <-look.C {
		if !over.IsZero() && time.Now().After(over) {
			t.Fatalf("it does not come to it that %s (%d goroutines)", what, runtime.NumGoroutine())
		}
	}
}

func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
