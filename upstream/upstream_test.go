package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
	"waypost/fault"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/internal/memnet"
)

// servers is an internet in memory with origin servers on it.
type servers struct {
	t     *testing.T
	net   *memnet.Net
	ctx   context.Context
	group sync.WaitGroup
	mu    sync.Mutex
	asked []string // "address method authority path"
}

var hole = netip.MustParseAddr("192.0.2.99")

// inNet runs f in a bubble with an internet of its own.
func inNet(t *testing.T, f func(s *servers)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := &servers{t: t, net: &memnet.Net{Hole: map[netip.Addr]bool{hole: true}}, ctx: ctx}
		f(s)
		stop()
		s.group.Wait()
	})
}

// listen puts a server at 192.0.2.n; stop ends it.
func (s *servers) listen(n int, h wire.HandlerFunc) (stop func()) {
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 80)
	l, err := s.net.Host(at.Addr()).Listen(s.ctx, at)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	server := &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		r := x.Request()
		s.mu.Lock()
		s.asked = append(s.asked, fmt.Sprintf("%d %s %s %s", n, r.Method, r.Authority, r.Path))
		s.mu.Unlock()
		h(x)
	})}
	done := make(chan struct{})
	s.group.Go(func() {
		defer close(done)
		server.Serve(ctx, l)
	})
	return func() {
		cancel()
		<-done
	}
}

// upstream is the way back to the servers named, which is closed with the
// test.
func (s *servers) upstream(policy cdn.Policy, urls ...string) *Upstream {
	s.t.Helper()
	return s.from(cdn.Origin{URLs: urls}, policy)
}

// from is upstream for an origin with more to it.
func (s *servers) from(origin cdn.Origin, policy cdn.Policy) *Upstream {
	s.t.Helper()
	u, err := New(origin, policy, s.template())
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *servers) template() *fetch.Client {
	return &fetch.Client{Network: s.net.Host(netip.MustParseAddr("192.0.2.200"))}
}

func (s *servers) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

func (s *servers) first() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[0]
}

func (s *servers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func saying(text string) wire.HandlerFunc {
	return func(x wire.Exchange) {
		x.Respond(200, nil, int64(len(text)))
		x.Write([]byte(text))
	}
}

func get(path string) *wire.Request { return &wire.Request{Method: "GET", Path: path} }

// ask makes a trip and reads what it brings.
func ask(u *Upstream, r *wire.Request) (string, *Report, error) {
	resp, report, err := u.Do(context.Background(), r, nil)
	if err != nil {
		return "", report, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), report, err
}

func TestFailover(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(2, saying("second"))
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2")
		defer u.Close()
		body, report, err := ask(u, get("/x"))
		if err != nil || body != "second" {
			t.Fatalf("got %q, %v", body, err)
		}
		f := report.Fact()
		if f.Origin != "http://192.0.2.2" || f.Attempts != 2 || f.Status != 200 || f.Fault != "" || f.Bytes != 6 {
			t.Errorf("report %+v", f)
		}
	})
}

func TestAllFail(t *testing.T) {
	inNet(t, func(s *servers) {
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2", "http://192.0.2.3", "http://192.0.2.4")
		defer u.Close()
		_, report, err := ask(u, get("/x"))
		if fault.Of(err) != fault.ConnectionRefused || report.Fault != fault.ConnectionRefused {
			t.Errorf("error %v, fault %s", err, report.Fault)
		}
		if report.Attempts != maxTries {
			t.Errorf("%d attempts, want %d", report.Attempts, maxTries)
		}
	})
}

// TestIllness follows a server through its illness: three failures, a
// back-off of 1 s, a probe that fails, a back-off of 2 s, a probe that finds
// it back.
func TestIllness(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(2, saying("second"))
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2")
		defer u.Close()
		attempts := func() int {
			_, report, err := ask(u, get("/"))
			if err != nil {
				t.Fatal(err)
			}
			return report.Attempts
		}
		for range tolerated {
			if n := attempts(); n != 2 {
				t.Errorf("%d attempts while the first server is tolerated, want 2", n)
			}
		}
		if n := attempts(); n != 1 {
			t.Errorf("%d attempts while the first server is ill, want 1", n)
		}
		time.Sleep(firstBackoff)
		if n := attempts(); n != 2 {
			t.Errorf("%d attempts after the back-off, want 2: a probe", n)
		}
		time.Sleep(firstBackoff)
		if n := attempts(); n != 1 {
			t.Errorf("%d attempts in the second back-off, want 1", n)
		}
		s.listen(1, saying("first"))
		time.Sleep(firstBackoff)
		if body, _, _ := ask(u, get("/")); body != "first" {
			t.Errorf("got %q after the second back-off, want first", body)
		}
		if body, _, _ := ask(u, get("/")); body != "first" {
			t.Errorf("got %q from a server that is back", body)
		}
	})
}

