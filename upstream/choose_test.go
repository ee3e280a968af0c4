package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waypost/cdn"
	"waypost/fault"
	"waypost/http/field"
	"waypost/http/wire"
)

// failingWith is a server that answers so.
func failingWith(status int, fields ...string) wire.HandlerFunc {
	return func(x wire.Exchange) {
		var f field.Fields
		for i := 0; i < len(fields); i += 2 {
			f.Add(fields[i], fields[i+1])
		}
		x.Respond(status, f, 4)
		x.Write([]byte("busy"))
	}
}

func urls(hosts ...int) []string {
	var all []string
	for _, n := range hosts {
		all = append(all, fmt.Sprintf("http://192.0.2.%d", n))
	}
	return all
}

func TestByTurns(t *testing.T) {
	inNet(t, func(s *servers) {
		for n := 1; n <= 3; n++ {
			s.listen(n, saying(fmt.Sprint(n)))
		}
		u := s.from(cdn.Origin{URLs: urls(1, 2, 3), Choice: cdn.ByTurns, Weights: []int{3, 1, 0}}, cdn.Policy{})
		defer u.Close()
		order := ""
		for range 8 {
			body, _, _ := ask(u, get("/"))
			order += body
		}
		if order != "11211121" {
			t.Errorf("asked in the order %s", order)
		}
	})
}

// TestByTurnsWhenOneIsGone: the others share what was its.
func TestByTurnsWhenOneIsGone(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(1, saying("1"))
		s.listen(3, saying("3"))
		u := s.from(cdn.Origin{URLs: urls(1, 2, 3), Choice: cdn.ByTurns}, cdn.Policy{})
		defer u.Close()
		attempts := 0
		for range 90 {
			body, report, err := ask(u, get("/"))
			if err != nil || body != "1" && body != "3" {
				t.Fatalf("got %q, %v", body, err)
			}
			attempts += report.Attempts
		}
		if attempts != 90+tolerated {
			t.Errorf("%d attempts, want no more than %d on the one that is gone", attempts, tolerated)
		}
	})
}

// TestDeclined: what one server cannot answer another may; where there is no
// other, the answer goes to the client as it is.
func TestDeclined(t *testing.T) {
	inNet(t, func(s *servers) {
		stop := s.listen(1, failingWith(503))
		s.listen(2, saying("second"))
		u := s.from(cdn.Origin{URLs: urls(1, 2)}, cdn.Policy{})
		defer u.Close()
		var changes []Change
		u.Watch("t1", func(c Change) { changes = append(changes, c) })
		for i := range toleratedErrors + 3 {
			body, report, err := ask(u, get("/"))
			if err != nil || body != "second" || report.Status != 200 {
				t.Fatalf("got %q, %d, %v", body, report.Status, err)
			}
			if want := 2; i < toleratedErrors && report.Attempts != want {
				t.Errorf("request %d: %d attempts", i, report.Attempts)
			} else if i >= toleratedErrors && report.Attempts != 1 {
				t.Errorf("request %d: %d attempts, though the first is ill", i, report.Attempts)
			}
		}
		post := &wire.Request{Method: "POST", Path: "/"}
		time.Sleep(firstBackoff)
		if body, report, _ := ask(u, post); body != "busy" || report.Status != 503 {
			t.Errorf("a POST is not sent twice: got %q", body)
		}
		stop()
		s.listen(1, saying("first"))
		time.Sleep(2 * firstBackoff)
		if body, _, _ := ask(u, get("/")); body != "first" {
			t.Errorf("got %q from a server that is back", body)
		}
		if len(changes) != 2 || changes[0].Up || !changes[1].Up || changes[0].InARow != toleratedErrors || changes[0].LeftAlone != firstBackoff {
			t.Errorf("changes %+v", changes)
		}
		alone := s.from(cdn.Origin{URLs: urls(9, 8)}, cdn.Policy{})
		defer alone.Close()
		s.listen(8, failingWith(503))
		for range 20 {
			if body, report, err := ask(alone, get("/")); err != nil || body != "busy" || report.Status != 503 {
				t.Fatalf("got %q, %d, %v", body, report.Status, err)
			}
		}
	})
}

