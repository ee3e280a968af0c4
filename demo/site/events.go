package site

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"waypost/origin"
)

// Limits of the harbour log.
const (
	logKept      = 64   // entries that a listener who was away can catch up with
	logGreeting  = 3    // entries that a new listener is told
	logQueue     = 16   // entries that wait for a listener before it is let go
	maxListeners = 1000 // each costs a goroutine and a connection
)

// logRetry is how long a browser waits before it listens again.
const logRetry = 3 * time.Second

// harbourLog tells its listeners how the stock changes. It is safe for
// concurrent use.
type harbourLog struct {
	shop *shop
	tide time.Duration

	mu        sync.Mutex
	last      int64          // number of the latest entry
	kept      []origin.Event // the latest entries, oldest first
	listeners map[chan origin.Event]bool
	ebb       chan struct{} // closed to stop the tide; nil while it stands still
	closed    bool
}

func newHarbourLog(s *shop, tide time.Duration) *harbourLog {
	return &harbourLog{shop: s, tide: tide, listeners: map[chan origin.Event]bool{}}
}

// events streams the log (GET /events).
func (s *Site) events(w *origin.Response, r *origin.Request) {
	entries, stop := s.log.listen(r.LastEventID())
	if entries == nil {
		w.Refuse(&origin.Problem{Status: 503, Detail: "too many listen already"})
		return
	}
	defer stop()
	w.Stream(r, entries, 0)
}

// write makes a change an entry and tells everybody. Who does not keep up is
// let go; the browser comes back by itself and says what it heard last.
func (l *harbourLog) write(c change) {
	data, err := json.Marshal(c)
	if err != nil {
		return // strings, numbers and a time: it cannot be
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e := origin.Event{ID: strconv.FormatInt(l.last, 10), Name: "stock", Data: string(data), Retry: logRetry}
	if l.kept = append(l.kept, e); len(l.kept) > logKept {
		l.kept = append(l.kept[:0], l.kept[1:]...)
	}
	for ch := range l.listeners {
		select {
		case ch <- e:
		default:
			l.drop(ch)
		}
	}
}

// listen returns the entries after the one that was seen last, as they come.
// entries is nil when there are too many listeners. stop must be called.
func (l *harbourLog) listen(seen string) (entries <-chan origin.Event, stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.listeners) >= maxListeners {
		return nil, nil
	}
	missed := l.missed(seen)
	ch := make(chan origin.Event, len(missed)+logQueue)
	for _, e := range missed {
		ch <- e
	}
	l.listeners[ch] = true
	if l.ebb == nil && l.tide > 0 {
		l.ebb = make(chan struct{})
		go l.flow(l.ebb)
	}
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(ch)
	}
}

// missed are the kept entries that a listener has not seen.
func (l *harbourLog) missed(seen string) []origin.Event {
	n := min(len(l.kept), logGreeting)
	if last, err := strconv.ParseInt(seen, 10, 64); err == nil && last <= l.last {
		n = int(min(l.last-last, int64(len(l.kept))))
	}
	return l.kept[len(l.kept)-n:]
}

// drop lets a listener go; the tide stops with the last one. The lock is held.
func (l *harbourLog) drop(ch chan origin.Event) {
	if !l.listeners[ch] {
		return
	}
	delete(l.listeners, ch)
	close(ch)
	if len(l.listeners) == 0 && l.ebb != nil {
		close(l.ebb)
		l.ebb = nil
	}
}

// flow moves something now and then, as long as somebody listens.
func (l *harbourLog) flow(ebb <-chan struct{}) {
	tick := time.NewTicker(l.tide)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c, err := l.shop.tide(context.Background()); err == nil {
				l.write(c)
			}
		case <-ebb:
			return
		}
	}
}

func (l *harbourLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for ch := range l.listeners {
		l.drop(ch)
	}
}
