package wire

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// siege is the server that slow clients are held against, in virtual time: a
// hundred of them have every place that it has.
const siege = 100

func besieged(t *testing.T, h Handler) *memListener {
	return serveMem(t, &Server{Handler: h, Limits: Limits{Connections: siege}})
}

// trickle sends first, and then a byte each second until the server has had
// enough. It returns how long that took.
func trickle(t *testing.T, l *memListener, first string, more byte) time.Duration {
	c, err := l.dial(t.Context())
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	start := time.Now()
	_, err = io.WriteString(c, first)
	for err == nil {
		time.Sleep(time.Second)
		_, err = c.Write([]byte{more})
	}
	return time.Since(start)
}

// visit is a client that is as it should be; it returns how long it took.
func visit(t *testing.T, l *memListener) time.Duration {
	t.Helper()
	start := time.Now()
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send(t, c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if got, _ := closedAfter(t, c); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("a visitor got %q", got)
	}
	return time.Since(start)
}

// TestManySlowHeads: those who have every place with a head that does not end
// make room for a visitor at once, and leave after HeaderTimeout.
func TestManySlowHeads(t *testing.T) {
	for name, first := range map[string]string{
		"a request line": "GET /",
		"a field":        "GET / HTTP/1.1\r\nHost: h\r\nX: ",
		"an h2 preface":  http2Preface[:20],
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := besieged(t, HandlerFunc(echo))
				var attackers sync.WaitGroup
				defer attackers.Wait()
				for range siege {
					attackers.Go(func() {
						// It writes on while the server lingers.
						if took := trickle(t, l, first, 'a'); took > DefaultHeaderTimeout+lingerTime+time.Second {
							t.Errorf("a slow head had its place for %v", took)
						}
					})
				}
				synctest.Wait()
				for range 10 {
					if took := visit(t, l); took > 0 {
						t.Errorf("a visitor waited %v", took)
					}
				}
			})
		})
	}
}

// TestManySlowBodies: those whose requests are under way keep their places for
// BodyIdleTimeout, and a visitor waits no longer.
func TestManySlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := besieged(t, HandlerFunc(echo))
		var attackers sync.WaitGroup
		defer attackers.Wait()
		for range siege {
			attackers.Go(func() {
				took := trickle(t, l, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 'a')
				if took < DefaultBodyIdleTimeout || took > DefaultBodyIdleTimeout+lingerTime+time.Second {
					t.Errorf("a slow body had its place for %v", took)
				}
			})
		}
		synctest.Wait()
		if took := visit(t, l); took > DefaultBodyIdleTimeout+lingerTime {
			t.Errorf("a visitor waited %v", took)
		}
	})
}

// TestManySlowReaders: the same for those who do not read what they asked for,
// at a byte each second.
func TestManySlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := make([]byte, 2*halfSize) // half of it fits into the network
		l := besieged(t, HandlerFunc(func(x Exchange) {
			if x.Request().Path != "/big" {
				echo(x)
				return
			}
			_ = x.Respond(200, nil, int64(len(big)))
			_, _ = x.Write(big)
		}))
		var attackers sync.WaitGroup
		defer attackers.Wait()
		for range siege {
			attackers.Go(func() {
				c, err := l.dial(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				_, err = io.WriteString(c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
				start := time.Now()
				for err == nil {
					time.Sleep(time.Second)
					c.out.mu.Lock()
					gone := c.out.cut // by the server
					c.out.mu.Unlock()
					if gone {
						break
					}
					_, err = c.Read(make([]byte, 1))
				}
				// In the first period the network took its fill.
				if took := time.Since(start); took > 2*DefaultWriteTimeout+time.Second {
					t.Errorf("a slow reader had its place for %v", took)
				}
			})
		}
		synctest.Wait()
		if took := visit(t, l); took > 2*DefaultWriteTimeout {
			t.Errorf("a visitor waited %v", took)
		}
	})
}

