package edge

import (
	"strings"
	"unsafe"

	"waypost/edge/rules"
	"waypost/http/cache"
	"waypost/http/field"
)

// ruled is what a request of a site with rules (package edge/rules) has found
// out about them. The zero value is that of a request without.
type ruled struct {
	by   *rules.Set
	path string      // as patterns see it; valid until the request ends
	cors *rules.CORS // for that path; nil: the origin's business
	told bool        // the decision about it is in the record

	codable bool   // what is to be delivered may be compressed for some client
	coding  string // the coding that this client likes best, "" for none
}

// obey asks the site's rules in the order in which they count: who asks too
// much is not even redirected, and who is to come by HTTPS is not asked for
// a password before.
func (r *request) obey() stage {
	r.ruled.by = r.site.owner
	r.ruled.path, r.path = rules.Normal(r.path, r.in.Path)
	r.ruled.cors = r.ruled.by.CORS.For(r.ruled.path)
	if s, over := r.redirect(); over {
		return s
	}
	if s, over := r.preflight(); over {
		return s
	}
	return r.course()
}

// decorate has the site's rules change the fields in r.out, which are about
// to be sent to the client.
func (r *request) decorate() {
	by := r.ruled.by
	if r.ruled.codable {
		rules.AddVary(&r.out, "Accept-Encoding")
	}
	if r.ruled.cors != nil {
		r.readers()
	}
	if by.HSTS != "" && r.in.Scheme == "https" {
		// RFC 6797 §7.2: never over http, where anybody could have written it.
		r.out.Set("Strict-Transport-Security", by.HSTS)
	}
}

// outward drops from the fields of a request to the origin what the rules
// keep from it.
func (r *request) outward(out *field.Fields) {
	if r.ruled.by == nil {
		return
	}
	if r.ruled.cors != nil && (r.in.Method == "GET" || r.in.Method == "HEAD") && !upgradable(r.in.Upgrade) {
		out.Del("Origin") // other methods, and WebSocket, keep it: servers tell forgeries by it
	}
	if len(r.site.rules.Codings) > 0 {
		// By what is asked here a stored variant is chosen later.
		if accept, usual := cache.AppendAcceptEncoding(nil, r.site.rules, r.in.Fields); usual {
			out.Del("Accept-Encoding")
			out.Add("Accept-Encoding", string(accept))
		}
	}
}

// inward makes a response of the origin fit to be kept under the rules.
func (u *ruled) inward(method string, in *field.Fields) {
	if u.by == nil {
		return
	}
	if u.cors != nil && (method == "GET" || method == "HEAD") {
		rules.DropVary(in, "Origin") // it was not sent
	}
}

// keep is u in memory that outlives the request.
func (u *ruled) keep() ruled {
	kept := *u
	kept.path = strings.Clone(u.path)
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
