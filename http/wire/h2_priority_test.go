package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// prioritised starts streams 1, 3, 5 … with these Priority fields ("" for
// none), each with an answer of size bytes. Stream 99 fills the window of the
// connection first, so that all of them wait.
func prioritised(t *testing.T, size int, priorities ...string) *h2Peer {
	t.Helper()
	s := &Server{Handler: HandlerFunc(func(x Exchange) {
		n := size
		if x.Request().Path == "/all" {
			n = h2InitialWindow
		}
		_ = x.Respond(200, nil, int64(n))
		_, _ = x.Write(make([]byte, n))
	})}
	p := dialH2(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	p.headers(1, true, ":method: GET", ":scheme: http", ":authority: h", ":path: /all")
	for got := ""; !strings.HasSuffix(got, " end"); got = p.next() {
	}
	for i, priority := range priorities {
		lines := h2Get
		if priority != "" {
			lines = append(lines[:len(lines):len(lines)], "priority: "+priority)
		}
		p.headers(uint32(2*i+3), true, lines...)
		p.expect("HEADERS")
	}
	synctest.Wait()
	return p
}

// grant gives the connection n bytes, and returns the streams that they went
// to, in their order: "3*1000" for a thousand bytes, and "." where one ended.
func (p *h2Peer) grant(n int) string {
	p.t.Helper()
	p.must(p.fr.WriteWindowUpdate(0, uint32(n)))
	synctest.Wait()
	var b strings.Builder
	last, sum := uint32(0), 0
	for n > 0 {
		f, err := p.fr.ReadFrame()
		p.must(err)
		d, ok := f.(*http2.DataFrame)
		if !ok {
			p.t.Fatalf("got %v", f)
		}
		if d.StreamID != last && last != 0 {
			fmt.Fprintf(&b, "%d*%d ", last, sum)
			sum = 0
		}
		last, sum, n = d.StreamID, sum+len(d.Data()), n-len(d.Data())
		if d.StreamEnded() {
			fmt.Fprintf(&b, "%d*%d. ", last, sum)
			last, sum = 0, 0
		}
	}
	if last != 0 {
		fmt.Fprintf(&b, "%d*%d", last, sum)
	}
	return strings.TrimSpace(b.String())
}

// TestH2Priorities: what the connection's window lets go belongs to those who
// come first (RFC 9218 §10).
func TestH2Priorities(t *testing.T) {
	for _, tt := range []struct {
		name       string
		priorities []string
		want       []string // of grants of 6000 bytes; an answer has 10,000
	}{
		{"the most urgent first", []string{"u=5", "u=1", "u=3"}, []string{"5*6000", "5*4000. 7*2000", "7*6000", "7*2000. 3*4000"}},
		{"one after the other", []string{"u=3", "u=3", "u=3"}, []string{"3*6000", "3*4000. 5*2000", "5*6000", "5*2000. 7*4000"}},
		{"shared", []string{"i", "i"}, []string{"3*6000", "5*6000", "3*4000. 5*2000"}},
		{"shared when nothing is said", []string{"", ""}, []string{"3*6000", "5*6000", "3*4000. 5*2000"}},
		{"whole answers before parts", []string{"u=2, i", "u=2"}, []string{"5*6000", "5*4000. 3*2000"}},
		{"the default is 3", []string{"", "u=4", "u=2"}, []string{"7*6000", "7*4000. 3*2000", "3*6000", "3*2000. 5*4000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := prioritised(t, 10_000, tt.priorities...)
				for i, want := range tt.want {
					if got := p.grant(6000); got != want {
						t.Errorf("grant %d went to %s, want %s", i+1, got, want)
					}
				}
			})
		})
	}
}

// TestH2PriorityUpdate: a PRIORITY_UPDATE changes the order of streams that
// wait; one for a stream that is not there is passed over (RFC 9218 §7.1).
func TestH2PriorityUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := prioritised(t, 10_000, "u=1", "u=5")
		if got, want := p.grant(1000), "3*1000"; got != want {
			t.Errorf("before: %s, want %s", got, want)
		}
		p.must(p.fr.WritePriorityUpdate(5, "u=0"))
		p.must(p.fr.WritePriorityUpdate(77, "u=0"))
		if got, want := p.grant(12_000), "5*10000. 3*2000"; got != want {
			t.Errorf("after: %s, want %s", got, want)
		}
	})
}

