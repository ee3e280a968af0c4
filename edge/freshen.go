package edge

import (
	"time"

	"waypost/fetch"
	"waypost/http/cache"
)

// freshen gives the stored object a new life by a 304 (RFC 9111 §4.3.4). It
// reports false when the 304 confirms something else.
func (f *fill) freshen(resp *fetch.Response) bool {
	resp.Body.Close()
	rules, confirmed := f.site.rules, f.head(resp)
	stored := []*cache.Response{&f.confirm.Response}
	if len(cache.Freshened(stored, confirmed)) == 0 {
		f.noteFetch(nil)
		return false
	}
	now := time.Now()
	fresh := cache.Refresh(rules, &f.confirm.Response, confirmed)
	f.verdict = cache.StorePart(now, rules, &f.ask, fresh)
	if f.stored = f.verdict.Action == cache.Keep; !f.stored {
		// The origin wants it no longer kept. What is no longer stored can be
		// refreshed without anybody else's seeing it: it serves this once.
		f.edge.store.Forget(f.confirm)
	}
	o := f.edge.store.Refresh(f.key, f.confirm, fresh)
	if !f.stored || !f.site.shares(fresh, now) {
		f.edge.marks.set(f.key, now) // to be confirmed for each anew: nothing to wait for
	}
	if f.stored {
		f.edge.learn(f.site, o)
	}
	f.noteFetch(fresh)
	f.filling.Abort(errLookAgain)
	f.offer(head{object: o, forwarded: 304, stored: f.stored})
	f.cancel(nil)
	return true
}
