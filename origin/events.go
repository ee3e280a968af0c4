package origin

import (
	"strconv"
	"strings"
	"time"
)

// Event is one server-sent event (HTML §9.2.6).
type Event struct {
	// ID is what the client says it has seen when it connects again.
	ID string
	// Name is the type under which the client listens; "" is "message".
	Name string
	// Data may have several lines.
	Data string
	// Retry is how long the client waits before it connects again; 0 leaves
	// that to it.
	Retry time.Duration
}

// Append writes the event in the form of the stream. What would end a line
// is taken out of ID and Name; an ID with a NUL is left out, since clients
// ignore it.
func (e Event) Append(dst []byte) []byte {
	if e.Retry > 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, e.Retry.Milliseconds(), 10)
		dst = append(dst, '\n')
	}
	if e.ID != "" && !strings.Contains(e.ID, "\x00") {
		dst = append(append(append(dst, "id: "...), oneLine(e.ID)...), '\n')
	}
	if e.Name != "" {
		dst = append(append(append(dst, "event: "...), oneLine(e.Name)...), '\n')
	}
	data := strings.ReplaceAll(strings.ReplaceAll(e.Data, "\r\n", "\n"), "\r", "\n")
	for line := range strings.SplitSeq(data, "\n") {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return append(dst, '\n')
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(s)
}

// LastEventID is the last event that the client has seen, "" for none.
func (r *Request) LastEventID() string { return r.Fields.Get("Last-Event-ID") }

// DefaultHeartbeat keeps an idle stream through the timers of proxies, the
// shortest of which in common use is 30 s.
const DefaultHeartbeat = 15 * time.Second

// Stream answers with server-sent events: those of the channel, and a comment
// whenever nothing was sent for the time of heartbeat (0: DefaultHeartbeat).
// It returns when events is closed, when the client leaves, or when the
// server stops: the browser then connects again by itself and says which
// event it saw last.
func (w *Response) Stream(r *Request, events <-chan Event, heartbeat time.Duration) {
	if heartbeat <= 0 {
		heartbeat = DefaultHeartbeat
	}
	w.lasting = true
	w.Fields.Set("Content-Type", "text/event-stream")
	w.Fields.Set("Cache-Control", "no-store")
	w.Fields.Set("X-Accel-Buffering", "no") // asks nginx to pass each event on at once
	w.Respond(200, -1)
	if r.Method == "HEAD" {
		return
	}
	w.Flush()
	left := w.Context().Done()
	idle := time.NewTimer(heartbeat)
	defer idle.Stop()
	var buf []byte
	for !w.Lost() {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			buf = e.Append(buf[:0])
		case <-idle.C:
			buf = append(buf[:0], ":\n\n"...)
		case <-left:
			return
		case <-r.Conn.Draining:
			return
		}
		w.put(buf)
		w.Flush()
		idle.Reset(heartbeat)
	}
}
