package site

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// set is a radio set on the channel.
type set struct {
	conn net.Conn
	in   *bufio.Reader
}

func (v *town) tune() *set {
	v.t.Helper()
	conn := v.dial()
	io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: seamark.radio\r\n\r\n")
	s := &set{conn, bufio.NewReader(conn)}
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			v.t.Fatal(err)
		}
		if line == "\r\n" {
			return s
		}
	}
}

func (s *set) say(text string) {
	ws.WriteFrame(s.conn, ws.MaskFrameInPlaceWith(ws.NewTextFrame([]byte(text)), [4]byte{1, 2, 3, 4}))
}

func (s *set) hear() string {
	f, err := readFrame(s.in)
	if err != nil {
		return err.Error()
	}
	if f.Header.OpCode == ws.OpClose {
		code, reason := ws.ParseCloseFrameData(f.Payload)
		return fmt.Sprint("closed ", code, " ", reason)
	}
	return string(f.Payload)
}

func TestRadio(t *testing.T) {
	visit(t, func(v *town) {
		a := v.tune()
		if got := a.hear(); got != `{"from":"Office","text":"Alfa, this is Seamark. Go ahead."}` {
			t.Errorf("greeted with %s", got)
		}
		b := v.tune()
		b.hear()
		a.say(" radio check <b> ")
		for _, s := range []*set{a, b} {
			if got := s.hear(); got != `{"from":"Alfa","text":"radio check \u003cb\u003e"}` {
				t.Errorf("heard %s", got)
			}
			if got := s.hear(); got != `{"from":"Office","text":"Alfa, loud and clear."}` {
				t.Errorf("heard %s", got)
			}
		}
		b.conn.Close()
		for range radioBurst {
			a.say("x")
		}
		var last string
		for range radioBurst + 2 {
			if last = a.hear(); strings.HasPrefix(last, "closed") {
				break
			}
		}
		if last != "closed 1008 one call at a time" {
			t.Errorf("ended with %s", last)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := len(v.site.radio.stations); n != 0 {
			t.Errorf("%d stations left", n)
		}
		a.conn.Close()
	})
}

// TestDeafStation: who does not listen is cut off, and nobody waits for it.
func TestDeafStation(t *testing.T) {
	c := newRadio()
	s := c.join()
	for range radioQueue + 1 {
		c.say(call{"a", "b"}, nil)
	}
	if n := len(s.out); n != radioQueue || len(c.stations) != 0 {
		t.Errorf("%d calls wait, %d stations", n, len(c.stations))
	}
	for range maxStations {
		c.join()
	}
	if c.join() != nil {
		t.Error("the channel is never full")
	}
}

// readFrame reads one frame of a server.
func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}