func TestHealth(t *testing.T) {
	start := time.Unix(0, 0)
	var h health
	for range 20 {
		h.settle(start, ill)
	}
	if h.backoff != firstBackoff {
		t.Errorf("back-off %v: failures within one back-off count once", h.backoff)
	}
	now := start
	for range 20 {
		now = now.Add(maxBackoff)
		if !h.admits(now) || h.admits(now) {
			t.Fatal("one probe, and one only, is admitted after the back-off")
		}
		h.settle(now, ill)
	}
	if h.backoff != maxBackoff {
		t.Errorf("back-off %v, want it bounded by %v", h.backoff, maxBackoff)
	}
	now = now.Add(maxBackoff)
	h.admits(now)
	h.settle(now, unsaid)
	if !h.admits(now) {
		t.Error("a probe whose client left says nothing: another one is due")
	}
	h.settle(now, well)
	if h.backoff != 0 || !h.admits(now) || !h.admits(now) {
		t.Error("a server that answered is well")
	}
}

// TestLastResort: a server that is ill is asked all the same where there is
// no better one.
func TestLastResort(t *testing.T) {
	inNet(t, func(s *servers) {
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1")
		defer u.Close()
		for range 10 {
			ask(u, get("/"))
		}
		s.listen(1, saying("back"))
		if body, _, err := ask(u, get("/")); body != "back" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	policy := cdn.Policy{ConnectTimeout: 3 * time.Second, FirstByteTimeout: 15 * time.Second, IdleTimeout: 7 * time.Second}
	silent := func(x wire.Exchange) { <-x.Context().Done() }
	stalls := func(contentType string) wire.HandlerFunc {
		return func(x wire.Exchange) {
			x.Respond(200, field.Fields{{Name: "Content-Type", Value: contentType}}, -1)
			x.Write([]byte("some"))
			x.Flush()
			<-x.Context().Done()
		}
	}
	for _, tt := range []struct {
		name    string
		url     string
		handler wire.HandlerFunc
		kind    fault.Kind
		timer   string
		after   time.Duration
	}{
		{"connect", "http://192.0.2.99", silent, fault.ConnectionTimeout, "connect 3s", 3 * time.Second},
		{"first byte", "http://192.0.2.1", silent, fault.HTTPResponseTimeout, "first_byte 15s", 15 * time.Second},
		{"body", "http://192.0.2.1", stalls("text/plain"), fault.ConnectionReadTimeout, "body_idle 7s", 7 * time.Second},
		{"events", "http://192.0.2.1", stalls("text/event-stream; charset=utf-8"), fault.ConnectionReadTimeout, "body_idle 5m0s", EventIdle},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inNet(t, func(s *servers) {
				s.listen(1, tt.handler)
				u := s.upstream(policy, tt.url)
				defer u.Close()
				began := time.Now()
				_, report, err := ask(u, get("/slow"))
				if fault.Of(err) != tt.kind || report.Fault != tt.kind {
					t.Errorf("error %v (%s), report %s; want %s", err, fault.Of(err), report.Fault, tt.kind)
				}
				if got := time.Since(began); got != tt.after {
					t.Errorf("after %v, want %v", got, tt.after)
				}
				if got := report.Fact().Timer; got != tt.timer {
					t.Errorf("timer %q, want %q", got, tt.timer)
				}
			})
		})
	}
}

// TestQueue: when all the connections to a server hang, a request waits for
// one as long as for a connection to open, and goes on to the next server.
func TestQueue(t *testing.T) {
	policy := cdn.Policy{ConnectTimeout: 3 * time.Second, FirstByteTimeout: 15 * time.Second}
	for _, tt := range []struct {
		name string
		urls []string
		want string // "" is a failure
	}{
		{"one server", []string{"http://192.0.2.1"}, ""},
		{"two servers", []string{"http://192.0.2.1", "http://192.0.2.2"}, "second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inNet(t, func(s *servers) {
				s.listen(1, func(x wire.Exchange) { <-x.Context().Done() })
				s.listen(2, saying("second"))
				u := s.upstream(policy, tt.urls...)
				defer u.Close()
				var hung sync.WaitGroup
				ctx, cancel := context.WithCancel(s.ctx)
				for range maxConns {
					hung.Go(func() { u.Do(ctx, get("/hangs"), nil) })
				}
				synctest.Wait()
				began := time.Now()
				body, report, err := ask(u, get("/late"))
				if got := time.Since(began); got != 3*time.Second {
					t.Errorf("after %v, want 3s", got)
				}
				f := report.Fact()
				switch {
				case tt.want != "" && (body != tt.want || err != nil || f.Timer != ""):
					t.Errorf("got %q, %v; report %+v", body, err, f)
				case tt.want == "" && (fault.Of(err) != fault.ConnectionLimitReached || f.Fault != "connection_limit_reached" || f.Timer != "queue 3s"):
					t.Errorf("error %v; report %+v", err, f)
				}
				cancel()
				hung.Wait()
			})
		})
	}
}