// TestStalledStreams: clients that grant no window keep the handlers of their
// streams waiting; together these are Limits.Streams, and streamsInNeed for
// each connection more. Others are served in the meantime, and after
// WriteTimeout the stalled streams are reset.
func TestStalledStreams(t *testing.T) {
	const streams, conns, asked = 50, 20, 20
	most := int32(streams + conns*streamsInNeed)
	synctest.Test(t, func(t *testing.T) {
		var running, peak atomic.Int32
		l := serveMem(t, &Server{Limits: Limits{Streams: streams}, Handler: HandlerFunc(func(x Exchange) {
			if n := running.Add(1); n > peak.Load() {
				peak.Store(n)
			}
			defer running.Add(-1)
			_ = x.Respond(200, nil, 10)
			_, _ = io.WriteString(x, "0123456789")
		})})
		reset := map[string]int{}
		var peers []*h2Peer
		for range conns {
			p := greeted(t, l, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			for id := uint32(1); id < 2*asked; id += 2 {
				p.headers(id, true, h2Get...)
			}
			peers = append(peers, p)
			synctest.Wait()
		}
		if n := running.Load(); n > most || n < streams {
			t.Errorf("%d handlers run, want %d to %d", n, streams, most)
		}
		visitor := greeted(t, l)
		for id := uint32(1); id < 2*streamsInNeed; id += 2 {
			visitor.headers(id, true, h2Get...)
			visitor.skipTo(fmt.Sprintf(`DATA %d "0123456789"`, id))
		}
		time.Sleep(DefaultWriteTimeout)
		synctest.Wait()
		if n := running.Load(); n != 0 {
			t.Errorf("%d handlers are left", n)
		}
		for _, p := range peers {
			for got := p.next(); got != "silence" && got != "closed"; got = p.next() {
				if reason, ok := strings.CutPrefix(got, "RST_STREAM "); ok {
					reset[reason[strings.IndexByte(reason, ' ')+1:]]++
				}
			}
		}
		if n := reset["CANCEL"] + reset["REFUSED_STREAM"]; n != conns*asked || reset["REFUSED_STREAM"] < conns*asked-int(most) {
			t.Errorf("the streams were reset with %v", reset)
		}
	})
}

// greeted is dialH2 for a server that is there.
func greeted(t *testing.T, l *memListener, settings ...http2.Setting) *h2Peer {
	t.Helper()
	conn, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := newH2Peer(t, conn)
	send(t, conn, http2Preface)
	p.must(p.fr.WriteSettings(settings...))
	p.skipTo("SETTINGS ack")
	p.must(p.fr.WriteSettingsAck())
	return p
}

// TestUnreadResponses: what waits to be written to clients that do not read is
// bounded for all of them together.
func TestUnreadResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns = 20
		s := &Server{Handler: hit(1 << 20)}
		v := newServing(t.Context(), s)
		v.writers.Store(h2OutTotal / h2OutLow) // as with so many others
		l := newMemListener()
		done := make(chan error)
		go func() { done <- v.accept(t.Context(), l) }()
		var peers []*h2Peer
		for range conns {
			p := greeted(t, l, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24})
			p.must(p.fr.WriteWindowUpdate(0, 1<<24))
			p.conn.in.mu.Lock()
			p.conn.in.limit = 1 << 10 // the network takes no more
			p.conn.in.mu.Unlock()
			for id := uint32(1); id < 20; id += 2 {
				p.headers(id, true, h2Get...)
			}
			peers = append(peers, p)
		}
		synctest.Wait()
		for _, c := range v.inOrder() {
			h := c.(*serverConn).h2.Load()
			h.mu.Lock()
			if n := len(h.out); n > h2OutLow+h2MaxFrame+10*100 { // and the heads
				t.Errorf("%d bytes wait", n)
			}
			h.mu.Unlock()
		}
		for _, p := range peers {
			p.conn.Close()
		}
		l.Close()
		<-done
		v.drain()
	})
}

// scarce is a listener in a process with few file descriptors.
type scarce struct {
	*memListener
	open func() int
}

func (l scarce) Accept() (net.Conn, error) {
	if l.open() >= siege {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.memListener.Accept()
}

// TestNoFilesLeft: where the system allows fewer descriptors than there may be
// connections, silent ones make room for a visitor all the same.
func TestNoFilesLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newServing(t.Context(), &Server{Handler: HandlerFunc(echo)})
		l := scarce{newMemListener(), v.connections}
		done := make(chan error)
		go func() { done <- v.accept(t.Context(), l) }()
		for range 3 * siege {
			c, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		if took := visit(t, l.memListener); took > 0 {
			t.Errorf("a visitor waited %v", took)
		}
		l.Close()
		<-done
		v.drain()
	})
}

// TestNarrowWindows: so many connections may have a wide window each that
// UnreadTotal is what waits unread on them; the next ones have the least that
// the protocol knows.
func TestNarrowWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wide, conns = 3, 10
		l := serveMem(t, &Server{Handler: HandlerFunc(echo), Limits: Limits{ConnWindow: UnreadTotal / wide}})
		for n := range conns {
			conn, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p := newH2Peer(t, conn)
			send(t, conn, http2Preface)
			p.must(p.fr.WriteSettings())
			p.expect("SETTINGS")
			want := "SETTINGS ack"
			if n < wide {
				want = fmt.Sprintf("WINDOW_UPDATE 0 %d", UnreadTotal/wide-h2InitialWindow)
			}
			p.expect(want)
		}
	})
}
