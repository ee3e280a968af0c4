package edge

import (
	"strings"
	"unsafe"

	"waypost/edge/rules"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/trace"
)

// ruled is what a request of a site with rules (package edge/rules) has found
// out about them. The zero value is that of a request without.
type ruled struct {
	by   *rules.Set
	host string // lower case, without port
	path string // as patterns see it; both valid until the request ends

	limit      *rules.Limit // the last that it was counted against
	count      rules.Count
	cors       *rules.CORS // for that path; nil: the origin's business
	cookieless bool        // the host has no cookies
	uploaded   bool        // the host carries users' content

	stray string // a cookie or field that keeps the request from the cache by its value

	codable bool   // what is to be delivered may be compressed for some client
	coding  string // the coding that this client likes best, "" for none

	told struct{ cors, toOrigin, toClient bool } // what is in the record already
}

// obey asks the site's rules in the order in which they count: who asks too
// much is not even redirected, and who is to come by HTTPS is not asked for
// a password before.
func (r *request) obey() stage {
	u, by := &r.ruled, r.site.owner
	u.by, u.host = by, r.hostName()
	u.path, r.path = rules.Normal(r.path, r.in.Path)
	u.cors = by.CORS.For(u.path)
	u.cookieless = by.Cookieless.Has(u.host)
	u.uploaded = by.UserContent.Has(u.host)
	if s, over := r.limit(); over {
		return s
	}
	if s, over := r.redirect(); over {
		return s
	}
	if s, over := r.preflight(); over {
		return s
	}
	if s, over := r.enter(); over {
		return s
	}
	if u.cookieless {
		r.dropCookies()
	}
	return r.course()
}

// outward changes the fields of a request to the origin as the rules want
// it.
func (r *request) outward(out *field.Fields) {
	u := &r.ruled
	if u.by == nil {
		return
	}
	if u.cors != nil && (r.in.Method == "GET" || r.in.Method == "HEAD") && !upgradable(r.in.Upgrade) {
		out.Del("Origin") // other methods, and WebSocket, keep it: servers tell forgeries by it
	}
	r.normalise(out)
	u.by.Key.Outward(out, r.in.Fields)
	if u.by.ToOrigin.Fit(u.path) {
		u.by.ToOrigin.Apply(out, u.path)
		if r.span.On() && !u.told.toOrigin {
			u.told.toOrigin = true
			r.noteHeaders("origin", u.by.ToOrigin.Changes(u.path))
		}
	}
}

// normalise asks the origin for what a stored variant is chosen by later.
func (r *request) normalise(out *field.Fields) {
	if len(r.site.rules.Codings) > 0 {
		if accept, usual := cache.AppendAcceptEncoding(nil, r.site.rules, r.in.Fields); usual {
			out.Del("Accept-Encoding")
			out.Add("Accept-Encoding", string(accept))
		}
	}
	if accept, usual := cache.AppendAcceptLanguage(nil, r.site.rules, r.in.Fields); usual {
		out.Del("Accept-Language")
		if len(accept) > 0 {
			out.Add("Accept-Language", string(accept))
		}
	}
}

// inward makes a response of the origin fit to be kept under the rules. span
// takes the record.
func (u *ruled) inward(method string, in *field.Fields, span *trace.Span) {
	if u.by == nil {
		return
	}
	if u.cors != nil && (method == "GET" || method == "HEAD") {
		rules.DropVary(in, "Origin") // it was not sent
	}
	u.by.Key.Inward(in)
	if u.cookieless {
		noteCookies(span, u.host, 0, rules.DropLines(in, "Set-Cookie"))
	}
}

// decorate has the site's rules change the fields in r.out, which are about
// to be sent to the client. whole tells that they describe content of the
// origin's, not words of our own or a 304.
func (r *request) decorate(whole bool) {
	u, by := &r.ruled, r.ruled.by
	by.Key.Decorate(&r.out)
	if u.codable {
		rules.AddVary(&r.out, "Accept-Encoding")
	}
	if u.cors != nil {
		r.readers()
	}
	if by.HSTS != "" && r.in.Scheme == "https" {
		// RFC 6797 §7.2: never over http, where anybody could have written it.
		r.out.Set("Strict-Transport-Security", by.HSTS)
	}
	if u.limit != nil {
		r.tellLimit()
	}
	by.ToClient.Apply(&r.out, u.path)
	// What protects comes last: no rule for fields undoes it.
	if u.cookieless {
		noteCookies(r.span, u.host, 0, rules.DropLines(&r.out, "Set-Cookie"))
	}
	if u.uploaded {
		by.UserContent.Decorate(&r.out, whole)
	}
	if by.Access != nil {
		r.keepPrivate()
	}
	if r.span.On() && !u.told.toClient {
		u.told.toClient = true
		r.noteChanges()
	}
}

// noteChanges notes what decorate has done, but for who may read.
func (r *request) noteChanges() {
	u, by := &r.ruled, r.ruled.by
	var done []string
	if u.uploaded {
		done = append(done, "make users' content safe")
	}
	if by.HSTS != "" && r.in.Scheme == "https" {
		done = append(done, "set Strict-Transport-Security")
	}
	if done = append(done, by.ToClient.Changes(u.path)...); len(done) > 0 {
		r.noteHeaders("client", done)
	}
}

func (r *request) noteHeaders(to string, changes []string) {
	r.span.Note(trace.HeaderDecision{To: to, Changes: changes},
		&trace.Decision{Verdict: "change", Reason: "the site's rules want it for this path", Because: strings.Clone(r.ruled.path)})
}

// keep is u in memory that outlives the request.
func (u *ruled) keep() ruled {
	kept := *u
	kept.path, kept.host = strings.Clone(u.path), strings.Clone(u.host)
	return kept
}

// hostName is the request's host as a string, valid until the request ends.
func (r *request) hostName() string {
	return unsafe.String(unsafe.SliceData(r.host), len(r.host))
}

// brief gives a response of our own its body, in few words.
func (r *request) brief(status int, f field.Fields, text string) stage {
	f.Add("Content-Type", "text/plain; charset=utf-8")
	r.out = f
	if err := r.respond(status, f, int64(len(text))); err != nil {
		return r.lost(err)
	}
	if r.in.Method != "HEAD" {
		if err := r.write([]byte(text)); err != nil {
			return r.lost(err)
		}
	}
	return done
}
