package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

func key(i int) []byte { return fmt.Appendf(nil, "shop https://www.shop.test/item/%d", i) }

// A working set that is used survives a scan many times the store's size.
func TestScanResistance(t *testing.T) {
	m := NewMemorySeeded(4<<20, 1)
	for i := range 100 {
		keep(t, m, string(key(i)), 4<<10)
	}
	for range 3 {
		for i := range 100 {
			m.Get(key(i)).Select(rules, nil)
		}
	}
	for i := range 10000 {
		keep(t, m, string(key(1000+i)), 4<<10)
	}
	left := 0
	for i := range 100 {
		if m.Get(key(i)) != nil {
			left++
		}
	}
	if left != 100 {
		t.Errorf("%d of 100 used objects survived the scan", left)
	}
	if m.Bytes() > m.Limit() {
		t.Errorf("%d bytes in use", m.Bytes())
	}
}

// Who was evicted early and comes back is kept longer this time.
func TestGhostReturns(t *testing.T) {
	m := NewMemorySeeded(1<<20, 1)
	scan := func(from, n int) {
		for i := range n {
			keep(t, m, string(key(from+i)), 4<<10)
		}
	}
	keep(t, m, "back", 1000)
	scan(0, 300)
	if m.Get([]byte("back")) != nil {
		t.Fatal("it was not evicted")
	}
	keep(t, m, "back", 1000)
	if o := m.Get([]byte("back")).Variants[0]; o.place != inMain {
		t.Errorf("a ghost that returns is in queue %d", o.place)
	}
	m.Get([]byte("back")).Select(rules, nil)
	scan(1000, 300)
	if m.Get([]byte("back")) == nil {
		t.Error("it was evicted again though it was used")
	}
}

// The same seed and the same requests leave the same objects.
func TestEvictionIsDeterministic(t *testing.T) {
	run := func() (left string) {
		m := NewMemorySeeded(1<<20, 42)
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 5000 {
			k := key(int(rnd.ExpFloat64() * 100))
			if m.Get(k).Select(rules, nil) == nil {
				keep(t, m, string(k), 1+rnd.IntN(8<<10))
			}
		}
		for i := range 2000 {
			if m.Get(key(i)) != nil {
				left += fmt.Sprint(i, " ")
			}
		}
		return left
	}
	if a, b := run(), run(); a != b {
		t.Errorf("two runs left\n%s\n%s", a, b)
	}
}

// Whatever happens in whatever order, the bytes in use stay within the
// limit, and nothing is left when everything is purged.
func TestAccounting(t *testing.T) {
	const limit = 2 << 20
	m := NewMemory(limit)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 7))
			for range 3000 {
				anything(t, m, rnd)
				if used := m.Bytes(); used > limit || used < 0 {
					t.Errorf("%d bytes in use, the limit is %d", used, limit)
				}
			}
		})
	}
	wg.Wait()
	stored := 0
	for i := range 200 {
		if e := m.Get(key(i)); e != nil {
			stored += len(e.Variants)
		}
	}
	if m.Len() != stored {
		t.Errorf("Len = %d, found %d", m.Len(), stored)
	}
	if queued := m.queues.small.bytes + m.queues.main.bytes; queued != m.Bytes() {
		t.Errorf("%d bytes queued, %d in use", queued, m.Bytes())
	}
	if n := purgeAll(m); n != stored || m.Bytes() != 0 || m.Len() != 0 {
		t.Errorf("after the purge: %d (of %d): %d bytes, %d objects", n, stored, m.Bytes(), m.Len())
	}
	if m.queues.small.tail != nil || m.queues.main.tail != nil {
		t.Error("objects are still queued")
	}
}

// anything does one random thing to the store.
func anything(t *testing.T, m *Memory, rnd *rand.Rand) {
	k := key(rnd.IntN(200))
	switch rnd.IntN(11) {
	case 10:
		if o := m.Get(k).Select(rules, nil); o != nil {
			m.SetForm(o, []string{"br", "gzip"}[rnd.IntN(2)], make([]byte, rnd.IntN(5000)))
		}
	case 0:
		m.Purge(k)
	case 1:
		if o := m.Get(k).Select(rules, nil); o != nil {
			m.Refresh(k, o, response(nil))
		}
	case 2, 3, 4, 5:
		if o := m.Get(k).Select(rules, nil); o != nil {
			if got := readAll(t, o); int64(len(got)) != o.Size() {
				t.Errorf("read %d bytes of %d", len(got), o.Size())
			}
		}
	default:
		lead, join := m.Begin(k)
		if lead == nil {
			if o, err := join.Head(t.Context()); err == nil {
				if r, err := o.Reader(0, -1); err == nil {
					r.Next(t.Context())
					r.Close()
				}
			}
			return
		}
		size := rnd.IntN(40 << 10)
		if rnd.IntN(20) == 0 {
			size = rnd.IntN(1 << 20) // more than one object may take
		}
		announced := int64(size)
		if rnd.IntN(2) == 0 {
			announced = -1
		}
		lead.Start(response(nil), announced, rnd.IntN(10) > 0, nil)
		lead.Write(make([]byte, size))
		if rnd.IntN(5) == 0 {
			lead.Abort(nil)
			return
		}
		lead.Commit()
	}
}

// What Bytes says is what the heap says.
func TestBytesAreHonest(t *testing.T) {
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	for _, size := range []int{100, 1000, 10000, 100000} {
		before := heap()
		m := NewMemory(64 << 20)
		table := heap()
		for i := range 32 << 20 / (size + 1000) {
			keep(t, m, string(key(i)), size)
		}
		real, said := heap()-table, m.Bytes()
		if ratio := float64(said) / float64(real); ratio < 0.97 || ratio > 1.25 {
			t.Errorf("bodies of %d bytes: Bytes says %d, the heap %d (%.2f)", size, said, real, ratio)
		}
		if fixed := m.limit - m.capacity; float64(table-before) > 1.2*float64(fixed)+64<<10 {
			t.Errorf("the empty store takes %d bytes, set aside are %d", table-before, fixed)
		}
		runtime.KeepAlive(m)
	}
}

func TestHitDoesNotAllocate(t *testing.T) {
	m := NewMemory(1 << 20)
	keep(t, m, "shop https://www.shop.test/", 1024)
	k := []byte("shop https://www.shop.test/")
	n := 0
	allocs := testing.AllocsPerRun(1000, func() {
		o := m.Get(k).Select(rules, nil)
		for _, c := range o.Chunks() {
			n += len(c)
		}
	})
	if allocs != 0 {
		t.Errorf("a hit allocates %v times", allocs)
	}
}

// Readers see only whole entries while the table changes under them.
func TestConcurrentHits(t *testing.T) {
	m := NewMemory(1 << 20)
	done := time.Now().Add(200 * time.Millisecond)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 3))
			for time.Now().Before(done) {
				k := rnd.IntN(300)
				if o := m.Get(key(k)).Select(rules, nil); o != nil {
					if o.Key != string(key(k)) || o.Size() != int64(k*10) || len(o.Chunks()) == 0 && k > 0 {
						t.Errorf("key %d leads to %q with %d bytes", k, o.Key, o.Size())
					}
					continue
				}
				fill(m, string(key(k)), make([]byte, k*10), int64(k*10)) // a purge of another's may keep it out
				if rnd.IntN(10) == 0 {
					m.Purge(key(k))
				}
			}
		})
	}
	wg.Wait()
}
