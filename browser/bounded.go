package browser

import (
	"container/list"
	"sync"
)

// bounded is a map that holds a number of bytes at most: what has not been
// used for the longest goes first. It is safe for concurrent use.
type bounded[V any] struct {
	mu      sync.Mutex
	max     int64
	size    int64
	entries map[string]*list.Element
	order   list.List // of *boundedEntry[V], the latest used first
}

type boundedEntry[V any] struct {
	key   string
	value V
	cost  int64
}

// entryCost is what an entry costs beside its own bytes: map, list and
// pointers.
const entryCost = 256

func newBounded[V any](max int64) *bounded[V] {
	return &bounded[V]{max: max, entries: make(map[string]*list.Element)}
}

// get returns the value under key, or the zero value.
func (b *bounded[V]) get(key string) (value V, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[key]
	if e == nil {
		return value, false
	}
	b.order.MoveToFront(e)
	return e.Value.(*boundedEntry[V]).value, true
}

// update puts f of what is under key in its place; old is the zero value
// where there is nothing, and keep false removes the entry. What is larger
// than the whole is not kept.
func (b *bounded[V]) update(key string, f func(old V) (value V, cost int64, keep bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var old V
	if e := b.entries[key]; e != nil {
		old = e.Value.(*boundedEntry[V]).value
		b.remove(e)
	}
	value, cost, keep := f(old)
	cost += int64(len(key)) + entryCost
	if !keep || cost > b.max {
		return
	}
	b.entries[key] = b.order.PushFront(&boundedEntry[V]{key, value, cost})
	b.size += cost
	for b.size > b.max {
		b.remove(b.order.Back())
	}
}

// put puts value under key.
func (b *bounded[V]) put(key string, value V, cost int64) {
	b.update(key, func(V) (V, int64, bool) { return value, cost, true })
}

// del removes what is under key.
func (b *bounded[V]) del(key string) {
	b.update(key, func(old V) (V, int64, bool) { return old, 0, false })
}

func (b *bounded[V]) remove(e *list.Element) {
	entry := e.Value.(*boundedEntry[V])
	b.order.Remove(e)
	delete(b.entries, entry.key)
	b.size -= entry.cost
}

// bytes is what the entries cost now.
func (b *bounded[V]) bytes() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}
