package edge

import (
	"time"
	"unsafe"

	"waypost/edge/store"
	"waypost/http/cache"
	"waypost/trace"
)

// Where nothing under a request's own key serves, what is stored for another
// query may, if its own No-Vary-Search says that the two differ in nothing
// that matters (draft-ietf-httpbis-no-vary-search §7). From then on the request goes
// as one for that other target: it hits, waits, has it confirmed or fetched
// anew there, with all others who ask for the same thing in different words.
//
// The response that comes in may have another policy than the one that led
// here, or none. Then it is not for this request, which goes its own way (apart):
// a response never answers a query that its own field does not cover.

// alias is the request's own target, while it goes as one for another.
type alias struct {
	policy *policy // that led there; nil where the request goes its own way
	path   string  // target as the client's, by the key's rules
	key    []byte
	alone  bool // has been there: it stays on its own way
}

// elsewhere looks for a response under another key that may serve the request
// as it stands after the look under its own, and makes it one for that.
func (r *request) elsewhere() {
	a := &r.edge.aliases
	if !a.some.Load() || r.alias.alone || r.verdict.Action == cache.Pass {
		return
	}
	key := unsafe.String(unsafe.SliceData(r.key), len(r.key)) // as long as r.key stays
	at := placeOf(r.site.Name, key)
	for _, p := range a.of(&at) {
		if p == nil {
			break
		}
		var ok bool
		if r.query, ok = p.AppendQuery(r.query[:0], at.query); !ok {
			continue
		}
		home := a.home(&at, p, r.query)
		if home == "" || home == key || !r.matches(p, &at, home) {
			continue
		}
		entry := r.recall(home)
		if entry == nil {
			a.forget(&at, p, r.query, home)
			continue
		}
		if r.serves(p, entry) {
			r.goAs(p, home)
			return
		}
	}
}

// matches holds a key that was found by its hash against the request's own,
// whose query is in r.query.
func (r *request) matches(p *policy, at *place, home string) bool {
	to := placeOf(r.site.Name, home)
	n := len(r.query)
	var ok bool
	r.query, ok = p.AppendQuery(r.query, to.query)
	ok = ok && to.front == at.front && to.ending == at.ending && string(r.query[:n]) == string(r.query[n:])
	r.query = r.query[:n]
	return ok
}

// recall is what is stored under a key, in memory or on disk.
func (r *request) recall(key string) *store.Entry {
	r.alias.key = append(r.alias.key[:0], key...)
	entry := r.edge.store.Get(r.alias.key)
	if entry == nil && r.edge.store.Recall(r.alias.key, r.site.rules) {
		r.recalled = true
		entry = r.edge.store.Get(r.alias.key)
	}
	return entry
}

// serves reports whether the request had better go as one for what is in
// entry, and sets object and verdict if so. A response that serves as it is
// is always better than none; one to be confirmed or replaced only where the
// request's own key has nothing, and only for all of it.
func (r *request) serves(p *policy, entry *store.Entry) bool {
	o := entry.Select(r.site.rules, r.in.Fields)
	if o != nil {
		v := cache.Use(r.now, r.site.rules, &r.ask, &o.Response)
		if o.Status == 206 || !p.saidBy(o.Fields) || !v.Serves() && !r.joinable(v) {
			return false
		}
		r.entry, r.object, r.verdict = entry, o, v
		return true
	}
	_, v := cache.Lookup(r.now, r.site.rules, &r.ask, entry.Responses)
	if !p.saidBy(entry.Responses[0].Fields) || !r.joinable(v) {
		return false
	}
	r.entry, r.verdict = entry, v
	return true
}

// joinable reports whether the request may have a response fetched for another
// target by that verdict.
func (r *request) joinable(v cache.Verdict) bool {
	return r.entry == nil && r.in.Method == "GET" && !r.ranged && (v.Action == cache.Validate || v.Action == cache.Miss)
}

// goAs makes the request one for the target with that key, which is in
// r.alias.key.
func (r *request) goAs(p *policy, home string) {
	to := placeOf(r.site.Name, home)
	r.alias.policy, r.alias.path = p, r.in.Path
	r.alias.key, r.key = r.key, r.alias.key
	r.retarget(to.targetOf(home))
}

// ownTarget makes the request one for its own target again, for which nothing
// that serves was found.
func (r *request) ownTarget() {
	if r.alias.policy == nil {
		return
	}
	r.key, r.alias.key = r.alias.key, r.key
	r.retarget(r.alias.path)
	r.alias.policy = nil
	r.entry, r.object, r.rest = nil, nil, nil
	r.verdict = cache.Use(r.now, r.site.rules, &r.ask, nil)
}

// covers reports whether a response that was asked for another target is for
// this request, too; nil is none, and for anybody.
func (a *alias) covers(came *cache.Response) bool {
	return a.policy == nil || came == nil || a.policy.saidBy(came.Fields)
}

// responseHead is that of the response that h brings, nil where there is none.
func (h *head) responseHead(f *fill) *cache.Response {
	switch {
	case h.object != nil:
		return &h.object.Response
	case h.response != nil:
		return f.head(h.response)
	}
	return nil
}

// apart has the request go its own way: h, if anything, is not for it, and
// would not be for those who come after it.
func (r *request) apart(h head) stage {
	if h.response != nil {
		h.response.Body.Close()
		r.fill.noteFetch(r.fill.head(h.response))
	}
	r.reader = h.reader
	r.leaveFill()
	r.join = nil
	p, home := r.alias.policy, string(r.key)
	r.ownTarget()
	at := placeOf(r.site.Name, string(r.key))
	r.query, _ = p.AppendQuery(r.query[:0], at.query)
	r.edge.aliases.forget(&at, p, r.query, home)
	r.alias.alone, r.noted = true, false
	r.now = time.Now()
	return toLookup
}

// asked is the request's own target.
func (r *request) asked() string {
	if r.alias.policy != nil {
		return r.alias.path
	}
	return r.in.Path
}

// explain adds to a decision that it is about what is stored for another
// query. Where that serves, this is what decided.
func (r *request) explain(d *trace.Decision) *trace.Decision {
	p := r.alias.policy
	if p == nil || d == nil {
		return d
	}
	with := *d
	with.Reason = "what is stored for " + r.in.Path + " answers for this query too; " + d.Reason
	if r.verdict.Serves() {
		with.Clause, with.Because = "draft-ietf-httpbis-no-vary-search §7", "No-Vary-Search: "+p.text
	}
	return &with
}

// learn takes in the policy of what is stored under a key. A part speaks for
// no other query: parts, slices and what is put together of them belong to one
// target. Nil is for a slice that came with its index.
func (e *Edge) learn(site *site, o *store.Object) {
	if o != nil && o.Status != 206 {
		e.aliases.learn(site.Name, o.Key, o.Fields)
	}
}

// learnAll is learn for all that is stored under a key.
func (e *Edge) learnAll(site *site, entry *store.Entry) {
	if entry == nil {
		return
	}
	for i := range entry.Variants {
		e.learn(site, entry.Variants[len(entry.Variants)-1-i])
	}
}

// dropAliased drops what answers for a key of that site, beside what is under
// the key itself.
func (e *Edge) dropAliased(site *site, key []byte) {
	for _, home := range e.aliases.homesOf(site.Name, string(key)) {
		e.store.Purge([]byte(home))
	}
}
