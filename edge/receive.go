package edge

import (
	"strconv"
	"strings"

	"waypost/fault"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// receive finds out whom the request is for and whether it may be asked
// here, before anything of its body is read.
func (r *request) receive() stage {
	r.scan()
	in := r.in
	if in.Method == "CONNECT" && !r.extended() || in.Method == "TRACE" {
		// CONNECT makes a tunnel to anywhere, TRACE shows what was added on
		// the way (RFC 9110 §9.3.6, §9.3.8): neither is a gateway's business.
		return r.refuse(problem{status: 405, kind: fault.HTTPRequestDenied, allow: true,
			reason: in.Method + " is not served here"})
	}
	if r.extended() && !field.Is(in.Upgrade, "websocket") {
		return r.refuse(problem{status: 501, kind: fault.ProxyInternalResponse, // RFC 9220 §3
			reason: "the protocol " + strconv.Quote(in.Upgrade) + " is not served here; websocket is"})
	}
	r.host = appendHost(r.host[:0], in.Authority)
	r.settleAuthority()
	if path := cache.ResolveDots(in.Path); len(path) != len(in.Path) {
		// Before the key, the rules and the origin see it: one resource has
		// one name, and that is what all of them speak of.
		r.retarget(path)
	}
	all := r.edge.sites.Load()
	r.site = all.match(r.host)
	if s, refused := r.misdirected(all); refused {
		return s
	}
	if because, loop := looped(in.Fields, r.edge.name); loop {
		return r.refuse(problem{status: fault.ProxyLoopDetected.Status(), kind: fault.ProxyLoopDetected,
			reason: "the request has passed this edge before; the origin of the site leads back to the CDN (" + because + ")"})
	}
	if r.site.origin.Outside(r.in.Path) {
		return r.refuse(problem{status: 400, kind: fault.HTTPRequestError,
			reason: "the path leads out of the part of the origin that the site shows, to servers that read \"..\" behind an encoded slash"})
	}
	if s, refused := r.tooEarly(); refused {
		return s
	}
	if r.site.owner != nil {
		return toRules
	}
	return r.course()
}

// course finds the way of a request that may be asked here.
func (r *request) course() stage {
	in := r.in
	if in.Body != nil && !r.admitBody() {
		return r.refuse(problem{status: 413, kind: fault.HTTPRequestError, hangUp: true,
			reason: "the request body has " + strconv.FormatInt(in.Length, 10) + " bytes; this site takes " +
				strconv.FormatInt(r.site.Policy.MaxBody, 10)})
	}
	switch {
	case in.Upgrade != "" && upgradable(in.Upgrade):
		return toTunnel
	case in.Method == "GET" || in.Method == "HEAD":
		if in.Body != nil || r.stateful {
			return toPass
		}
		return toKey
	case in.Method == "OPTIONS" && in.Fields.Get("Max-Forwards") == "0":
		// RFC 9110 §7.6.2: we are whom the request was for.
		return r.refuse(problem{status: 204, kind: fault.ProxyInternalResponse, allow: true})
	}
	return toPass
}

// scan looks at each field once for those that steer the request.
func (r *request) scan() {
	for i := range r.in.Fields {
		switch name := r.in.Fields[i].Name; len(name) {
		case len("Range"):
			r.ranged = r.ranged || field.Is(name, "Range")
		case len("If-Match"):
			r.stateful = r.stateful || field.Is(name, "If-Match")
		case len("Traceparent"):
			if field.Is(name, "Traceparent") {
				r.joinTrace(r.in.Fields[i].Value)
			}
		case len("If-None-Match"):
			r.conditional = r.conditional || field.Is(name, "If-None-Match")
		case len("If-Modified-Since"):
			r.conditional = r.conditional || field.Is(name, "If-Modified-Since")
		case len("If-Unmodified-Since"):
			r.stateful = r.stateful || field.Is(name, "If-Unmodified-Since")
		}
	}
}

// joinTrace continues the journey of a peer that we trust with our record.
func (r *request) joinTrace(traceparent string) {
	from, ok := trace.ParseContext(traceparent)
	if !ok {
		return
	}
	if trusts(r.edge.trustTrace, r.client()) {
		r.span = r.edge.station.Join(from)
	}
	if r.span == nil {
		r.untrusted = traceparent
	}
}

// misdirected refuses a request that came to the wrong place: one for a host
// that is not served here, or one on a TLS connection that was opened for
// another site (RFC 9110 §7.4, §15.5.20). Hosts of one site may share a
// connection, as HTTP/2 clients do where the certificate names them all.
func (r *request) misdirected(all *sites) (stage, bool) {
	if len(r.host) == 0 {
		return r.refuse(problem{status: 400, kind: fault.HTTPRequestError,
			reason: "the request names no host; HTTP asks for a Host field"}), true
	}
	if r.site == nil {
		return r.refuse(problem{status: 421, kind: fault.HTTPRequestError,
			reason: "the host " + strconv.Quote(string(r.host)) + " is not served here"}), true
	}
	secured := r.x.Conn().TLS
	if secured == nil || secured.ServerName == "" || secured.ServerName == string(r.host) {
		return 0, false
	}
	mark := len(r.host)
	r.host = appendHost(r.host, secured.ServerName)
	other := all.match(r.host[mark:])
	r.host = r.host[:mark]
	if other == r.site {
		return 0, false
	}
	return r.refuse(problem{status: 421, kind: fault.HTTPRequestError,
		reason: "the connection was opened for " + strconv.Quote(secured.ServerName) +
			", the request is for " + strconv.Quote(string(r.host)) + ": ask again on a connection of its own"}), true
}

// extended reports whether the request is an extended CONNECT (RFC 8441 §4,
// RFC 9220 §3): the way of HTTP/2 and 3 to change the protocol, of one stream.
func (r *request) extended() bool {
	return r.in.Method == "CONNECT" && r.in.Upgrade != "" && (r.in.Proto == wire.HTTP2 || r.in.Proto == wire.HTTP3)
}

// appendHost appends the host of an authority in lower case, without its
// port and without a final dot.
func appendHost(dst []byte, authority string) []byte {
	authority = authority[:hostLength(authority)]
	if n := len(authority); n > 1 && authority[n-1] == '.' {
		authority = authority[:n-1]
	}
	for i := range len(authority) {
		c := authority[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// hostLength is where the host of an authority ends and its port begins, with
// the colon.
func hostLength(authority string) int {
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i:], ']') < 0 {
		return i
	}
	return len(authority)
}

// upgradable reports whether the protocol is one to make a tunnel for. h2c
// and TLS speak about the connection to us alone (RFC 9113 §3.1, RFC 2817):
// a server is free to go on as before.
func upgradable(protocols string) bool {
	for p := range field.Elements(protocols) {
		name, _, _ := strings.Cut(p, "/")
		if !field.Is(name, "h2c") && !field.Is(name, "TLS") {
			return true
		}
	}
	return false
}
