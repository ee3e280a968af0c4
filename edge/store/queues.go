package store

import "sync"

const (
	// smallShare: the small queue gets a tenth of the bytes (S3-FIFO, §4).
	smallShare = 10
	// maxFreq is where the count of uses ends: two bits (S3-FIFO, §4.1).
	maxFreq = 3
)

// queues decide what leaves. New objects enter the small queue; one that was
// used more than once while there moves to the main queue, the others leave
// early, and so a scan of things that nobody asks for again passes through a
// tenth of the store. The keys of those that left are remembered for a
// while (ghosts): who comes back enters the main queue at once.
type queues struct {
	mu          sync.Mutex
	small, main list
	smallTarget int64 // bytes; beyond it the small queue gives first
	ghosts      ghosts
}

// place is the queue that an object is in.
type place uint8

const (
	nowhere place = iota
	inSmall
	inMain
)

// list is a doubly linked FIFO of objects, through their own links.
type list struct {
	head, tail *Object // head is the newest
	bytes      int64
}

func (l *list) push(o *Object) {
	o.older, o.newer = l.head, nil
	if l.head != nil {
		l.head.newer = o
	} else {
		l.tail = o
	}
	l.head = o
	l.bytes += o.cost
}

func (l *list) remove(o *Object) {
	if o.newer != nil {
		o.newer.older = o.older
	} else {
		l.head = o.older
	}
	if o.older != nil {
		o.older.newer = o.newer
	} else {
		l.tail = o.newer
	}
	o.older, o.newer = nil, nil
	l.bytes -= o.cost
}

func (q *queues) init(ghosts int) { q.ghosts.init(ghosts) }

// enter queues an object that was just stored and is charged with cost.
func (q *queues) enter(o *Object, cost int64) {
	q.mu.Lock()
	o.cost = cost
	if q.ghosts.recall(o.hash) {
		o.place = inMain
		q.main.push(o)
	} else {
		o.place = inSmall
		q.small.push(o)
	}
	q.mu.Unlock()
}

// leave takes o out and returns what it was charged with: 0 when it was not
// queued, because somebody else took it out.
func (q *queues) leave(o *Object) (cost int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch o.place {
	case inSmall:
		q.small.remove(o)
	case inMain:
		q.main.remove(o)
	default:
		return 0
	}
	o.place = nowhere
	return o.cost
}

// grow charges an object that is queued with n bytes more, which may be
// negative. It reports whether it is queued.
func (q *queues) grow(o *Object, n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch o.place {
	case inSmall:
		q.small.bytes += n
	case inMain:
		q.main.bytes += n
	default:
		return false
	}
	o.cost += n
	return true
}

// succeed puts n into the place of o, charged with cost. It returns what o
// was charged with, and false when o is not queued.
func (q *queues) succeed(o, n *Object, cost int64) (was int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.small
	switch o.place {
	case inMain:
		l = &q.main
	case nowhere:
		return 0, false
	}
	n.cost, n.place = cost, o.place
	n.uses.Store(o.uses.Load())
	n.older, n.newer = o.older, o.newer
	if n.newer != nil {
		n.newer.older = n
	} else {
		l.head = n
	}
	if n.older != nil {
		n.older.newer = n
	} else {
		l.tail = n
	}
	l.bytes += cost - o.cost
	o.place, o.older, o.newer = nowhere, nil, nil
	return o.cost, true
}

// victim takes out the object that is to leave, or returns nil when there is
// none (S3-FIFO, Algorithm 1). One in somebody's hands stays. An object goes
// round the main queue at most maxFreq times, so this ends.
func (q *queues) victim() *Object {
	q.mu.Lock()
	defer q.mu.Unlock()
	for skipped := 0; skipped < maxHeldSkips; {
		o := q.small.tail
		if o != nil && (q.small.bytes > q.smallTarget || q.main.tail == nil) {
			q.small.remove(o)
			held := o.body.holds.Load() > 0
			if held || o.uses.Load() > 1 {
				if held {
					skipped++
				}
				o.uses.Store(0)
				o.place = inMain
				q.main.push(o)
				continue
			}
			o.place = nowhere
			q.ghosts.remember(o.hash)
			return o
		}
		if o = q.main.tail; o == nil {
			return nil
		}
		q.main.remove(o)
		if o.body.holds.Load() > 0 {
			skipped++
			q.main.push(o)
			continue
		}
		if uses := o.uses.Load(); uses > 0 {
			o.uses.Store(uses - 1)
			q.main.push(o)
			continue
		}
		o.place = nowhere
		return o
	}
	return nil
}

// evict makes room by one object. It reports false when there is none to
// evict.
func (m *Memory) evict() bool {
	o := m.queues.victim()
	if o == nil {
		return false
	}
	s := m.shard(o.hash)
	s.mu.Lock()
	m.unlist(o)
	s.mu.Unlock()
	m.discharge(o, o.cost)
	return true
}

// unlist takes o out of the table. The shard is locked.
func (m *Memory) unlist(o *Object) {
	n := m.table.find(o.hash, []byte(o.Key))
	if n == nil {
		return
	}
	before := n.entry.Load()
	after := before.without(o)
	if after != before {
		m.count.Add(-1)
		m.table.put(o.hash, o.Key, after)
	}
}
