package wire

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// calmed reads frames until the server has had enough, and returns its words.
func calmed(p *h2Peer) string {
	for {
		if got := p.next(); strings.HasPrefix(got, "GOAWAY") || got == "closed" || got == "silence" {
			return got
		}
	}
}

// TestH2WindowFloods: what a client says about windows and settings, and
// nobody wants, ends its connection, and no other.
func TestH2WindowFloods(t *testing.T) {
	many := make([]http2.Setting, maxSettings+1)
	for i := range many {
		many[i] = http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)}
	}
	tests := []struct {
		name, want string
		frame      func(p *h2Peer) error
		within     int
	}{
		{"WINDOW_UPDATE", "more than 5000 frames without effect", func(p *h2Peer) error { return p.fr.WriteWindowUpdate(0, 1) }, maxIdle + 2*updatesPerData},
		{"WINDOW_UPDATE on a closed stream", "more than 5000 frames without effect", func(p *h2Peer) error { return p.fr.WriteWindowUpdate(1, 1) }, maxIdle + 2*updatesPerData},
		{"SETTINGS of many parameters", "more than 32 parameters", func(p *h2Peer) error { return p.fr.WriteSettings(many...) }, 1},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveMem(t, &Server{Handler: HandlerFunc(echo)})
				other, p := greeted(t, l), greeted(t, l)
				p.headers(1, true, h2Get...)
				p.skipTo("DATA 1")
				done := make(chan string)
				go func() { done <- calmed(p) }()
				for range tt.within {
					if tt.frame(p) != nil {
						break
					}
				}
				if got := <-done; !strings.Contains(got, "GOAWAY 1 ENHANCE_YOUR_CALM "+tt.want) {
					t.Errorf("got %s", got)
				}
				other.headers(1, true, h2Get...)
				other.skipTo("DATA 1")
			})
		})
	}
}

// TestH2Slivers: a client that takes a response in pieces of a byte has an
// end; one that gives back what each frame had has all of it.
func TestH2Slivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: hit(1 << 20)}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		p.headers(1, true, h2Get...)
		p.skipTo("HEADERS 1")
		for n := 0; ; n++ {
			got := p.next()
			if strings.HasPrefix(got, "GOAWAY 1 ENHANCE_YOUR_CALM windows of less than 256 bytes") {
				break
			}
			if n > 2*maxSlivers {
				t.Fatalf("%d slivers were sent, and then %s", n, got)
			}
			_ = p.fr.WriteWindowUpdate(1, 1)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: hit(64 << 20)}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: h2InitialWindow})
		p.headers(1, true, h2Get...)
		p.skipTo("HEADERS 1")
		for n := 64 << 20; n > 0; {
			f, err := p.fr.ReadFrame()
			p.must(err)
			size := int(f.Header().Length)
			if n -= size; n == 0 || size == 0 {
				continue
			}
			p.must(p.fr.WriteWindowUpdate(0, uint32(size)))
			p.must(p.fr.WriteWindowUpdate(1, uint32(size)))
		}
	})
}

// TestHPACKBomb: one byte of a block can stand for a field of the size of the
// whole table. The fields are not kept beyond HeaderBytes, the request is
// answered with 431, and the next one is read as if nothing had been.
func TestHPACKBomb(t *testing.T) {
	const requests = 50
	synctest.Test(t, func(t *testing.T) {
		p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
		bomb := bytes.Clone(p.encode(h2Get...))
		p.block.Reset()
		p.must(p.enc.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("a", h2TableSize-200)}))
		bomb = append(bomb, p.block.Bytes()...)
		again := bytes.Repeat([]byte{0x80 | 62}, 10_000) // the newest entry
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for id := uint32(1); id < 2*requests; id += 2 {
			if id > 1 {
				bomb = p.encode(h2Get...)
			}
			p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: append(bytes.Clone(bomb), again...), EndStream: true, EndHeaders: true}))
			p.skipTo(fmt.Sprintf("HEADERS %d :status=431", id))
		}
		runtime.ReadMemStats(&after)
		// 40 MB would be the fields of one block.
		if each := (after.TotalAlloc - before.TotalAlloc) / requests; each > 256<<10 {
			t.Errorf("a bomb of %d bytes made the server and us allocate %d", len(again), each)
		} else {
			t.Logf("a bomb of %d bytes costs %d", len(again), each)
		}
		p.headers(1001, true, h2Get...)
		p.skipTo("HEADERS 1001 :status=200")
	})
}

// TestH2SlowFrames: a trickle within a frame does not keep a connection beyond
// its idle time, nor does PING.
func TestH2SlowFrames(t *testing.T) {
	for name, more := range map[string]func(p *h2Peer) error{
		"within a frame": func(p *h2Peer) error { _, err := p.conn.Write([]byte{0}); return err },
		"PING":           func(p *h2Peer) error { return p.fr.WritePing(false, [8]byte{}) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := dialH2(t, &Server{Handler: HandlerFunc(echo)})
				start := time.Now()
				done := make(chan string)
				go func() {
					got := calmed(p)
					for p.next() != "closed" { //nolint:revive // until it is
					}
					done <- got
				}()
				if name != "PING" {
					_, _ = p.conn.Write([]byte{0, 0x40, 0, byte(http2.FramePing), 0, 0, 0, 0, 0}) // 16 KB are to come
				}
				for more(p) == nil {
					time.Sleep(time.Second)
				}
				got := <-done
				if since := time.Since(start); since > DefaultIdleTimeout+lingerTime+time.Second {
					t.Errorf("%s after %v", got, since)
				}
			})
		})
	}
}

// TestH2EvictedAtOnce: a connection that makes room for another one is gone,
// whether its client reads or not.
func TestH2EvictedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10
		l := serveMem(t, &Server{Handler: HandlerFunc(echo), Limits: Limits{Connections: limit}})
		var all []*h2Peer
		for range 10 * limit {
			p := greeted(t, l)
			p.conn.in.mu.Lock()
			p.conn.in.limit = 0 // it reads no more
			p.conn.in.mu.Unlock()
			all = append(all, p)
		}
		time.Sleep(evictTime)
		synctest.Wait()
		open := 0
		for _, p := range all {
			p.conn.out.mu.Lock()
			if !p.conn.out.cut {
				open++
			}
			p.conn.out.mu.Unlock()
		}
		if open > limit {
			t.Errorf("%d connections are open, want %d", open, limit)
		}
	})
}