// TestRepeats: what may be sent to a second server, and what may not.
func TestRepeats(t *testing.T) {
	drops := func(x wire.Exchange) { x.Abort() }
	for _, tt := range []struct {
		name, method, body string
		first              wire.HandlerFunc // nil: nobody listens
		want               string           // "" is a failure
	}{
		{"GET to a server that drops it", "GET", "", drops, "second"},
		{"POST to a server that drops it", "POST", "", drops, ""},
		{"PUT with a body to a server that drops it", "PUT", "abc", drops, ""},
		{"POST that no server has seen", "POST", "abc", nil, "second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inNet(t, func(s *servers) {
				if tt.first != nil {
					s.listen(1, tt.first)
				}
				s.listen(2, saying("second"))
				u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2")
				defer u.Close()
				r := &wire.Request{Method: tt.method, Path: "/"}
				if tt.body != "" {
					r.Body, r.Length = strings.NewReader(tt.body), int64(len(tt.body))
				}
				body, _, err := ask(u, r)
				if body != tt.want || (err == nil) != (tt.want != "") {
					t.Errorf("got %q, %v", body, err)
				}
			})
		})
	}
}

func TestRewriting(t *testing.T) {
	for _, tt := range []struct {
		origin, host      string
		authority, path   string
		wantHost, wantURL string
	}{
		{"http://192.0.2.1", "", "www.shop.test", "/a?b", "www.shop.test", "/a?b"},
		{"http://192.0.2.1", "inner.test", "www.shop.test", "/a", "inner.test", "/a"},
		{"http://192.0.2.1", "", "", "/", "192.0.2.1", "/"},
		{"http://192.0.2.1/base/", "", "h", "/a", "h", "/base/a"},
		{"http://192.0.2.1/base", "", "h", "*", "h", "*"},
		{"http://192.0.2.1/base", "", "h", "/../secret?x=/../", "h", "/base/secret?x=/../"},
		{"http://192.0.2.1/base", "", "h", "/%2e%2E/.%2e/secret", "h", "/base/secret"},
		{"http://192.0.2.1/base", "", "h", "/a/b/..", "h", "/base/a/"},
	} {
		inNet(t, func(s *servers) {
			s.listen(1, saying("ok"))
			u, err := New(cdn.Origin{URLs: []string{tt.origin}, Host: tt.host}, cdn.Policy{},
				&fetch.Client{Network: s.net.Host(netip.MustParseAddr("192.0.2.200"))})
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			method := "GET"
			if tt.path == "*" {
				method = "OPTIONS"
			}
			if _, _, err := ask(u, &wire.Request{Method: method, Authority: tt.authority, Path: tt.path}); err != nil {
				t.Errorf("%s: %v", tt.origin, err)
				return
			}
			if want := "1 " + method + " " + tt.wantHost + " " + tt.wantURL; s.last() != want {
				t.Errorf("%s: the server was asked %q, want %q", tt.origin, s.last(), want)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"ftp://a.test", "origin URL ftp://a.test: the scheme must be http or https"},
		{"http://u:p@a.test", "a user name and password"},
		{"http://a.test/?q", "a query or fragment"},
		{"http://a.test/#f", "a query or fragment"},
		{"a.test", "origin URL a.test: "},
	} {
		_, err := New(cdn.Origin{URLs: []string{tt.url}}, cdn.Policy{}, &fetch.Client{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || fault.Of(err) != fault.ProxyConfigurationError {
			t.Errorf("%s: error %v, want %q in it", tt.url, err, tt.want)
		}
	}
	if _, err := New(cdn.Origin{}, cdn.Policy{}, &fetch.Client{}); err == nil {
		t.Error("an origin without a URL is no origin")
	}
}

// TestClientLeaves: that a client has gone says nothing about the server.
func TestClientLeaves(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(1, func(x wire.Exchange) {
			if x.Request().Path == "/slow" {
				<-x.Context().Done()
				return
			}
			saying("first")(x)
		})
		s.listen(2, saying("second"))
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2")
		defer u.Close()
		for range 2 * tolerated {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_, report, err := u.Do(ctx, get("/slow"), nil)
			cancel()
			if err == nil || report.Attempts != 1 {
				t.Fatalf("error %v after %d attempts, want one", err, report.Attempts)
			}
		}
		if body, _, _ := ask(u, get("/")); body != "first" {
			t.Errorf("got %q: the first server is not ill", body)
		}
	})
}

// TestDeadConnection: a kept connection that the server has given up costs
// one more connection, not an error.
func TestDeadConnection(t *testing.T) {
	inNet(t, func(s *servers) {
		stop := s.listen(1, saying("before"))
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1")
		defer u.Close()
		ask(u, get("/"))
		stop()
		s.listen(1, saying("after"))
		if body, report, err := ask(u, get("/")); body != "after" || report.Trip.Reused {
			t.Errorf("got %q, %v; reused %v", body, err, report.Trip.Reused)
		}
	})
}

// TestRetire: what is under way ends in peace, and leaves nothing behind. The
// bubble would not end with a connection open.
func TestRetire(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(1, func(x wire.Exchange) {
			x.Respond(200, nil, 2)
			x.Write([]byte("a"))
			x.Flush()
			time.Sleep(time.Second)
			x.Write([]byte("b"))
		})
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1")
		bodies := make(chan string)
		go func() {
			body, _, err := ask(u, get("/"))
			if err != nil {
				t.Error(err)
			}
			bodies <- body
		}()
		synctest.Wait()
		u.Retire()
		if body := <-bodies; body != "ab" {
			t.Errorf("got %q", body)
		}
	})
}

