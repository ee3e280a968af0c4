package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"

	"waypost/dns"
)

// flights lets identical steps share one exchange: a thousand clients that
// ask for one name at one moment cost one query per step, which also takes
// the birthday out of forging answers (RFC 5452 §5). The zero value is ready
// to use.
//
// Only steps of a client's own question fly. What they need on the way, such
// as a server's address, is asked for inside the flight, so that no flight
// ever waits for another and none can wait for itself.
type flights struct {
	mu  sync.Mutex
	now map[step]*flight
}

// step is one question to the servers of one zone.
type step struct {
	zone    dns.Name
	name    dns.Name
	qtype   uint16
	forward bool
	rounds  int
	subnet  netip.Prefix // zero unless it may be sent along
}

type flight struct {
	done    chan struct{}
	waiting int
	leave   context.CancelFunc
	reply   *reply
	err     error
	crashed *crash
}

// crash is a panic on a goroutine of ours. Those who wait for the work panic
// with it again, where the server's guard stands (dns.Server.Panicked).
type crash struct {
	value any
	stack []byte
}

func (c *crash) Error() string { return fmt.Sprintf("%v\n%s", c.value, c.stack) }

// caught turns a panic into a crash; it is deferred.
func caught(c **crash) {
	if v := recover(); v != nil {
		*c = &crash{v, debug.Stack()}
	}
}

var errBusy = errors.New("too many questions under way")

// do returns what work returns, calling it unless the same step is under
// way. The work goes on while anybody waits for it, under a context of its
// own that ends after MaxTime. led tells whether it was this call's.
func (f *flights) do(ctx context.Context, key step, work func(context.Context) (*reply, error)) (rep *reply, led bool, err error) {
	f.mu.Lock()
	fl := f.now[key]
	if led = fl == nil; led {
		if len(f.now) >= maxFlights {
			f.mu.Unlock()
			return nil, true, errBusy
		}
		inner, leave := context.WithTimeout(context.WithoutCancel(ctx), MaxTime)
		fl = &flight{done: make(chan struct{}), leave: leave}
		if f.now == nil {
			f.now = make(map[step]*flight)
		}
		f.now[key] = fl
		go func() {
			defer close(fl.done)
			defer leave()
			defer f.land(key, fl)
			defer caught(&fl.crashed)
			fl.reply, fl.err = work(inner)
		}()
	}
	fl.waiting++
	f.mu.Unlock()
	select {
	case <-fl.done:
		if fl.crashed != nil {
			panic(fl.crashed)
		}
		return fl.reply, led, fl.err
	case <-ctx.Done():
		f.mu.Lock()
		if fl.waiting--; fl.waiting == 0 { // nobody is left to read the answer
			if f.now[key] == fl {
				delete(f.now, key)
			}
			fl.leave()
		}
		f.mu.Unlock()
		return nil, led, ctx.Err()
	}
}

// land takes a finished flight off the board.
func (f *flights) land(key step, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now[key] == fl {
		delete(f.now, key)
	}
}
