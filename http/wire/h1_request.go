package wire

import (
	"bytes"
	"net/http"
	"strings"

	"waypost/http/field"
)

// requestHead is a parsed HTTP/1 request head. Its strings lie over the bytes
// that were parsed.
type requestHead struct {
	connectionFacts
	method     string
	target     string
	proto      string
	authority  string
	path       string
	bodyLength int64 // -1: chunked
	keepAlive  bool  // the client would like to go on afterwards
	fields     field.Fields
}

// parseRequestHead reads a request head at the start of b (RFC 9112 §2.1) into
// h, whose fields slice is used again, and returns the number of bytes read,
// or 0 when the head is not complete. The scheme is that of the connection.
func parseRequestHead(h *requestHead, b []byte, scheme string, limits *Limits) (n int, bad *refusal) {
	*h = requestHead{fields: h.fields[:0]}
	line, size, bad := requestLine(b, limits)
	if bad != nil || size == 0 {
		return 0, bad
	}
	if bad := h.parseRequestLine(line, limits); bad != nil {
		return 0, bad
	}
	f, m, bad := parseFields(b[size:], h.fields, &h.connectionFacts, limits.HeaderCount)
	h.fields = f
	if bad != nil || m == 0 {
		return 0, bad
	}
	if bad := h.checkTarget(scheme); bad != nil {
		return 0, bad
	}
	if bad := h.checkFraming(); bad != nil {
		return 0, bad
	}
	if bad := h.checkOptions(); bad != nil {
		return 0, bad
	}
	h.fields = h.dropNominated(h.fields)
	return size + m, nil
}

// requestLine finds the request line, after at most one empty line that some
// clients send behind a body (RFC 9112 §2.2).
func requestLine(b []byte, limits *Limits) (line []byte, n int, bad *refusal) {
	skipped := 0
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		skipped = 2
	}
	// A client that speaks another protocol (a TLS hello, say) is told so
	// before it has sent a line.
	if rest := b[skipped:]; len(rest) > 0 && classes[rest[0]]&classToken == 0 && rest[0] != '\r' {
		return nil, 0, refuse(400, "not an HTTP request: it begins with %s", quote(rest[:1]))
	}
	line, n, bad = nextLine(b[skipped:])
	if bad != nil {
		return nil, 0, bad
	}
	seen := len(line)
	if n == 0 {
		seen = len(b)
	}
	if seen > limits.TargetBytes+len("  HTTP/1.1")+maxMethod {
		return nil, 0, refuse(414, "request line longer than %d bytes", limits.TargetBytes)
	}
	if n == 0 {
		return nil, 0, nil
	}
	return line, n + skipped, nil
}

// maxMethod bounds a method's length. The longest registered one is
// UPDATEREDIRECTREF with 17.
const maxMethod = 32

// parseRequestLine reads method SP target SP version (RFC 9112 §3), with
// exactly one space each.
func (h *requestHead) parseRequestLine(line []byte, limits *Limits) *refusal {
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 {
		return refuse(400, "request line without a target: %s", quote(line))
	}
	h.method = str(line[:sp])
	if !validToken(h.method) {
		return refuse(400, "invalid method %s", quote(h.method))
	}
	if len(h.method) > maxMethod {
		return refuse(501, "method longer than %d bytes", maxMethod)
	}
	rest := line[sp+1:]
	sp = bytes.IndexByte(rest, ' ')
	if sp < 0 {
		return refuse(400, "request line without an HTTP version: %s", quote(line))
	}
	h.target = str(rest[:sp])
	version := rest[sp+1:]
	if bad := h.parseVersion(version); bad != nil {
		return bad
	}
	if len(h.target) > limits.TargetBytes {
		return refuse(414, "request target longer than %d bytes", limits.TargetBytes)
	}
	if !validTarget(h.target) {
		return refuse(400, "invalid character in the request target %s", quote(h.target))
	}
	return nil
}

