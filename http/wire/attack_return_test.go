package wire

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rapidly opens and resets streams on a connection of its own until the
// server has had enough, and returns how many there were; 0 where there was no
// connection to be had.
func rapidly(t *testing.T, g *crowd, from netip.Addr, port uint16) (streams int) {
	t.Helper()
	c, err := g.inet.Host(from).Dial(t.Context(), netip.AddrPortFrom(h3ServerAddr.Addr(), port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	fr := http2.NewFramer(c, c)
	if _, err := io.WriteString(c, http2Preface); err != nil || fr.WriteSettings() != nil {
		return 0
	}
	for ; ; streams++ {
		id := uint32(2*streams + 1)
		block.Reset()
		for _, line := range h2Get {
			name, value, _ := strings.Cut(line[1:], ": ")
			_ = enc.WriteField(hpack.HeaderField{Name: ":" + name, Value: value})
		}
		if fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			fr.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break
		}
		synctest.Wait()
		select {
		case <-ended:
			return streams
		default:
		}
	}
	<-ended
	return streams
}

// TestFloodsComeBack: who is thrown out for a flood and comes back at once
// finds what it has left: its connection keeps its place until the last of its
// handlers has returned. So handlers that do not notice that nobody waits for
// them are as many as its places allow, and no more; others are served.
func TestFloodsComeBack(t *testing.T) {
	const per, returns = 3, 20
	attacker, visitor := netip.MustParseAddr("192.0.2.66"), netip.MustParseAddr("192.0.2.2")
	synctest.Test(t, func(t *testing.T) {
		g := gather(t, per, Server{})
		var running, peak atomic.Int64
		release := make(chan struct{})
		places := &Places{}
		g.serve(&Server{Places: places, Limits: Limits{ConnectionsPerClient: per, Drain: time.Minute}, Handler: HandlerFunc(func(x Exchange) {
			n := running.Add(1)
			defer running.Add(-1)
			peak.Store(max(peak.Load(), n))
			if x.Conn().Remote.Addr() == attacker {
				<-release // it does not look whether anybody is there
			}
			echo(x)
		})}, 81)
		connections, streams := 0, 0
		for range returns {
			if n := rapidly(t, g, attacker, 81); n > 0 {
				connections, streams = connections+1, streams+n
			}
		}
		if connections != per {
			t.Errorf("the attacker had %d connections, want %d", connections, per)
		}
		if most := int64(per * h2HandlersPerStream * DefaultStreamsPerConn); peak.Load() > most || streams > per*2*maxResets {
			t.Errorf("%d handlers at once, want %d at most; %d streams", peak.Load(), most, streams)
		}
		start := time.Now()
		if n := rapidly(t, g, visitor, 81); n < maxResets || time.Since(start) > 0 {
			t.Errorf("another client had %d streams in %v", n, time.Since(start))
		}
		close(release)
		synctest.Wait()
		if n := running.Load(); n != 0 {
			t.Errorf("%d handlers are left", n)
		}
		if n := rapidly(t, g, attacker, 81); n < maxResets || n > 2*maxResets {
			t.Errorf("when they have returned, it has %d streams", n)
		}
		synctest.Wait()
		places.mu.Lock()
		if len(places.clients)+len(places.conns) > 0 {
			t.Errorf("%d places are taken", len(places.conns))
		}
		places.mu.Unlock()
	})
}
