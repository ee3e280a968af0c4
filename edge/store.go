package edge

import (
	"io"
	"slices"
	"time"

	"waypost/edge/store"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/upstream"
)

// store puts the origin's response into the store, where all who wait read
// it while it comes in, or hands it to the first client when it is not to be
// shared.
func (f *fill) store(resp *fetch.Response) {
	rules, came := f.site.rules, f.head(resp)
	f.verdict = cache.Store(f.received, rules, &f.ask, came)
	if f.verdict.Action != cache.Keep || endless(resp) || variesByUs(resp.Fields) {
		f.handOver(resp)
		return
	}
	f.begin(f.filling.Start(kept(rules, &f.ask, came), resp.Length, true, f.confirm))
	f.body(resp)
}

// begin tells the first client of the object that comes in.
func (f *fill) begin(o *store.Object) {
	f.object = o
	f.share(o)
	h := head{object: o, stored: o.Kept()}
	h.reader, _ = o.Reader(0, -1)
	if !f.offer(h) && h.reader != nil {
		h.reader.Close()
	}
}

// share marks whether others can have what is stored.
func (f *fill) share(o *store.Object) {
	if f.site.shares(&o.Response, f.received) {
		f.edge.marks.clear(f.key)
	} else {
		f.edge.marks.set(f.key, f.received)
	}
}

// body reads the response into the object.
func (f *fill) body(resp *fetch.Response) {
	defer f.cancel(nil)
	defer resp.Body.Close()
	for f.filling.Wanted() {
		n, err := resp.Body.Read(f.filling.Buffer())
		if n > 0 {
			if err := f.filling.Advance(n); err != nil {
				f.noteFetch(f.head(resp))
				return
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // an end is io.EOF itself (io.Reader); a body that broke off may hold it in its chain
			f.commit()
			f.noteFetch(f.head(resp))
			return
		case err != nil:
			if f.ctx.Err() == nil {
				f.edge.troubled(f.site, f.report)
			}
			f.salvage()
			f.noteFetch(f.head(resp))
			f.filling.Abort(err)
			return
		}
	}
	f.noteFetch(f.head(resp))
}

// commit stores the whole: what there was of its parts serves no more.
func (f *fill) commit() {
	if f.rest != nil && f.missing.Start == 0 {
		f.write(f.rest) // the end was there already
	}
	if f.stored = f.filling.Commit(); !f.stored {
		return
	}
	f.edge.learn(f.site, f.object)
	if key := slices.Concat(f.key, []byte(partsSuffix)); f.edge.store.Get(key) != nil {
		f.edge.store.Purge(key)
	}
}

// handOver gives a response that is not stored to the first client; the
// others ask for themselves, at once now and without waiting next time.
func (f *fill) handOver(resp *fetch.Response) {
	f.edge.marks.set(f.key, time.Now())
	f.filling.Refuse()
	if f.offer(head{response: resp}) {
		return // with the response goes the rest: relay.go
	}
	resp.Body.Close()
	f.noteFetch(f.head(resp))
	f.cancel(nil)
}

// kept is a response in the form in which it is stored. Trailers are not
// (RFC 9111 §3.1 leaves that to the cache), and so are not announced.
func kept(rules *cache.Rules, ask *cache.Request, came *cache.Response) *cache.Response {
	r := cache.Stored(rules, ask, came)
	r.Fields.Del("Trailer")
	return r
}

// endless reports whether a response is a stream of events: it has no end to
// wait for, and each client wants its own.
func endless(resp *fetch.Response) bool {
	return upstream.IsEventStream(resp.Fields.Get("Content-Type"))
}
