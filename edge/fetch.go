package edge

import (
	"errors"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/http/wire"
	"waypost/upstream"
)

// fetch asks the origin and sees to what it says.
func (f *fill) fetch() {
	resp, err := f.exchange()
	if err == nil && resp.Status == 304 && f.confirm != nil {
		if f.freshen(resp) {
			return
		}
		// It confirms something that we do not hold (RFC 9111 §4.3.4): ask
		// for the thing itself, once.
		f.confirm = nil
		resp, err = f.askAgain()
	}
	for err == nil && f.slice != nil && (resp.Status == 206 || resp.Status == 416) {
		if f.takeSlice(resp) {
			return
		}
		resp, err = f.exchange()
	}
	if err == nil && f.rest != nil && (resp.Status == 206 || resp.Status == 416) {
		if f.complete(resp) {
			return
		}
		f.rest = nil
		resp, err = f.askAgain()
	}
	if err != nil {
		f.fail(&failure{err: err})
		return
	}
	if resp.Status >= 500 && f.confirm != nil &&
		cache.OnError(time.Now(), f.site.rules, &f.ask, &f.confirm.Response, resp.Status).Serves() {
		resp.Body.Close()
		f.fail(&failure{status: resp.Status})
		return
	}
	f.store(resp)
}

// askAgain is an exchange without conditions, after one with.
func (f *fill) askAgain() (*fetch.Response, error) {
	f.out.Fields = withoutPreconditions(f.out.Fields)
	if f.slice != nil {
		f.askForSlice(*f.slice)
	}
	return f.exchange()
}

// exchange is one trip to the origin.
func (f *fill) exchange() (*fetch.Response, error) {
	f.asked = time.Now()
	resp, report, err := f.site.origin.Do(f.ctx, &f.out, f.key)
	f.received = time.Now()
	f.report = report
	f.edge.circled(f.site, report)
	if err == nil {
		err = unasked(&f.out, resp, report)
	}
	if err != nil {
		if f.ctx.Err() == nil {
			f.edge.troubled(f.site, report)
		}
		return nil, err
	}
	f.edge.inbound(resp, f.received)
	f.ruled.inward(f.out.Method, &resp.Fields, f.span)
	return resp, nil
}

// fail tells everybody that the origin brought no answer.
func (f *fill) fail(failed *failure) {
	f.noteFetch(nil)
	f.filling.Abort(failed)
	f.offer(head{err: failed, forwarded: failed.status})
	f.cancel(nil)
}

// head is the origin's response as package cache wants it.
func (f *fill) head(resp *fetch.Response) *cache.Response {
	return &cache.Response{Status: resp.Status, Fields: resp.Fields, Asked: f.asked, Received: f.received}
}

// errUnasked is in words for a visitor, too.
var errUnasked = errors.New("the origin server answered 304 (not modified) to a request without a condition")

// unasked is the error of a 304 that answers no condition: it stands for
// something that nobody has (RFC 9110 §15.4.5), and is no response to a GET or
// HEAD without one. It closes the body then, and puts the fault on report.
func unasked(out *wire.Request, resp *fetch.Response, report *upstream.Report) error {
	if resp.Status != 304 || out.Method != "GET" && out.Method != "HEAD" ||
		out.Fields.Has("If-None-Match") || out.Fields.Has("If-Modified-Since") {
		return nil
	}
	resp.Body.Close()
	report.Fault = fault.HTTPProtocolError
	report.Err = fault.New(report.Fault, out.Method+" "+out.Path, errUnasked)
	return report.Err
}
