package store

import (
	"fmt"
	"testing"

	"waypost/http/cache"
)

// kept stores a body of n bytes under key and returns it.
func keptObject(t *testing.T, m *Memory, key string, n int) *Object {
	t.Helper()
	f := m.BeginAlone([]byte(key))
	o := f.Start(&cache.Response{Status: 200}, int64(n), true, nil)
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	f.Commit()
	return o
}

// TestHeldIsCounted: what readers have in their hands counts until they let
// go, dropped or not, and everything together stays within the limit.
func TestHeldIsCounted(t *testing.T) {
	const size = 1 << 20
	m := NewMemory(16 << 20)
	empty := m.Bytes()
	var held []*Object
	for i := range 100 {
		o := keptObject(t, m, fmt.Sprint(i), size)
		if o.Hold() {
			held = append(held, o)
		}
		if i%2 == 0 {
			m.Purge([]byte(o.Key))
		}
		if m.Bytes() > m.Limit() {
			t.Fatalf("%d bytes of %d", m.Bytes(), m.Limit())
		}
	}
	inHand := 0
	for _, o := range held {
		if o.Complete() && o.body.kept {
			inHand += size
		}
	}
	if int64(inHand) > m.capacity/heldShare || int64(inHand) < m.capacity/heldShare-size {
		t.Errorf("%d bytes are kept for those who hold them, want half of %d", inHand, m.capacity)
	}
	// The other half is for others.
	for i := range 1000 {
		keptObject(t, m, fmt.Sprint("small ", i), 8<<10)
	}
	if n := m.Len(); n < 500 {
		t.Errorf("%d objects are stored beside those", n)
	}
	for _, o := range held {
		o.LetGo()
	}
	purgeAll(m)
	if m.Bytes() != empty || m.held.Load() != 0 {
		t.Errorf("%d bytes are left, %d held", m.Bytes()-empty, m.held.Load())
	}
}