// TestH2PriorityOfAStuckStream: who cannot go on, because its own window is
// closed or because it is gone, keeps nobody waiting.
func TestH2PriorityOfAStuckStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := prioritised(t, 1<<20+1000, "u=0", "u=0", "u=7")
		p.must(p.fr.WriteRSTStream(3, http2.ErrCodeCancel))
		synctest.Wait()
		if got, want := p.grant(1<<20), "5*1048576"; got != want {
			t.Errorf("the second got %s, want %s", got, want)
		}
		if got, want := p.grant(5000), "7*5000"; got != want {
			t.Errorf("while its window is closed: %s, want %s", got, want)
		}
		p.must(p.fr.WriteWindowUpdate(5, 5000))
		if got, want := p.grant(3000), "5*1000. 7*2000"; got != want {
			t.Errorf("with a window again: %s, want %s", got, want)
		}
	})
}

// TestH2PrioritiesAllEnd: whatever the priorities, and however windows open, all
// streams come to their end, byte for byte.
func TestH2PrioritiesAllEnd(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			const streams, size = 30, 300 << 10
			body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
			s := &Server{Handler: HandlerFunc(func(x Exchange) {
				_ = x.Respond(200, nil, size)
				for rest := body; len(rest) > 0; {
					n := min(len(rest), 1+int(rest[len(rest)%7])*700)
					if _, err := x.Write(rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			})}
			p := dialH2(t, s)
			got, ended := map[uint32][]byte{}, 0
			for i := range streams {
				lines := h2Get[:len(h2Get):len(h2Get)]
				if rnd.IntN(4) > 0 {
					lines = append(lines, fmt.Sprintf("priority: u=%d%s", rnd.IntN(8), []string{"", ", i"}[rnd.IntN(2)]))
				}
				p.headers(uint32(2*i+1), true, lines...)
			}
			for ended < streams {
				f, err := p.fr.ReadFrame()
				p.must(err)
				d, ok := f.(*http2.DataFrame)
				if !ok {
					continue
				}
				id, n := d.StreamID, uint32(len(d.Data()))
				got[id] = append(got[id], d.Data()...)
				if d.StreamEnded() {
					ended++
				} else if n > 0 {
					p.must(p.fr.WriteWindowUpdate(id, n))
				}
				if n > 0 {
					p.must(p.fr.WriteWindowUpdate(0, n))
				}
				if rnd.IntN(50) == 0 {
					p.must(p.fr.WritePriorityUpdate(uint32(2*rnd.IntN(streams)+1), fmt.Sprintf("u=%d", rnd.IntN(8))))
				}
			}
			for id, b := range got {
				if !bytes.Equal(b, body) {
					t.Errorf("stream %d got %d bytes, not what was sent", id, len(b))
				}
			}
		})
	}
}

// TestH2PaceOfTheConnection: a client that takes what it can, but not much, keeps
// all of its streams, those too that wait behind others; one that takes
// nothing keeps none.
func TestH2PaceOfTheConnection(t *testing.T) {
	for _, tt := range []struct {
		priorities []string
		rate       int // bytes per second
		want       string
	}{
		{[]string{"u=1", "u=5"}, 10_000, ""},
		{[]string{"u=3", "u=3"}, 10_000, ""},
		{[]string{"", ""}, 10_000, ""},
		{[]string{"u=1", "u=5"}, 2 * MinRate, ""},
		{[]string{"u=1", "u=5"}, MinRate / 2, "3 after 30s, 5 after 30s"},
		{[]string{"", ""}, 0, "3 after 30s, 5 after 30s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := prioritised(t, 4<<20, tt.priorities...)
			var resets []string
			start := time.Now()
			go func() {
				for {
					f, err := p.fr.ReadFrame()
					if err != nil {
						return
					}
					if r, ok := f.(*http2.RSTStreamFrame); ok {
						resets = append(resets, fmt.Sprintf("%d after %v", r.StreamID, time.Since(start).Truncate(10*time.Second)))
					}
				}
			}()
			for range 100 {
				time.Sleep(time.Second)
				if tt.rate > 0 {
					p.must(p.fr.WriteWindowUpdate(0, uint32(tt.rate)))
				}
			}
			synctest.Wait()
			slices.Sort(resets)
			if got := strings.Join(resets, ", "); got != tt.want {
				t.Errorf("%q at %d bytes a second: reset %q, want %q", tt.priorities, tt.rate, got, tt.want)
			}
			p.conn.Close()
		})
	}
}

