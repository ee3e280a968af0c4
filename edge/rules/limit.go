package rules

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"waypost/cdn"
)

// Limit bounds what each client may ask for: how often, by a token bucket,
// and how much at a time. It is safe for concurrent use.
type Limit struct {
	in   cdn.Limit
	path *Pattern
	// The bucket as a theoretical arrival time (GCRA, ITU-T I.371 §A.1): each
	// request moves a client's time on by interval, and is refused when that
	// is more than depth ahead of now. One number says it all.
	interval, depth int64 // nanoseconds
	base            time.Time
	seed            maphash.Seed
	locks           [limitLocks]sync.Mutex // of every so many sets
	sets            [limitSets][limitWays]client
}

// Limits of the table of clients. It has a fixed size: an attack from more
// addresses than it has room for makes it forget those that have asked for
// least lately, who then may ask again. That is the price of a bound.
const (
	limitSets  = 1 << 12
	limitWays  = 8 // 32,768 clients in 768 KiB
	limitLocks = 64
	// MaxRate bounds the requests per second that can be told apart, MinRate
	// a client's patience: one in a quarter of an hour.
	MaxRate = 1e6
	MinRate = 1.0 / 900
)

// client is one place of the table.
type client struct {
	hash   uint64 // of the prefix; 0: nobody's
	time   int64  // theoretical arrival time, since base
	active int32  // requests being answered
}

// The bits of an address that make a client where nothing is said: one IPv4
// address, and the network that an IPv6 site has (RFC 6177).
const (
	DefaultPrefix4 = 32
	DefaultPrefix6 = 64
)

// NewLimit makes a limit.
func NewLimit(in cdn.Limit) (*Limit, error) {
	if in.Prefix4 == 0 {
		in.Prefix4 = DefaultPrefix4
	}
	if in.Prefix6 == 0 {
		in.Prefix6 = DefaultPrefix6
	}
	if in.Burst == 0 {
		in.Burst = int(max(1, math.Ceil(in.Rate)))
	}
	l := &Limit{in: in, base: time.Now(), seed: maphash.MakeSeed()}
	var err error
	switch l.path, err = pathPattern(in.Path); {
	case err != nil:
		return nil, fmt.Errorf("path %q: %w", in.Path, err)
	case !isToken(in.Name):
		return nil, fmt.Errorf("name %q: write a word such as login", in.Name)
	case in.Rate == 0 && in.Concurrent == 0:
		return nil, errors.New("it bounds nothing: give rate or concurrent")
	case in.Rate != 0 && (in.Rate < MinRate || in.Rate > MaxRate):
		return nil, fmt.Errorf("a rate of %v is not between one request in 15 minutes and a million per second", in.Rate)
	case in.Burst < 0 || in.Burst > MaxRate || in.Concurrent < 0 || in.Concurrent > math.MaxInt32:
		return nil, errors.New("burst and concurrent are numbers of requests, a million at most")
	case in.Prefix4 < 8 || in.Prefix4 > 32:
		return nil, fmt.Errorf("an IPv4 prefix of %d bits: write 8 to 32", in.Prefix4)
	case in.Prefix6 < 16 || in.Prefix6 > 128:
		return nil, fmt.Errorf("an IPv6 prefix of %d bits: write 16 to 128", in.Prefix6)
	}
	if in.Rate > 0 {
		l.interval = int64(float64(time.Second) / in.Rate)
		l.depth = int64(in.Burst-1) * l.interval
	}
	return l, nil
}

// same returns the limit with these settings that is at work already.
func same(before *Set, in cdn.Limit) *Limit {
	if before != nil {
		for i, was := range before.limitsAsRead {
			if was == in {
				return before.Limits[i]
			}
		}
	}
	return nil
}

// Name is what the limit is called.
func (l *Limit) Name() string { return l.in.Name }

// Fits reports whether the limit is for a path.
func (l *Limit) Fits(path string) bool { return l.path.Match(path, nil) }

// Counts reports whether requests are to be released.
func (l *Limit) Counts() bool { return l.in.Concurrent > 0 }

// Client is the prefix that stands for the client at an address.
func (l *Limit) Client(addr netip.Addr) netip.Prefix { return l.in.ClientPrefix(addr) }

