package cache

import (
	"slices"
	"time"

	"waypost/http/field"
)

// Store says whether resp, the answer to req, may be stored: the action is
// Keep or DoNotKeep (RFC 9111 §3). Whether the body arrived whole is for the
// caller to see to.
func Store(now time.Time, rules *Rules, req *Request, resp *Response) Verdict {
	d := read(rules, resp)
	p := &d.plan
	w := readWishes(rules, req.Fields)
	v := Verdict{Action: DoNotKeep, Age: p.age(now, resp), Lifetime: p.lifetime}
	if v.why = refuse(rules, req, &w, resp, &d); v.why != 0 {
		return v
	}
	v.Action = Keep
	switch {
	case p.has(noCache):
		v.why = keptToValidate
	case rules.Shared && setsCookie(resp, &d.control) && !meantForAll(&d):
		v.why = keptCookie
	case p.basis == bySMaxAge:
		v.why = keptSMaxAge
	case p.basis == byMaxAge:
		v.why = keptMaxAge
	case p.basis == byExpires:
		v.why = keptExpires
	case p.basis == byDefault:
		v.why = keptDefault
	case p.basis == byHeuristic:
		v.why = keptHeuristic
	default:
		v.why = keptToValidate
	}
	return v
}

// refuse returns why the response must not, or need not, be stored; 0 when
// it may. The order is that of RFC 9111 §3.
func refuse(rules *Rules, req *Request, w *wishes, resp *Response, d *reading) reason {
	c := &d.control
	if why := refuseMethod(req.Method, req, resp, d); why != 0 {
		return why
	}
	switch {
	case resp.Status < 200:
		return interim
	case resp.Status == 206 || resp.Status == 304:
		return partial
	case w.noStore:
		return requestNoStore
	case c.has(mustUnderstand) && !understood(resp.Status):
		return notUnderstood
	case c.has(noStore) && !c.has(mustUnderstand):
		// RFC 9111 §5.2.2.3: must-understand overrides no-store where the
		// status code is understood.
		return responseNoStore
	case rules.Shared && c.has(private):
		return responsePrivate
	case rules.Shared && w.authorized && !sharesAuthorized(c):
		return authorized
	case d.has(varyAny):
		return varyStar
	case !d.explicit() && !c.has(public) && (rules.Shared || !c.has(private)) &&
		!heuristicallyCacheable(resp.Status):
		return statusNotCacheable
	}
	return useless(rules, resp, d)
}

// refuseMethod is refuse for the method: what a GET brings serves others, and
// sometimes what a POST brings.
func refuseMethod(method string, req *Request, resp *Response, d *reading) reason {
	switch {
	case method == "GET", method == "POST" && keepsPost(req, resp, d):
		return 0
	case method == "POST":
		return postNotKept
	}
	return methodNotKept
}

// sharesAuthorized reports whether the answer to a request with credentials
// may serve others too (RFC 9111 §3.5).
func sharesAuthorized(c *control) bool {
	return c.has(public) || c.has(mustRevalidate) || c.sMaxAge.given && !c.sMaxAge.invalid
}

// meantForAll reports whether the response says that shared caches may keep
// it: public, s-maxage, or a lifetime in a field that is addressed to them.
func meantForAll(d *reading) bool {
	c := &d.control
	return c.has(public) || c.sMaxAge.given && !c.sMaxAge.invalid || d.governs != "" && d.explicit()
}

// useless returns why storing could serve nothing, or only harm.
func useless(rules *Rules, resp *Response, d *reading) reason {
	c := &d.control
	// We deviate from RFC 9111 §7.3, which lets Set-Cookie be stored
	// whatever else the response says: a lifetime that the origin did not
	// state is no permission to hand one user's cookie to another.
	if rules.Shared && setsCookie(resp, c) && !meantForAll(d) {
		switch {
		case !d.explicit():
			return cookieGuess
		case rules.GuardCookies:
			return cookieGuarded
		}
	}
	if d.has(confirmable) {
		return 0
	}
	switch {
	case c.has(noCache):
		return nothingToValidate
	case d.has(invalidLifetime):
		return lifetimeInvalid
	case d.lifetime == 0 && c.staleIfError.value == 0 && c.staleWhileRevalidate.value == 0:
		return nothingToUse
	}
	return 0
}

// setsCookie reports whether who is served resp from the cache is given a cookie.
func setsCookie(resp *Response, c *control) bool {
	return resp.Fields.Has("Set-Cookie") && !withholds(c, "Set-Cookie")
}

func withholds(c *control, name string) bool {
	return slices.ContainsFunc(c.withheld, func(w string) bool { return field.Is(w, name) })
}

// keepsPost reports whether the answer to a POST may serve later GETs: it
// states its own lifetime, and its Content-Location says that it is the
// representation of the target (RFC 9110 §9.3.3).
func keepsPost(req *Request, resp *Response, d *reading) bool {
	if resp.Status != 200 || !d.explicit() || req.Host == "" {
		return false
	}
	location, ok := resp.Fields.Lookup("Content-Location")
	if !ok {
		return false
	}
	target, ok := sameOrigin(req.Scheme, req.Host, req.Path, location)
	if !ok {
		return false
	}
	return string(AppendTarget(nil, target)) == string(AppendTarget(nil, req.Path))
}

// Stored returns resp in the form in which it is kept: its own memory,
// without the fields that must not be stored (RFC 9111 §3.1), with a Date
// (RFC 9110 §6.6.1), with Selecting filled in, and compiled.
func Stored(rules *Rules, req *Request, resp *Response) *Response {
	d := read(rules, resp)
	var kept field.Fields
	for _, line := range resp.Fields {
		if !storedNever(line.Name, resp.Fields) && !withholds(&d.control, line.Name) {
			kept = append(kept, line)
		}
	}
	if !kept.Has("Date") {
		kept.Add("Date", string(AppendDate(nil, resp.Received)))
	}
	out := &Response{
		Status: resp.Status, Fields: kept.Clone(),
		Asked: resp.Asked, Received: resp.Received,
		Selecting: selecting(rules, req.Fields, resp.Fields),
	}
	out.Compile(rules)
	return out
}

// storedNever reports whether a field belongs to a connection or to a
// client's proxy (RFC 9111 §3.1). RFC 9110 §7.6.1 lists the former.
func storedNever(name string, fields field.Fields) bool {
	for _, n := range [...]string{
		"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade",
		"Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
	} {
		if field.Is(name, n) {
			return true
		}
	}
	return fields.Has("Connection") && fields.Contains("Connection", name)
}