// TestH2FullWithoutFlush: what a handler has written and not flushed leaves when
// another stream waits for the room that it takes.
func TestH2FullWithoutFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		s := &Server{Handler: HandlerFunc(func(x Exchange) {
			if x.Request().Fields.Get("priority") == "u=0" {
				_ = x.Respond(200, nil, 1<<20)
				_, _ = x.Write(make([]byte, h2OutHigh))
				<-hold
				return
			}
			_ = x.Respond(200, nil, 1000)
			_, _ = x.Write(make([]byte, 1000))
		})}
		p := dialH2(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		p.must(p.fr.WriteWindowUpdate(0, h2OutHigh-h2InitialWindow))
		p.headers(1, true, append(h2Get[:len(h2Get):len(h2Get)], "priority: u=0")...)
		synctest.Wait()
		p.must(p.fr.WriteWindowUpdate(0, 1000))
		p.headers(3, true, h2Get...)
		p.skipTo("DATA 3")
		close(hold)
	})
}

// TestH2TunnelWindows: a tunnel goes on when the window opens that it waited for,
// whichever it was.
func TestH2TunnelWindows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window uint32
		open   func(p *h2Peer) error
	}{
		{"of the connection", 1 << 20, func(p *h2Peer) error { return p.fr.WriteWindowUpdate(0, 1000) }},
		{"of the stream", 1000, func(p *h2Peer) error { return p.fr.WriteWindowUpdate(1, 1000) }},
		{"of all streams", 1000, func(p *h2Peer) error {
			return p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2000})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := dialH2(t, &Server{Handler: HandlerFunc(tunnelling(h2InitialWindow + 1000))}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: tt.window})
				p.headers(1, false, h2WebSocket...)
				p.expect("HEADERS")
				for n := min(int(tt.window), h2InitialWindow); n > 0; {
					n -= p.nextData()
				}
				synctest.Wait()
				p.must(tt.open(p))
				if got := p.nextData(); got != 1000 {
					t.Errorf("%d bytes came when the window had opened by 1000", got)
				}
			})
		})
	}
}

// TestH2TunnelDeadline: the deadline of a tunnel's Write counts while it waits
// for its turn, too.
func TestH2TunnelDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := make(chan error, 1)
		s := &Server{Limits: Limits{WriteTimeout: -1}, Handler: HandlerFunc(func(x Exchange) {
			c, err := x.Upgrade(101, nil)
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
			for err == nil {
				_, err = c.Write(make([]byte, 1<<10))
			}
			wrote <- err
			c.Close()
		})}
		p := dialH2(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		p.must(p.fr.WriteWindowUpdate(0, 1<<30))
		start := time.Now()
		p.headers(1, false, h2WebSocket...) // and nobody reads
		if err := <-wrote; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Write returned %v after %v", err, time.Since(start))
		}
		p.conn.Close()
	})
}

var h2WebSocket = []string{":method: CONNECT", ":protocol: websocket", ":scheme: http", ":authority: h", ":path: /ws"}

// tunnelling writes n bytes into the tunnel that is asked for.
func tunnelling(n int) func(x Exchange) {
	return func(x Exchange) {
		if c, err := x.Upgrade(101, nil); err == nil {
			_, _ = c.Write(make([]byte, n))
			c.Close()
		}
	}
}

// nextData is the length of the next DATA frame.
func (p *h2Peer) nextData() int {
	p.t.Helper()
	for {
		f, err := p.fr.ReadFrame()
		p.must(err)
		if d, ok := f.(*http2.DataFrame); ok {
			return len(d.Data())
		}
	}
}
