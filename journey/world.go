package journey

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"waypost/lab"
	"waypost/tls/cert"
	"waypost/trace"
)

// world is a journey under way: the lab, what stands in it, and what was seen.
type world struct {
	journey *Journey
	options Options
	lab     *lab.Lab
	record  *record
	frames  *frames
	ca      *cert.CA
	start   time.Time
	ctx     context.Context

	// Set-up statements fill these; no action changes them later.
	hosts   map[string]*host
	regions map[string]*lab.Region
	links   map[string]*road // under both names

	background sync.WaitGroup

	mu       sync.Mutex
	made     map[string][]byte // files that the journey made
	sockets  map[string]*socket
	results  map[string]*result
	last     *result
	scene    scene
	threads  map[string]*thread
	passed   time.Time // when what the last expectation found happened
	failures []Failure
	err      error // an action failed: nothing more is done
	captures []*capture
	disk     string // directory of what nodes keep on disk; "" while none does
	// recording keeps frames for diagrams; nil where nobody wants any.
	recording *lab.Recording
}

// scene is a stretch of the journey that expectations look at.
type scene struct {
	title string
	start time.Time
	mark  int // events noted before it, even at its very instant, are not its own
}

// road is a link with its ends in the order in which the script names them.
type road struct {
	*lab.Link
	a, b string
}

// task is one statement being done.
type task struct {
	*world
	step  *step
	ctx   context.Context
	round int // of repeat, from 1
}

// actionPatience bounds an action for which nothing else is said: longer than
// any of our own timers, shorter than for ever.
const actionPatience = 2 * time.Minute

func newWorld(ctx context.Context, j *Journey, o Options) (*world, error) {
	w := &world{
		journey: j, options: o, ctx: ctx, start: time.Now(),
		hosts: map[string]*host{}, regions: map[string]*lab.Region{}, links: map[string]*road{},
		made: map[string][]byte{}, sockets: map[string]*socket{}, results: map[string]*result{},
	}
	w.record = newRecord(o.Progress)
	w.frames = newFrames(w.start)
	w.lab = lab.New(lab.Options{Seed: w.seed("lab"), Recorder: w.record, Virtual: true})
	w.begin("")
	var err error
	if w.ca, err = cert.NewSeededCA("waypost journey CA", w.start, w.random("authority")); err != nil {
		w.lab.Close()
		return nil, err
	}
	w.made[caFile] = w.ca.PEM()
	return w, nil
}

// seed derives the seed of one part, so that what it draws does not depend
// on which others there are. It is never 0.
func (w *world) seed(part string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(part)) //nolint:errcheck // a hash takes everything
	return rand.NewPCG(w.options.Seed, h.Sum64()).Uint64() | 1
}

// random is the source of what one part draws. It is safe for concurrent use.
func (w *world) random(part string) func() uint64 {
	var mu sync.Mutex
	source := rand.NewPCG(w.seed(part), 0)
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}

func (w *world) station(name string) *trace.Station {
	return &trace.Station{Name: name, Recorder: w.record, IDs: w.random("ids of " + name)}
}

// watch gives a link its names and looks at its frames.
func (w *world) watch(k *lab.Link, a, b string) error {
	if k == nil {
		return fmt.Errorf("there is no link between %s and %s", a, b)
	}
	v := &road{k, a, b}
	w.links[a+"-"+b], w.links[b+"-"+a] = v, v
	k.Tap(w.frames.tap(v))
	return w.capture(v)
}

// way is a link and, where the script said a>b, the end that sends; "" is
// both ways.
func (w *world) way(name string) (v *road, from string) {
	v = w.links[strings.ReplaceAll(name, ">", "-")]
	if at, _, directed := strings.Cut(name, ">"); directed {
		from = at
	}
	return v, from
}

// keep gives a socket its name; the one that had it before is closed.
func (w *world) keep(s *socket) {
	w.mu.Lock()
	old := w.sockets[s.name]
	w.sockets[s.name] = s
	w.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// socket returns the one of that name; it is an empty one when the action
// that should have made it has not yet.
func (w *world) socket(name string) *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.sockets[name]; s != nil {
		return s
	}
	return &socket{name: name}
}

// begin starts a scene.
func (w *world) begin(title string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scene = scene{title, time.Now(), w.record.length()}
	w.threads = map[string]*thread{}
	w.passed = time.Time{}
}

// result does an action of a client and keeps what it came to. In the
// foreground it begins a scene. It fails with the action, unless that was to
// be tried.
func (t *task) result(verb, name string, do func(ctx context.Context, r *result)) error {
	if !t.step.background && !t.step.timed && !t.step.delayed && t.round == 1 {
		t.settle()
		t.begin("")
	}
	r := &result{name: name, verb: verb, started: time.Now(), mark: t.record.length()}
	do(t.ctx, r)
	r.ended = time.Now()
	if r.response != nil {
		r.response.Took = r.ended.Sub(r.started)
	}
	t.mu.Lock()
	t.last = r
	if name != "" {
		t.results[name] = r
	}
	t.mu.Unlock()
	if why := r.failure(); why != "" {
		return errors.New(why)
	}
	return nil
}

// settle waits until everything that happens at this instant has happened.
func (w *world) settle() {
	for range 2 { // what the first round sets going ends in the second
		done := make(chan struct{})
		w.lab.At(w.lab.Now(), func() { close(done) })
		<-done
	}
}

// close takes everything down. Nothing of the journey is left running.
func (w *world) close() error {
	var errs []error
	for _, s := range w.sockets {
		s.close()
	}
	for _, h := range w.hosts {
		h.client.close()
	}
	for _, h := range w.hosts {
		if h.service != nil && h.service.running() {
			errs = append(errs, h.service.stop())
		}
	}
	w.lab.Close()
	if w.disk != "" {
		errs = append(errs, os.RemoveAll(w.disk))
	}
	return errors.Join(errs...)
}
