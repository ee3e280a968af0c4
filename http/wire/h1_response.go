package wire

import (
	"bytes"
	"net/http"
	"strings"

	"waypost/http/field"
)

// responseHead is a parsed HTTP/1 response head. Its strings lie over the
// bytes that were parsed.
type responseHead struct {
	connectionFacts
	status    int
	proto     string
	framed    string
	bodyBytes int64 // framedByLength: its length; framedNoBody: as announced, -1 when not
	keepAlive bool
	fields    field.Fields
}

// parseResponseHead reads a response head at the start of b into h and
// returns the number of bytes read, or 0 when the head is not complete. The
// method is that of the request, which decides about the body.
func parseResponseHead(h *responseHead, b []byte, method string, limits *Limits) (n int, bad *refusal) {
	*h = responseHead{fields: h.fields[:0]}
	if len(b) > 0 && b[0] != 'H' {
		return 0, refuse(400, "not an HTTP/1 response: it begins with %s", quote(b[:min(len(b), 8)]))
	}
	line, size, bad := nextLine(b)
	if bad != nil || size == 0 {
		return 0, bad
	}
	if bad := h.parseStatusLine(line); bad != nil {
		return 0, bad
	}
	f, m, bad := parseFields(b[size:], h.fields, &h.connectionFacts, limits.HeaderCount)
	h.fields = f
	if bad != nil || m == 0 {
		return 0, bad
	}
	h.keepAlive = !h.optClose && (h.proto == HTTP11 || h.optKeepAlive)
	if bad := h.checkFraming(method); bad != nil {
		return 0, bad
	}
	h.fields = h.dropNominated(h.fields)
	return size + m, nil
}

// parseStatusLine reads version SP status [SP reason] (RFC 9112 §4). The
// space before an empty reason is required by the grammar and forgotten by
// many servers; we do not insist.
func (h *responseHead) parseStatusLine(line []byte) *refusal {
	const version = len(HTTP11)
	if len(line) < version+4 || line[version] != ' ' {
		return refuse(400, "invalid status line %s", quote(line))
	}
	switch v := line[:version]; {
	case string(v) == HTTP10:
		h.proto = HTTP10
	case string(v[:7]) == "HTTP/1." && digit(v[7]):
		h.proto = HTTP11
	default:
		return refuse(400, "invalid HTTP version %s in the status line", quote(v))
	}
	code, rest := line[version+1:version+4], line[version+4:]
	for _, c := range code {
		if !digit(c) {
			return refuse(400, "invalid status code %s", quote(code))
		}
		h.status = 10*h.status + int(c-'0')
	}
	switch {
	case h.status < 100:
		return refuse(400, "invalid status code %s", quote(code))
	case len(rest) > 0 && rest[0] != ' ', !validValue(str(rest)):
		return refuse(400, "invalid reason phrase %s", quote(rest))
	}
	return nil
}

// checkFraming settles how the body ends (RFC 9112 §6.3). Two statements
// about it are refused even where they agree with the RFC's order of
// precedence: another party on the way may have a different one.
func (h *responseHead) checkFraming(method string) *refusal {
	announced := int64(-1)
	switch {
	case h.codings > 0 && h.lengths > 0:
		return refuse(400, "both Transfer-Encoding and Content-Length")
	case h.codings > 0 && h.proto == HTTP10:
		return refuse(400, "Transfer-Encoding in an HTTP/1.0 response")
	case h.codings > 0 && nobodysCodings(h.coding):
		// Nobody could have asked for it or undo it, so nothing can have been
		// done to the content; it ends with the connection (rule 4), and goes
		// on without the field.
		h.codings, h.keepAlive = 0, false
	case h.codings > 0:
		if bad := checkCodings(h.coding); bad != nil {
			bad.status = 501 // a fault of the transfer coding, whatever is wrong with it
			return bad
		}
	case h.lengthsVary:
		return refuse(400, "Content-Length fields that differ")
	case h.lengths > 0:
		n, ok := parseLength(h.length)
		if !ok {
			return refuse(400, "invalid Content-Length %s", quote(h.length))
		}
		announced = n
	}
	h.bodyBytes = announced
	switch {
	case h.status < 200 || h.status == 204:
		// There is no body, and none may be announced (RFC 9110 §8.6, RFC
		// 9112 §6.1). Who announces one may also send one.
		h.framed = framedNoBody
		h.keepAlive = h.keepAlive && h.codings == 0 && announced <= 0
	case method == http.MethodHead || h.status == 304 || method == http.MethodConnect && h.status < 300:
		h.framed = framedNoBody
	case h.codings > 0:
		h.framed, h.bodyBytes = framedChunked, -1
	case announced >= 0:
		h.framed = framedByLength
	default:
		h.framed, h.keepAlive = framedByClose, false
	}
	return nil
}

// nobodysCodings reports whether a Transfer-Encoding names only what the IANA
// registry of transfer codings does not hold (RFC 9112 §12.3). A coding that
// it holds would be one that we have not offered to take (§7.4): its content
// is not what it says it is. And what only looks like chunked may be chunked
// to somebody else.
func nobodysCodings(value string) bool {
	named := 0
	for e := range field.Elements(value) {
		if registeredCoding(e) || strings.Contains(strings.ToLower(e), "chunk") || !validToken(e) {
			return false
		}
		named++
	}
	return named > 0
}

// registeredCoding reports whether a coding other than chunked is registered.
func registeredCoding(name string) bool {
	switch strings.ToLower(name) {
	case "compress", "deflate", "gzip", "identity", "trailers", "x-compress", "x-gzip":
		return true
	}
	return false
}

// readResponseHead reads heads off in until one is complete.
func readResponseHead(in *input, h *responseHead, method string, limits *Limits) error {
	seen := 0
	for {
		p := in.pending()
		if len(p) > seen && (seen == 0 || bytes.IndexByte(p[seen:], '\n') >= 0) {
			n, bad := parseResponseHead(h, p, method, limits)
			if bad != nil {
				return bad
			}
			if n > limits.HeaderBytes {
				return refuse(431, "response head longer than %d bytes", limits.HeaderBytes)
			}
			if n > 0 {
				in.r += n
				return nil
			}
		}
		if seen = len(p); seen >= limits.HeaderBytes {
			return refuse(431, "response head longer than %d bytes", limits.HeaderBytes)
		}
		if err := in.more(); err != nil {
			return err
		}
	}
}
