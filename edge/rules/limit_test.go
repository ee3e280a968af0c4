package rules

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/cdn"
)

func mustLimit(t testing.TB, in cdn.Limit) *Limit {
	t.Helper()
	in.Name = "api"
	l, err := NewLimit(in)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var visitor = netip.MustParseAddr("192.0.2.1")

// TestLimitRate: a burst, then the rate, to the nanosecond.
func TestLimitRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustLimit(t, cdn.Limit{Rate: 2, Burst: 3})
		for i, tt := range []struct {
			after     time.Duration
			allowed   bool
			remaining int
			wait      time.Duration
		}{
			{0, true, 2, 0},
			{0, true, 1, 0},
			{0, true, 0, 0},
			{0, false, 0, 500 * time.Millisecond},
			{499 * time.Millisecond, false, 0, time.Millisecond},
			{time.Millisecond, true, 0, 0},
			{0, false, 0, 500 * time.Millisecond},
			{time.Second, true, 1, 0},
			{time.Hour, true, 2, 0},
		} {
			time.Sleep(tt.after)
			if c := l.Take(time.Now(), visitor); c.Allowed != tt.allowed || c.Remaining != tt.remaining || c.Wait != tt.wait || c.Concurrent != 0 {
				t.Errorf("request %d: %+v, want %+v", i, c, tt)
			}
		}
		if c := l.Take(time.Now(), netip.MustParseAddr("192.0.2.2")); !c.Allowed || c.Remaining != 2 {
			t.Errorf("another client: %+v", c)
		}
	})
}

func TestLimitConcurrent(t *testing.T) {
	l := mustLimit(t, cdn.Limit{Concurrent: 2})
	now := time.Now()
	for i, want := range []bool{true, true, false} {
		if c := l.Take(now, visitor); c.Allowed != want || c.Concurrent != min(i+1, 2) {
			t.Errorf("request %d: %+v", i, c)
		}
	}
	l.Release(visitor)
	if c := l.Take(now, visitor); !c.Allowed {
		t.Errorf("after one was answered: %+v", c)
	}
	l.Release(visitor)
	l.Release(visitor)
	l.Release(visitor) // once too often
	if c := l.Take(now, visitor); !c.Allowed || c.Concurrent != 1 {
		t.Errorf("after all were answered: %+v", c)
	}
}

// TestLimitClients: who counts as one.
func TestLimitClients(t *testing.T) {
	for _, tt := range []struct {
		v4, v6 int
		a, b   string
		one    bool
	}{
		{0, 0, "192.0.2.1", "192.0.2.2", false},
		{24, 0, "192.0.2.1", "192.0.2.2", true},
		{24, 0, "192.0.2.1", "192.0.3.1", false},
		{0, 0, "2001:db8::1", "2001:db8::ffff:1", true},
		{0, 0, "2001:db8::1", "2001:db8:0:1::1", false},
		{0, 48, "2001:db8::1", "2001:db8:0:1::1", true},
		{0, 0, "192.0.2.1", "::ffff:192.0.2.1", true},
		{0, 0, "fe80::1%eth0", "fe80::1%eth1", true},
	} {
		l := mustLimit(t, cdn.Limit{Rate: 1, Burst: 1, Prefix4: tt.v4, Prefix6: tt.v6})
		now := time.Now()
		l.Take(now, netip.MustParseAddr(tt.a))
		if c := l.Take(now, netip.MustParseAddr(tt.b)); c.Allowed == tt.one {
			t.Errorf("/%d /%d: %s and %s are one client: %v, want %v", tt.v4, tt.v6, tt.a, tt.b, !c.Allowed, tt.one)
		}
	}
}

// TestLimitTableIsBounded: under a flood of addresses the table stays as it
// is, and who has requests under way is not forgotten for it.
func TestLimitTableIsBounded(t *testing.T) {
	l := mustLimit(t, cdn.Limit{Rate: 1, Burst: 1, Concurrent: 1, Prefix6: 128})
	now := time.Now()
	l.Take(now, visitor)
	rnd := rand.New(rand.NewPCG(1, 2))
	n := testing.AllocsPerRun(200000, func() {
		var b [16]byte
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		b[0] = 0x20
		a := netip.AddrFrom16(b)
		if c := l.Take(now, a); c.Allowed {
			l.Release(a)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c := l.Take(now.Add(time.Hour), visitor); c.Allowed {
		t.Error("a client with a request under way was forgotten")
	}
}

func TestLimitFields(t *testing.T) {
	l := mustLimit(t, cdn.Limit{Rate: 2, Burst: 5, Tell: true})
	policy, ok := l.AppendPolicy(nil)
	count := l.AppendCount(nil, l.Take(time.Now(), visitor))
	if string(policy) != `"api";q=5;w=3` || !ok || string(count) != `"api";r=4;t=1` {
		t.Errorf("%s, %s", policy, count)
	}
	if _, ok := mustLimit(t, cdn.Limit{Rate: 2}).AppendPolicy(nil); ok {
		t.Error("told though not asked to")
	}
}

// TestLimitsGoOn: a new configuration with the same limit goes on counting.
func TestLimitsGoOn(t *testing.T) {
	site := &cdn.Site{Rules: cdn.Rules{Limits: []cdn.Limit{{Name: "api", Rate: 1}, {Name: "x", Rate: 2}}}}
	before, err := Compile(site, nil)
	if err != nil {
		t.Fatal(err)
	}
	site.Rules.Limits = []cdn.Limit{{Name: "x", Rate: 3}, {Name: "api", Rate: 1}}
	after, err := Compile(site, before)
	if err != nil || after.Limits[1] != before.Limits[0] || after.Limits[0] == before.Limits[1] {
		t.Errorf("%v: %v after %v", err, after.Limits, before.Limits)
	}
}

func TestLimitRefused(t *testing.T) {
	for _, tt := range []struct {
		in   cdn.Limit
		want string
	}{
		{cdn.Limit{Name: "a"}, "bounds nothing"},
		{cdn.Limit{Name: "a b", Rate: 1}, "write a word"},
		{cdn.Limit{Name: "a", Rate: 1e9}, "a million"},
		{cdn.Limit{Name: "a", Rate: 0.0001}, "15 minutes"},
		{cdn.Limit{Name: "a", Rate: 1, Prefix4: 33}, "8 to 32"},
		{cdn.Limit{Name: "a", Rate: 1, Prefix6: 8}, "16 to 128"},
		{cdn.Limit{Name: "a", Rate: 1, Path: "x"}, "begins with /"},
	} {
		if _, err := NewLimit(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.in, err, tt.want)
		}
	}
}

// Many at once are allowed no more than one after another.
func TestLimitIsExactUnderLoad(t *testing.T) {
	l := mustLimit(t, cdn.Limit{Rate: 1, Burst: 100})
	now := time.Now()
	var mu sync.Mutex
	allowed := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if l.Take(now, visitor).Allowed {
					mu.Lock()
					allowed++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if allowed != 100 {
		t.Errorf("%d of 800 were allowed, want 100", allowed)
	}
}

func BenchmarkLimit(b *testing.B) {
	l := mustLimit(b, cdn.Limit{Rate: 1000, Burst: 100})
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		l.Take(now, visitor)
	}
}