// TestChecks follows a server through its checks.
func TestChecks(t *testing.T) {
	inNet(t, func(s *servers) {
		var healthy atomic.Bool
		healthy.Store(true)
		s.listen(1, func(x wire.Exchange) {
			if x.Request().Path == "/up" && !healthy.Load() {
				failingWith(500)(x)
				return
			}
			saying("first")(x)
		})
		s.listen(2, saying("second"))
		u := s.from(cdn.Origin{URLs: urls(1, 2), Host: "www.shop.test",
			Check: cdn.Check{Path: "/up", Interval: 10 * time.Second, Up: 2, Down: 3}}, cdn.Policy{})
		defer u.Close()
		began := time.Now()
		var mu sync.Mutex
		var changes []string
		u.Watch("t1", func(c Change) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, fmt.Sprintf("%v %s up %v after %d by check %v", time.Since(began), c.Server, c.Up, c.InARow, c.Check))
		})
		expect := func(want string) {
			t.Helper()
			if body, _, err := ask(u, get("/")); err != nil || body != want {
				t.Errorf("after %v: got %q, %v, want %q", time.Since(began), body, err, want)
			}
		}
		time.Sleep(time.Second)
		expect("first")
		if got := s.first(); got != "1 GET www.shop.test /up" {
			t.Errorf("the check asked %q", got)
		}
		healthy.Store(false)
		time.Sleep(28 * time.Second) // checks at 10 s and 20 s
		expect("first")
		time.Sleep(2 * time.Second) // and at 30 s
		expect("second")
		healthy.Store(true)
		time.Sleep(10 * time.Second)
		expect("second")
		time.Sleep(10 * time.Second)
		expect("first")
		mu.Lock()
		defer mu.Unlock()
		if got, want := strings.Join(changes, "\n"), "30s http://192.0.2.1 up false after 3 by check true\n50s http://192.0.2.1 up true after 2 by check true"; got != want {
			t.Errorf("changes\n%s\nwant\n%s", got, want)
		}
		u.Retire()
		n := s.count()
		time.Sleep(time.Minute)
		if s.count() != n {
			t.Error("a retired upstream checks on")
		}
	})
}

// TestAllDown: when the checks find every server down, they are asked all the
// same.
func TestAllDown(t *testing.T) {
	inNet(t, func(s *servers) {
		s.listen(1, func(x wire.Exchange) {
			if x.Request().Path == "/up" {
				failingWith(404)(x)
				return
			}
			saying("first")(x)
		})
		for _, choice := range []cdn.Choice{cdn.InOrder, cdn.ByTurns} {
			u := s.from(cdn.Origin{URLs: urls(1, 2), Choice: choice, Check: cdn.Check{Path: "/up"}}, cdn.Policy{})
			u.Watch("t1", func(Change) {})
			time.Sleep(time.Minute)
			if body, _, err := ask(u, get("/")); err != nil || body != "first" {
				t.Errorf("got %q, %v", body, err)
			}
			u.Close()
		}
	})
}

