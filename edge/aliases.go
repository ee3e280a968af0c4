package edge

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"waypost/http/cache"
	"waypost/http/field"
)

// aliases remember which stored response answers for queries that differ from
// its own in what does not matter (No-Vary-Search). Objects stay under their
// exact keys; beside the store stand two bounded tables, learned from what is
// stored:
//
//	path                           the policies that its responses have had lately
//	path, policy, query under it   the exact key of the latest object with it
//
// "Path" is a key without its query: a response speaks for its own path, with
// its own cookies and device (sites[].key), and no other. What the tables say
// is a hint: who follows it holds the object found against the policy and the
// queries against each other once more (alias.go). So whatever is lost,
// outdated or, by two equal hashes, wrong costs a trip to the origin and
// nothing else. They are not on disk; they are learned again.
//
// They are safe for concurrent use; the zero value is ready.
type aliases struct {
	some  atomic.Bool // a response has had a policy: else nobody looks further
	mu    sync.RWMutex
	seed  maphash.Seed
	paths clock[policies]
	homes clock[string]
	known map[string]*policy // to hold each text once
}

// Limits of the aliases: 30 MB at the most, with keys as long as they may be.
const (
	// maxPaths bounds the paths whose policies are known: what a large shop's
	// visitors ask for between two of its deployments.
	maxPaths = 1 << 14
	// maxPolicies is how many of one path are followed: the latest and, while
	// a server is being changed, the one before. The draft has servers send one
	// and lets caches follow only the latest (§7).
	maxPolicies = 2
	// maxAliases bounds the keys that others stand for. There may be more
	// objects in the store: those of paths whose queries matter need none.
	maxAliases = 1 << 15
	// maxAliasKey bounds the length of such a key, so that nobody buys much
	// memory with one long query.
	maxAliasKey = 768
	// maxKnown bounds the texts that paths share; beyond it sharing begins
	// anew.
	maxKnown = 256
)

// policy is a No-Vary-Search field: its text as it was sent, by which it is
// recognised, and what it means.
type policy struct {
	text string
	cache.NoVarySearch
}

// policies are those of one path, the latest first.
type policies [maxPolicies]*policy

// saidBy reports whether a response has the policy.
func (p *policy) saidBy(f field.Fields) bool { return f.Join("No-Vary-Search") == p.text }

// place is a key in its parts.
type place struct {
	front  string // up to the query: site, origin and path
	target int    // where in front the path begins
	query  string
	ending string // by the site's key rules, with its space
}

// placeOf takes a key of that site apart.
func placeOf(site, key string) place {
	origin := len(site) + 1
	scheme := strings.Index(key[origin:], "://") + len("://")
	path := strings.IndexByte(key[origin+scheme:], '/')
	p := place{front: key, target: origin + scheme + max(path, 0)}
	if i := strings.IndexByte(p.front[p.target:], ' '); i >= 0 {
		p.front, p.ending = key[:p.target+i], key[p.target+i:]
	}
	if i := strings.IndexByte(p.front[p.target:], '?'); i >= 0 {
		p.front, p.query = p.front[:p.target+i], p.front[p.target+i+1:]
	}
	return p
}

// targetOf is path and query of the key that p was taken from.
func (p *place) targetOf(key string) string { return key[p.target : len(key)-len(p.ending)] }

// learn takes in what is stored under a key of that site. The key is kept.
func (a *aliases) learn(site, key string, f field.Fields) {
	if !f.Has("No-Vary-Search") || len(key) > maxAliasKey {
		return
	}
	p := &policy{text: f.Join("No-Vary-Search"), NoVarySearch: cache.ReadNoVarySearch(f)}
	if p.IsDefault() {
		return
	}
	at := placeOf(site, key)
	query, ok := p.AppendQuery(nil, at.query)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.some.Load() {
		a.seed, a.known = maphash.MakeSeed(), make(map[string]*policy)
		a.some.Store(true)
	}
	p = a.shared(p)
	path := a.hash(&at, nil, nil)
	followed, _ := a.paths.get(path)
	if followed[0] != p {
		if followed[0] == nil || followed[0].text != p.text {
			followed[1] = followed[0]
		}
		followed[0] = p
		a.paths.put(path, followed, maxPaths)
	}
	a.homes.put(a.hash(&at, p, query), key, maxAliases)
}

// shared is the policy that all paths with its text have.
func (a *aliases) shared(p *policy) *policy {
	if known := a.known[p.text]; known != nil {
		return known
	}
	if len(a.known) == maxKnown {
		clear(a.known)
	}
	p.text = strings.Clone(p.text)
	a.known[p.text] = p
	return p
}

// of returns the policies of a key's path.
func (a *aliases) of(at *place) policies {
	if !a.some.Load() {
		return policies{}
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	followed, _ := a.paths.get(a.hash(at, nil, nil))
	return followed
}

// home returns the key under which the object is said to be that answers for
// a query, in the normal form that it has under p; "" for none.
func (a *aliases) home(at *place, p *policy, query []byte) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	key, _ := a.homes.get(a.hash(at, p, query))
	return key
}

// homesOf returns the keys that answer for a key of that site, beside itself.
func (a *aliases) homesOf(site, key string) (keys []string) {
	at := placeOf(site, key)
	for _, p := range a.of(&at) {
		if p == nil {
			break
		}
		query, ok := p.AppendQuery(nil, at.query)
		if home := a.home(&at, p, query); ok && home != "" && home != key {
			keys = append(keys, home)
		}
	}
	return keys
}

// forget takes out what home has returned, unless that has changed.
func (a *aliases) forget(at *place, p *policy, query []byte, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hash := a.hash(at, p, query)
	if now, _ := a.homes.get(hash); now == key {
		a.homes.remove(hash)
	}
}

// hash is that of a path, or of a query under one of its policies. Nobody can
// choose two that are equal.
func (a *aliases) hash(at *place, p *policy, query []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	h.WriteString(at.front) // ignore errors: there are none
	h.WriteString(at.ending)
	if p != nil {
		h.WriteByte(0)
		h.WriteString(p.text)
		h.WriteByte(0)
		h.Write(query)
	}
	return h.Sum64()
}