func (h *requestHead) parseVersion(v []byte) *refusal {
	switch {
	case string(v) == HTTP11:
		h.proto = HTTP11
	case string(v) == HTTP10:
		h.proto = HTTP10
	case len(v) != len(HTTP11) || string(v[:5]) != "HTTP/" || !digit(v[5]) || v[6] != '.' || !digit(v[7]):
		return refuse(400, "invalid HTTP version %s", quote(v))
	case v[5] == '1':
		h.proto = HTTP11 // a later minor version is read as the one we know (RFC 9110 §2.5)
	default:
		return refuse(505, "HTTP version %s is not spoken here", v)
	}
	return nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// checkTarget reads the target's form (RFC 9112 §3.2) and settles the
// authority.
func (h *requestHead) checkTarget(scheme string) *refusal {
	switch {
	case h.hosts > 1:
		return refuse(400, "%d Host fields", h.hosts)
	case h.hosts == 0 && h.proto != HTTP10:
		return refuse(400, "no Host field")
	case h.hosts == 1 && !validAuthority(h.host):
		return refuse(400, "invalid Host %s", quote(h.host))
	}
	h.authority, h.path = h.host, h.target
	switch {
	case h.method == http.MethodConnect:
		if !validAuthority(h.target) || !hasPort(h.target) {
			return refuse(400, "CONNECT target %s is not host:port", quote(h.target))
		}
		h.authority, h.path = h.target, ""
	case h.target[0] == '/':
	case h.target == "*":
		if h.method != http.MethodOptions {
			return refuse(400, "target * with method %s", h.method)
		}
	default:
		return h.absoluteForm(scheme)
	}
	return nil
}

// absoluteForm reads a target with scheme and authority; its authority takes
// the place of the Host field (RFC 9112 §3.2.2).
func (h *requestHead) absoluteForm(scheme string) *refusal {
	colon := strings.Index(h.target, "://")
	if colon < 0 {
		return refuse(400, "request target %s is neither a path nor a URL", quote(h.target))
	}
	said := h.target[:colon]
	if !field.Is(said, "http") && !field.Is(said, "https") {
		return refuse(400, "request target with scheme %s", quote(said))
	}
	if !field.Is(said, scheme) {
		return refuse(421, "request for %s on an %s connection", said, scheme) // RFC 9110 §7.4
	}
	rest := h.target[colon+3:]
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	h.authority, h.path = rest[:end], rest[end:]
	if !validAuthority(h.authority) {
		return refuse(400, "invalid authority %s in the request target", quote(h.authority))
	}
	switch {
	case h.path == "" && h.method == http.MethodOptions:
		h.path = "*" // RFC 9112 §3.2.4
	case h.path == "":
		h.path = "/"
	case h.path[0] == '?':
		h.path = "/" + h.path
	}
	return nil
}

// checkFraming settles how the body is framed (RFC 9112 §6.3).
func (h *requestHead) checkFraming() *refusal {
	if h.codings > 0 {
		switch {
		case h.proto == HTTP10:
			return refuse(400, "Transfer-Encoding in an HTTP/1.0 request") // RFC 9112 §6.1
		case h.lengths > 0:
			return refuse(400, "both Transfer-Encoding and Content-Length")
		}
		if bad := checkCodings(h.coding); bad != nil {
			return bad
		}
		h.bodyLength = -1
		return nil
	}
	switch {
	case h.lengths > 1:
		return refuse(400, "%d Content-Length fields", h.lengths)
	case h.lengths == 1:
		n, ok := parseLength(h.length)
		if !ok {
			return refuse(400, "invalid Content-Length %s", quote(h.length))
		}
		h.bodyLength = n
	}
	return nil
}

// checkCodings accepts the one transfer coding that is spoken here, alone.
func checkCodings(value string) *refusal {
	chunked, last := 0, ""
	for e := range field.Elements(value) {
		last = e
		if field.Is(e, "chunked") {
			chunked++
			continue
		}
		if chunked > 0 {
			return refuse(400, "transfer coding %s after chunked", quote(e))
		}
	}
	switch {
	case last == "":
		return refuse(400, "empty Transfer-Encoding")
	case chunked > 1:
		return refuse(400, "chunked twice in Transfer-Encoding %s", quote(value))
	case !field.Is(strings.Trim(value, " \t"), "chunked"):
		return refuse(501, "transfer coding %s is not known here", quote(value)) // RFC 9112 §6.1
	}
	return nil
}

// checkOptions settles persistence (RFC 9112 §9.3), upgrade and expectation.
func (h *requestHead) checkOptions() *refusal {
	http10 := h.proto == HTTP10
	h.keepAlive = !h.optClose && (!http10 || h.optKeepAlive)
	if http10 || !h.optUpgrade {
		h.upgrade = "" // RFC 9110 §7.8: both fields, and not in HTTP/1.0
	}
	if http10 {
		h.expects = 0 // RFC 9110 §10.1.1: ignored
	}
	if h.expects > 0 && (h.expects > 1 || !field.Is(h.expect, "100-continue")) {
		return refuse(417, "unknown expectation %s", quote(h.expect))
	}
	return nil
}