// TestParents: each key has its parent, where that is gone another one, and
// then the origin.
func TestParents(t *testing.T) {
	inNet(t, func(s *servers) {
		stops := map[int]func(){}
		for _, n := range []int{11, 12, 13} {
			stops[n] = s.listen(n, saying(fmt.Sprint(n)))
		}
		s.listen(1, saying("origin"))
		u := s.from(cdn.Origin{URLs: urls(1), Parents: urls(11, 12, 13), Host: "origin.test"}, cdn.Policy{})
		defer u.Close()
		choose := func(key string) string {
			t.Helper()
			resp, _, err := u.Do(context.Background(), &wire.Request{Method: "GET", Path: "/", Authority: "www.shop.test"}, []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b := make([]byte, 10)
			n, _ := resp.Body.Read(b)
			return string(b[:n])
		}
		shares, before := map[string]int{}, map[string]string{}
		for i := range 600 {
			key := fmt.Sprintf("shop http://www.shop.test/item/%d", i)
			before[key] = choose(key)
			shares[before[key]]++
		}
		for _, n := range []string{"11", "12", "13"} {
			if shares[n] < 150 || shares[n] > 250 {
				t.Errorf("parent %s has %d of 600 keys", n, shares[n])
			}
		}
		if got := s.first(); !strings.HasSuffix(got, "GET www.shop.test /") {
			t.Errorf("a parent is asked for the site: %q", got)
		}
		stops[12]()
		for key, parent := range before {
			now := choose(key)
			if parent != "12" && now != parent || now == "12" || now == "origin" {
				t.Fatalf("%s moved from %s to %s", key, parent, now)
			}
		}
		stops[11]()
		stops[13]()
		if got := choose("a key"); got != "origin" {
			t.Errorf("without parents: %q", got)
		}
		if got := s.last(); got != "1 GET origin.test /" {
			t.Errorf("the origin is asked %q", got)
		}
	})
}

// TestParentDeclines: what a parent's origin says is an answer; that a parent
// is asked in a circle, or is itself out of order, is not.
func TestParentDeclines(t *testing.T) {
	for _, tt := range []struct {
		name   string
		parent wire.HandlerFunc
		want   string
	}{
		{"the origin fails there", failingWith(504, "Proxy-Status", "waypost-p; error=connection_timeout"), "busy"},
		{"the origin's own 503", failingWith(503, "Cache-Status", "waypost-p; fwd=miss"), "busy"},
		{"a circle", failingWith(502, "Cache-Status", "waypost-p", "Proxy-Status", "waypost-p; error="+string(fault.ProxyLoopDetected)), "origin"},
		{"something before it", failingWith(503), "origin"},
		{"an answer", saying("parent"), "parent"},
	} {
		inNet(t, func(s *servers) {
			s.listen(11, tt.parent)
			s.listen(1, saying("origin"))
			u := s.from(cdn.Origin{URLs: urls(1), Parents: urls(11)}, cdn.Policy{})
			defer u.Close()
			r := get("/")
			r.Authority = "www.shop.test"
			if body, _, err := ask(u, r); err != nil || body != tt.want {
				t.Errorf("%s: got %q, %v", tt.name, body, err)
			}
		})
	}
}

// TestParentChecks follows two parents through their checks: they are asked
// for a word of their own, and one that gives none costs no request a try.
func TestParentChecks(t *testing.T) {
	inNet(t, func(s *servers) {
		var answer [2]atomic.Int32
		var wrong atomic.Bool
		parent := func(i int) wire.HandlerFunc {
			answer[i].Store(204)
			return func(x wire.Exchange) {
				r := x.Request()
				if r.Method != "OPTIONS" {
					saying(fmt.Sprint(11 + i))(x)
					return
				}
				if r.Path != "*" || r.Authority != "www.shop.test" || r.Fields.Get("Max-Forwards") != "0" || r.Fields.Get("CDN-Loop") != "waypost-t1" {
					wrong.Store(true)
				}
				x.Respond(int(answer[i].Load()), nil, 0)
			}
		}
		stop := s.listen(11, parent(0))
		s.listen(12, parent(1))
		s.listen(1, saying("origin"))
		u := s.from(cdn.Origin{URLs: urls(1), Parents: urls(11, 12), Host: "origin.test",
			ParentCheck: cdn.ParentCheck{Host: "www.shop.test", Interval: 10 * time.Second}}, cdn.Policy{})
		defer u.Close()
		var mu sync.Mutex
		var changes []string
		u.Watch("waypost-t1", func(c Change) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, fmt.Sprintf("%s %v", c.Server, c.Up))
		})
		asked := func() string {
			t.Helper()
			seen := ""
			for _, n := range []string{"11", "12", "origin"} {
				for i := range 20 {
					resp, report, err := u.Do(context.Background(), &wire.Request{Method: "GET", Path: "/", Authority: "www.shop.test"}, fmt.Append(nil, "key ", i))
					if err != nil || report.Attempts != 1 {
						t.Fatalf("%v after %d attempts", err, report.Attempts)
					}
					b := make([]byte, 10)
					k, _ := resp.Body.Read(b)
					resp.Body.Close()
					if string(b[:k]) == n {
						seen += n + " "
						break
					}
				}
			}
			return seen
		}
		step := func(what, want string) {
			t.Helper()
			time.Sleep(31 * time.Second) // three checks of each
			if got := asked(); got != want {
				t.Errorf("%s: asked %s, want %s", what, got, want)
			}
		}
		step("both are there", "11 12 ")
		stop()
		step("one is gone", "12 ")
		s.listen(11, parent(0))
		step("it is back", "11 12 ")
		answer[0].Store(401)
		step("it wants a password", "11 12 ")
		answer[0].Store(421)
		step("it does not serve the site", "12 ")
		answer[1].Store(502)
		step("nor can the other", "origin ")
		answer[0].Store(204)
		step("the first does again", "11 ")
		if wrong.Load() {
			t.Error("a check asked for something else")
		}
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(changes, ", "); got != "http://192.0.2.11 false, http://192.0.2.11 true, http://192.0.2.11 false, http://192.0.2.12 false, http://192.0.2.11 true" {
			t.Errorf("changes %s", got)
		}
	})
}

func TestParentURL(t *testing.T) {
	inNet(t, func(s *servers) {
		_, err := New(cdn.Origin{URLs: urls(1), Parents: []string{"http://192.0.2.1/path"}}, cdn.Policy{}, s.template())
		if fault.Of(err) != fault.ProxyConfigurationError {
			t.Errorf("a parent with a path: %v", err)
		}
	})
}