func TestReportOfFailure(t *testing.T) {
	inNet(t, func(s *servers) {
		u := s.upstream(cdn.Policy{}, "http://192.0.2.1", "http://192.0.2.2")
		defer u.Close()
		_, report, err := ask(u, get("/x"))
		f := report.Fact()
		if f.Error == "" || f.Status != 0 || f.Fault != "connection_refused" || f.URL != "http://192.0.2.2/x" {
			t.Errorf("report %+v", f)
		}
		var trip *fetch.Error
		if !errors.As(err, &trip) || !strings.HasSuffix(err.Error(), "(after 2 servers)") {
			t.Errorf("error %v", err)
		}
	})
}

// TestMostTelling: of several failures the one is told that says most, with its
// server, in whatever order they came.
func TestMostTelling(t *testing.T) {
	silent := func(x wire.Exchange) { <-x.Context().Done() }
	drops := func(x wire.Exchange) { x.Abort() }
	for _, tt := range []struct {
		name  string
		order []int // 1 is silent, 2 drops, 3 talks nonsense, 9 refuses, 99 is not reached
		kind  fault.Kind
		of    int
	}{
		{"two are silent, one is gone", []int{1, 4, 9}, fault.HTTPResponseTimeout, 4},
		{"gone, silent", []int{9, 1}, fault.HTTPResponseTimeout, 1},
		{"silent, dropped", []int{1, 2}, fault.HTTPResponseTimeout, 1},
		{"silent, nonsense", []int{1, 3}, fault.HTTPResponseTimeout, 1},
		{"nonsense, dropped, gone", []int{3, 2, 9}, fault.HTTPProtocolError, 3},
		{"dropped, not reached", []int{2, 99}, fault.ConnectionTerminated, 2},
		{"not reached, gone", []int{99, 9}, fault.ConnectionTimeout, 99},
		{"gone, gone", []int{9, 8}, fault.ConnectionRefused, 8},
	} {
		inNet(t, func(s *servers) {
			s.listen(1, silent)
			s.listen(4, silent)
			s.listen(2, drops)
			l, err := s.net.Host(netip.MustParseAddr("192.0.2.3")).Listen(s.ctx, netip.MustParseAddrPort("192.0.2.3:80"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s.group.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					io.WriteString(c, "nonsense\r\n\r\n")
					c.Close()
				}
			})
			u := s.upstream(cdn.Policy{}, urls(tt.order...)...)
			defer u.Close()
			_, report, err := ask(u, get("/x"))
			if want := fmt.Sprintf("http://192.0.2.%d", tt.of); fault.Of(err) != tt.kind || report.Fault != tt.kind || report.Origin != want {
				t.Errorf("%s: %v (%s), report %s of %s; want %s of %s", tt.name, err, fault.Of(err), report.Fault, report.Origin, tt.kind, want)
			}
			if report.Attempts < len(tt.order) || report.Timer != nil != (tt.kind.Status() == 504) {
				t.Errorf("%s: %d attempts, timer %v", tt.name, report.Attempts, report.Timer)
			}
		})
	}
}

func ExampleNew() {
	// Two origin servers, asked in order, under the deadlines of a policy.
	u, err := New(cdn.Origin{URLs: []string{"https://a.shop.test", "ftp://b.shop.test"}},
		cdn.DefaultPolicy(), &fetch.Client{})
	fmt.Println(u, err)
	// Output: <nil> origin URL ftp://b.shop.test: the scheme must be http or https
}