// Count is what became of one request.
type Count struct {
	Allowed    bool
	Remaining  int           // requests that would be allowed at once
	Wait       time.Duration // when one will be, where this was not
	Full       time.Duration // when the bucket is full again
	Concurrent int           // being answered, this one included; 0 where they are not counted
	Busy       bool          // it was not allowed for those being answered
}

// busyWait is when to ask again where too many requests are being answered:
// nobody can know, and a second is no burden.
const busyWait = time.Second

// Take counts a request of the client at an address. What it allows is to be
// released, where the limit [Limit.Counts]. It does not allocate.
func (l *Limit) Take(now time.Time, addr netip.Addr) Count {
	hash, set, lock := l.find(addr)
	at := int64(now.Sub(l.base))
	lock.Lock()
	defer lock.Unlock()
	c := seat(set, hash, at)
	count := Count{Concurrent: int(c.active) + 1}
	switch {
	case l.in.Concurrent > 0 && int(c.active) >= l.in.Concurrent:
		count.Concurrent, count.Wait, count.Busy = int(c.active), busyWait, true
	case c.time-at > l.depth && l.interval > 0:
		count.Concurrent, count.Wait = int(c.active), time.Duration(c.time-at-l.depth)
	default:
		count.Allowed = true
		c.time = max(c.time, at) + l.interval
		if l.in.Concurrent > 0 {
			c.active++
		}
	}
	if l.interval > 0 {
		ahead := max(0, c.time-at)
		count.Full = time.Duration(ahead)
		count.Remaining = max(0, l.in.Burst-int((ahead+l.interval-1)/l.interval))
	} else {
		count.Remaining = l.in.Concurrent - int(c.active)
	}
	if l.in.Concurrent == 0 {
		count.Concurrent = 0
	}
	return count
}

// Release says that a request has been answered.
func (l *Limit) Release(addr netip.Addr) {
	hash, set, lock := l.find(addr)
	lock.Lock()
	defer lock.Unlock()
	for i := range set {
		if set[i].hash == hash && set[i].active > 0 {
			set[i].active--
		}
	}
}

// find returns where the client at an address may stand.
func (l *Limit) find(addr netip.Addr) (hash uint64, set *[limitWays]client, lock *sync.Mutex) {
	prefix := l.in.ClientPrefix(addr)
	var b [17]byte
	as16 := prefix.Addr().As16()
	copy(b[:], as16[:])
	b[16] = byte(prefix.Bits())
	hash = max(1, maphash.Bytes(l.seed, b[:]))
	n := hash % limitSets
	return hash, &l.sets[n], &l.locks[n%limitLocks]
}

// seat returns the client's place in its set. A new one takes that of
// nobody, or of the client who is furthest behind and has nothing under way.
func seat(set *[limitWays]client, hash uint64, at int64) *client {
	worst := &set[0]
	for i := range set {
		c := &set[i]
		if c.hash == hash {
			return c
		}
		switch {
		case worst.hash == 0:
		case c.hash == 0,
			c.active == 0 && worst.active > 0,
			(c.active == 0) == (worst.active == 0) && c.time < worst.time:
			worst = c
		}
	}
	*worst = client{hash: hash, time: at}
	return worst
}

// AppendPolicy appends the member of RateLimit-Policy (draft-ietf-httpapi-
// ratelimit-headers): how many requests in how many seconds. ok is false where the limit is
// not to be told.
func (l *Limit) AppendPolicy(dst []byte) (out []byte, ok bool) {
	if !l.in.Tell || l.interval == 0 {
		return dst, false
	}
	dst = append(append(append(dst, '"'), l.in.Name...), `";q=`...)
	dst = strconv.AppendInt(dst, int64(l.in.Burst), 10)
	window := int64(l.in.Burst) * l.interval
	return strconv.AppendInt(append(dst, ";w="...), Seconds(time.Duration(window)), 10), true
}

// AppendCount appends the member of RateLimit: what remains, and when all of
// it is there again.
func (l *Limit) AppendCount(dst []byte, c Count) []byte {
	dst = append(append(append(dst, '"'), l.in.Name...), `";r=`...)
	dst = strconv.AppendInt(dst, int64(c.Remaining), 10)
	return strconv.AppendInt(append(dst, ";t="...), Seconds(c.Full), 10)
}

// Seconds is d in whole seconds, one begun counted as one, as Retry-After
// wants it: who comes then is not refused for the rest of a second.
func Seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
