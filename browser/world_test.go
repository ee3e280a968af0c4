package browser

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/internal/memnet"
	"waypost/tls/cert"
	"waypost/trace"
	"waypost/url"
)

const ms = time.Millisecond

// world is a browser and the sites that a test sets up, in virtual time. All
// hosts share one address, 10 ms away.
type world struct {
	t       testing.TB
	net     *memnet.Net
	browser *Browser
	ring    *trace.Ring
	ca      *cert.CA
	pages   map[string]answer // by "scheme://host/path"
	mu      sync.Mutex
	asked   []asked
	stop    context.CancelFunc
	served  sync.WaitGroup
}

// answer is what a site answers with.
type answer struct {
	status int // 0 means 200
	fields string
	body   string
	after  time.Duration
	serve  func(x wire.Exchange) // instead of all of the above
}

// asked is a request as a site saw it.
type asked struct {
	method, url string
	fields      field.Fields
	body        string
}

var serverAddr = netip.MustParseAddr("198.51.100.7")

// everywhere is a name service that knows one address.
type everywhere struct{}

func (everywhere) Addrs(_ context.Context, host string) ([]netip.Addr, error) {
	if strings.HasSuffix(host, "nowhere.test") {
		return nil, fault.New(fault.DNSError, "resolve "+host, errNXDOMAIN)
	}
	return []netip.Addr{serverAddr}, nil
}

type constError string

func (e constError) Error() string { return string(e) }

const errNXDOMAIN = constError("NXDOMAIN")

func inWorld(t *testing.T, pages map[string]answer, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, pages)
		f(w)
		w.close()
		time.Sleep(time.Minute) // what is on its way arrives; time stands still after us
	})
}

func newWorld(t testing.TB, pages map[string]answer) *world {
	w := &world{t: t, net: &memnet.Net{Delay: 10 * ms}, ring: &trace.Ring{}, pages: pages}
	ca, err := cert.NewCA("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.ca = ca
	profile := NewProfile(0)
	w.browser = &Browser{
		Fetch: &fetch.Client{
			Network: w.net.Host(netip.MustParseAddr("192.0.2.1")), Names: everywhere{},
			Roots: ca.Pool(), Sessions: profile.TLS,
		},
		Station: &trace.Station{Name: "browser", Recorder: w.ring},
		Profile: profile,
	}
	leaf, err := ca.Issue("shop.test", "*.shop.test", "other.test")
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	for port, config := range map[uint16]*tls.Config{80: nil, 443: {Certificates: []tls.Certificate{leaf}}} {
		l, err := w.net.Host(serverAddr).Listen(ctx, netip.AddrPortFrom(serverAddr, port))
		if err != nil {
			t.Fatal(err)
		}
		s := &wire.Server{Handler: wire.HandlerFunc(w.serve), TLS: config}
		w.served.Go(func() { s.Serve(ctx, l) })
	}
	return w
}

func (w *world) close() {
	w.browser.Fetch.Close()
	w.stop()
	w.served.Wait()
}

// serve answers a request from the world's pages.
func (w *world) serve(x wire.Exchange) {
	r := x.Request()
	a := asked{method: strings.Clone(r.Method), url: r.Scheme + "://" + r.Authority + r.Path, fields: r.Fields.Clone()}
	if r.Body != nil {
		var b strings.Builder
		buf := make([]byte, 512)
		for {
			n, err := r.Body.Read(buf)
			b.Write(buf[:n])
			if err != nil {
				break
			}
		}
		a.body = b.String()
	}
	w.mu.Lock()
	w.asked = append(w.asked, a)
	w.mu.Unlock()
	p, ok := w.pages[a.url]
	if !ok {
		p = answer{status: 404, fields: "Content-Type: text/plain", body: "nothing here"}
	}
	if p.after > 0 {
		time.Sleep(p.after)
	}
	if p.serve != nil {
		p.serve(x)
		return
	}
	f := fieldsOf(p.fields)
	if etag := f.Get("ETag"); etag != "" && r.Fields.Get("If-None-Match") == etag {
		x.Respond(304, f, 0)
		return
	}
	x.Respond(max(p.status, 200*bit(p.status == 0)), f, int64(len(p.body)))
	x.Write([]byte(p.body))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fieldsOf reads "Name: value" lines.
func fieldsOf(text string) field.Fields {
	var f field.Fields
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			f.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return f
}

// load loads and returns the record beside the result.
func (w *world) load(typed string, o Options) (*Result, []trace.Event) {
	w.t.Helper()
	w.mu.Lock()
	w.asked = nil
	w.mu.Unlock()
	r, err := w.browser.Load(w.t.Context(), typed, o)
	if !errors.Is(err, r.Err) {
		w.t.Errorf("Load returns %v and a result with %v", err, r.Err)
	}
	events, _ := w.ring.Events(r.Trace)
	l := trace.NewLoad(typed, r.Trace, events)
	if n := len(l.Find(trace.KindPageLoad)); n != 1 {
		w.t.Errorf("%d page.load events, want 1", n)
	}
	return r, l.Events
}

// urls lists what the sites were asked for, in order.
func (w *world) urls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, a := range w.asked {
		out = append(out, a.url)
	}
	return out
}

// find lists the events of one kind.
func find(events []trace.Event, kind trace.Kind) []trace.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e trace.Event) bool { return e.Fact.Kind() != kind })
}

// verdicts lists kind's decisions as "verdict url".
func verdicts(events []trace.Event) []string {
	var out []string
	for _, e := range events {
		switch f := e.Fact.(type) {
		case trace.CacheDecision:
			out = append(out, f.Store+" "+e.Decision.Verdict+" "+f.URL)
		case trace.PolicyDecision:
			out = append(out, f.Policy+" "+e.Decision.Verdict+" "+f.URL)
		}
	}
	return out
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const htmlType = "Content-Type: text/html; charset=utf-8"
