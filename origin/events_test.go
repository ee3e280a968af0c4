package origin

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stream asks for /events and returns what comes, line by line, with the
// time at which it came.
func (g *rig) stream(fields string) (lines func() (string, time.Duration), conn net.Conn) {
	conn = g.dial()
	begin := time.Now()
	io.WriteString(conn, "GET /events HTTP/1.0\r\nHost: a\r\n"+traceparent+"\r\n"+fields+"\r\n")
	r := bufio.NewReader(conn)
	for { // the head
		line, err := r.ReadString('\n')
		if err != nil {
			g.t.Fatalf("head: %v", err)
		}
		if line == "\r\n" {
			break
		}
	}
	return func() (string, time.Duration) {
		line, err := r.ReadString('\n')
		if err != nil {
			return err.Error(), time.Since(begin)
		}
		return strings.TrimSuffix(line, "\n"), time.Since(begin)
	}, conn
}

func TestStream(t *testing.T) {
	events := make(chan Event)
	var seen string
	ended := make(chan time.Time, 1)
	c := Config{Routes: []Route{{Name: "events", Path: "/events", Handle: func(w *Response, r *Request) {
		seen = strings.Clone(r.LastEventID())
		w.Stream(r, events, 15*time.Second)
		ended <- time.Now()
	}}}}
	run(t, c, func(g *rig) {
		events = make(chan Event)
		next, conn := g.stream("Last-Event-ID: 41\r\n")
		go func() {
			time.Sleep(20 * time.Second)
			events <- Event{ID: "42", Name: "stock", Data: "a\nb"}
		}()
		for _, want := range []struct {
			line string
			at   time.Duration
		}{
			{":", 15 * time.Second}, {"", 15 * time.Second},
			{"id: 42", 20 * time.Second}, {"event: stock", 20 * time.Second}, {"data: a", 20 * time.Second}, {"data: b", 20 * time.Second}, {"", 20 * time.Second},
			{":", 35 * time.Second},
		} {
			if line, at := next(); line != want.line || at != want.at {
				t.Errorf("%q after %v, want %q after %v", line, at, want.line, want.at)
			}
		}
		if seen != "41" {
			t.Errorf("Last-Event-ID %q", seen)
		}
		conn.Close()
		left := time.Now()
		if at := <-ended; at.Sub(left) != 0 {
			t.Errorf("ended %v after the client had left", at.Sub(left))
		}
		f, e := g.account()
		if !f.Delivered || f.Left == 0 || f.Status != 200 || e.Decision.Verdict != "ended-by-client" {
			t.Errorf("account %+v %+v", f, e.Decision)
		}
	})
}

// TestStreamDrains: a server that stops does not wait for listeners.
func TestStreamDrains(t *testing.T) {
	c := Config{Routes: []Route{{Name: "events", Path: "/events", Handle: func(w *Response, r *Request) {
		w.Stream(r, nil, 0)
	}}}}
	run(t, c, func(g *rig) {
		next, _ := g.stream("")
		synctest.Wait()
		begin := time.Now()
		g.stop()
		<-g.done
		if took := time.Since(begin); took != 0 {
			t.Errorf("stopped after %v", took)
		}
		if line, _ := next(); line != "EOF" {
			t.Errorf("the stream ends with %q", line)
		}
	})
}
