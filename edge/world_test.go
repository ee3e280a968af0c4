package edge

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/trace"
	"waypost/url"
)

// world is an origin, an edge and a client on an internet in memory, in
// virtual time.
type world struct {
	t      *testing.T
	net    *memnet.Net
	edge   *Edge
	client *fetch.Client
	record *trace.Ring
	mu     sync.Mutex
	asked  []wire.Request // what the origin got, bodies left out
	origin func(x wire.Exchange)
}

var (
	originAddr = netip.MustParseAddr("192.0.2.10")
	edgeAddr   = netip.MustParseAddr("192.0.2.20")
	clientAddr = netip.MustParseAddr("192.0.2.30")
)

// setting is what differs from one world to the next.
type setting struct {
	site   func(*cdn.Site)
	config func(*Config)
	delay  time.Duration
	limits wire.Limits
	hole   string // an address that never answers
}

// inWorld runs f in a bubble with a world whose origin answers as given.
func inWorld(t *testing.T, origin func(x wire.Exchange), f func(w *world), with ...setting) {
	t.Helper()
	var s setting
	if len(with) > 0 {
		s = with[0]
	}
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, origin: origin, record: &trace.Ring{}, net: &memnet.Net{Delay: s.delay}}
		if s.hole != "" {
			w.net.Hole = map[netip.Addr]bool{netip.MustParseAddr(s.hole): true}
		}
		site := cdn.Site{Name: "shop", Hosts: []string{"www.shop.test", "*.img.shop.test"},
			Origin: cdn.Origin{URLs: []string{"http://192.0.2.10"}}, Policy: cdn.DefaultPolicy()}
		if s.site != nil {
			s.site(&site)
		}
		c := Config{Name: "t1", Sites: []cdn.Site{site}, Store: store.NewMemory(64 << 20),
			Fetch:   &fetch.Client{Network: w.net.Host(edgeAddr)},
			Station: &trace.Station{Name: "edge t1", Recorder: w.record}}
		if s.config != nil {
			s.config(&c)
		}
		var err error
		if w.edge, err = New(c); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var servers sync.WaitGroup
		serve := func(at netip.Addr, h wire.Handler, limits wire.Limits) {
			l, err := w.net.Host(at).Listen(ctx, netip.AddrPortFrom(at, 80))
			if err != nil {
				t.Fatal(err)
			}
			server := &wire.Server{Handler: h, Limits: limits}
			servers.Go(func() { server.Serve(ctx, l) })
		}
		serve(originAddr, wire.HandlerFunc(w.serveOrigin), wire.Limits{})
		serve(edgeAddr, wire.HandlerFunc(w.serveEdge), s.limits)
		w.client = w.newClient(clientAddr)
		f(w)
		w.client.Close()
		stop()
		servers.Wait()
		w.edge.Close()
	})
}

// newClient is a client that takes every name for the edge's.
func (w *world) newClient(from netip.Addr) *fetch.Client {
	return &fetch.Client{Network: w.net.Host(from), PerHost: 1000,
		ConnectTo: map[string]string{":": edgeAddr.String() + ":80"},
		Timeouts:  fetch.Timeouts{FirstByte: -1, BodyIdle: -1}}
}

// serveEdge is Edge.Serve, with each step held against the table of stages.
func (w *world) serveEdge(x wire.Exchange) {
	r := w.edge.requests.Get().(*request)
	r.start(x)
	for s := toReceive; s != done; {
		next := life[s].run(r)
		if !slices.Contains(life[s].next, next) {
			w.t.Errorf("%s went to %s, which the table does not have", s, next)
		}
		s = next
	}
	r.finish()
	w.edge.requests.Put(r)
}

func (w *world) serveOrigin(x wire.Exchange) {
	r := *x.Request()
	r.Method, r.Authority, r.Path = strings.Clone(r.Method), strings.Clone(r.Authority), strings.Clone(r.Path)
	r.Fields, r.Body = r.Fields.Clone(), nil
	w.mu.Lock()
	w.asked = append(w.asked, r)
	w.mu.Unlock()
	w.origin(x)
}

// trips is the number of requests that the origin has had.
func (w *world) trips() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// lastAsked is the latest request that the origin had.
func (w *world) lastAsked() wire.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[len(w.asked)-1]
}

// got is a response as the client had it.
type got struct {
	status   int
	fields   field.Fields
	body     string
	length   int64
	err      error // of the body
	informed []wire.Interim
	trailers field.Fields
}

func (g got) String() string {
	return fmt.Sprintf("%d %q, Cache-Status %q", g.status, g.body, g.fields.Join("Cache-Status"))
}

// open sends a request for a URL or a path on www.shop.test; fields are
// names and values in turn.
func (w *world) open(ctx context.Context, r *wire.Request, fields ...string) (*fetch.Response, error) {
	target := r.Path
	if strings.HasPrefix(target, "/") {
		target = "http://www.shop.test" + target
	}
	u, err := url.Parse(target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Path = ""
	for i := 0; i < len(fields); i += 2 {
		r.Fields.Add(fields[i], fields[i+1])
	}
	return w.client.Do(ctx, u, r)
}

// do makes a request and waits until the edge has done all that it does
// behind the client's back.
func (w *world) do(r *wire.Request, fields ...string) got {
	w.t.Helper()
	g := w.send(r, fields...)
	synctest.Wait()
	return g
}

// send is do without the wait, which one goroutine at a time can have.
func (w *world) send(r *wire.Request, fields ...string) got {
	w.t.Helper()
	resp, err := w.open(context.Background(), r, fields...)
	if err != nil {
		w.t.Errorf("request: %v", err)
		return got{err: err}
	}
	return read(resp)
}

func read(resp *fetch.Response) got {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	g := got{status: resp.Status, fields: resp.Fields, body: string(body), length: resp.Length, err: err, informed: resp.Informed}
	if resp.Trailers != nil {
		g.trailers = resp.Trailers()
	}
	return g
}

func (w *world) get(path string, fields ...string) got {
	w.t.Helper()
	return w.do(&wire.Request{Path: path}, fields...)
}

// cacheStatus checks what the edge said of itself.
func (w *world) cacheStatus(g got, want string) {
	w.t.Helper()
	lines := []string{}
	for m := range g.fields.All("Cache-Status") {
		lines = append(lines, m)
	}
	if last := strings.Join(lines, ", "); last != "waypost-t1"+want {
		w.t.Errorf("Cache-Status %q, want %q (%d %.60q)", last, "waypost-t1"+want, g.status, g.body)
	}
}

// reply is an origin's whole response.
func reply(x wire.Exchange, status int, body string, fields ...string) {
	var f field.Fields
	for i := 0; i < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	if x.Respond(status, f, int64(len(body))) == nil {
		io.WriteString(writer{x}, body)
	}
}

// replying is an origin that always says the same.
func replying(status int, body string, fields ...string) func(wire.Exchange) {
	return func(x wire.Exchange) { reply(x, status, body, fields...) }
}

type writer struct{ x wire.Exchange }

func (w writer) Write(p []byte) (int, error) { return w.x.Write(p) }

// events are the record of one journey, as far as it is kept.
func (w *world) events(id trace.ID) []trace.Event {
	events, _ := w.record.Events(id)
	return events
}

// sampled is a traceparent, and the id of its journey.
func sampled(n uint64) (string, trace.ID) {
	c := trace.Context{Trace: trace.ID{7, n}, Span: 9, Sampled: true}
	return c.String(), c.Trace
}
