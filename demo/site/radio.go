package site

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"waypost/origin"
)

// Limits of Channel 16.
const (
	maxCall     = 1 << 10                // bytes of one call
	maxStations = 256                    // each costs two goroutines and a connection
	radioQueue  = 32                     // calls that wait for a station before it is cut off
	radioBurst  = 10                     // calls that a station may send at once...
	radioPause  = 500 * time.Millisecond // ...and how often one more
)

// callSigns are what stations are called, by the order in which they come.
var callSigns = []string{
	"Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima", "Mike",
	"November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
}

// office is the harbour office, which greets and answers radio checks.
const office = "Office"

// radio is a channel on which everybody hears everybody, oneself included.
type radio struct {
	mu       sync.Mutex
	stations map[*station]bool
	came     int
}

// station is somebody on the channel.
type station struct {
	sign string
	out  chan []byte // closed when the station is cut off
}

// call is what is heard.
type call struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func newRadio() *radio { return &radio{stations: map[*station]bool{}} }

// serve keeps one station on the channel (GET /ws).
func (c *radio) serve(w *origin.Response, r *origin.Request) {
	s := c.join()
	if s == nil {
		w.Refuse(&origin.Problem{Status: 503, Detail: "the channel is full"})
		return
	}
	defer c.leave(s)
	socket, err := w.WebSocket(r, origin.SocketOptions{Protocols: []string{"seamark.radio"}, MaxMessage: maxCall})
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for text := range s.out {
			if socket.Write(true, text) != nil {
				return
			}
		}
		socket.Close(origin.StatusPolicyViolation, "you do not keep up")
	}()
	c.say(call{office, s.sign + ", this is Seamark. Go ahead."}, s)
	if err := c.hear(socket, s); errors.Is(err, errTooFast) {
		socket.Close(origin.StatusPolicyViolation, err.Error())
	} else {
		socket.Close(origin.StatusNormal, "")
	}
	c.leave(s)
	<-done
}

var errTooFast = errors.New("one call at a time")

// hear passes on what the station says until it leaves.
func (c *radio) hear(socket *origin.Socket, s *station) error {
	left, since := radioBurst, time.Now()
	for {
		m, err := socket.Read()
		if err != nil {
			return err
		}
		if earned := int(time.Since(since) / radioPause); earned > 0 {
			left, since = min(radioBurst, left+earned), since.Add(time.Duration(earned)*radioPause)
		}
		if left--; left < 0 {
			return errTooFast
		}
		text := strings.TrimSpace(string(m.Data))
		if text == "" || !m.Text {
			continue
		}
		c.say(call{s.sign, text}, nil)
		if strings.Contains(strings.ToLower(text), "radio check") {
			c.say(call{office, s.sign + ", loud and clear."}, nil)
		}
	}
}

func (c *radio) join() *station {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.stations) >= maxStations {
		return nil
	}
	s := &station{sign: callSigns[c.came%len(callSigns)], out: make(chan []byte, radioQueue)}
	c.came++
	c.stations[s] = true
	return s
}

func (c *radio) leave(s *station) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s)
}

// drop cuts a station off. The lock is held.
func (c *radio) drop(s *station) {
	if c.stations[s] {
		delete(c.stations, s)
		close(s.out)
	}
}

// say lets everybody hear a call, or only one station. Who does not keep up
// is cut off.
func (c *radio) say(what call, only *station) {
	text, err := json.Marshal(what)
	if err != nil {
		return // two strings: it cannot be
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.stations {
		if only != nil && s != only {
			continue
		}
		select {
		case s.out <- text:
		default:
			c.drop(s)
		}
	}
}
