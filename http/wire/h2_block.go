package wire

import (
	"net/http"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"waypost/http/field"
)

// fieldBlock decodes header blocks, one after the other. All of a block is
// decoded, whatever is wrong with it, because the header table depends on
// it; what is wrong is found out on the way.
type fieldBlock struct {
	dec       *hpack.Decoder
	limits    *Limits
	id        uint32
	endStream bool
	pieces    int // frames of the block
	bytes     int // encoded bytes

	fields  field.Fields
	size    int // as SETTINGS_MAX_HEADER_LIST_SIZE counts
	regular bool
	tooMany bool // fields or bytes: what comes is not kept

	// The pseudo-fields (RFC 9113 §8.3), and the fields that the codec
	// consumes.
	method, scheme, authority, path, protocol, status                   string
	hasMethod, hasScheme, hasAuthority, hasPath, hasProtocol, hasStatus bool
	host                                                                string
	hosts                                                               int
	length                                                              int64 // -1: none
	expect                                                              string
	te                                                                  bool
	cookies                                                             int
	malformed                                                           string // what is wrong, first find
}

const (
	// maxContinuations bounds the frames of a header block: legitimate ones
	// are full, so three hold the default HeaderBytes.
	maxContinuations = 32
	// fieldOverhead is what a field counts beyond its text (RFC 9113 §6.5.2).
	fieldOverhead = 32
)

func (b *fieldBlock) init(limits *Limits) {
	b.limits = limits
	b.dec = hpack.NewDecoder(h2TableSize, b.field)
	b.dec.SetMaxStringLength(limits.HeaderBytes)
}

// begin starts a block. The fields of the last one are the taker's.
func (b *fieldBlock) begin(id uint32, endStream bool) {
	*b = fieldBlock{dec: b.dec, limits: b.limits, id: id, endStream: endStream, fields: b.fields[:0], length: -1}
}

// write decodes a piece of the block.
func (b *fieldBlock) write(p []byte, last bool) error {
	b.pieces++
	b.bytes += len(p)
	// Encoded fields are shorter than decoded ones, or hardly longer.
	if b.pieces > maxContinuations || b.bytes > 2*b.limits.HeaderBytes {
		return broken(http2.ErrCodeEnhanceYourCalm, "header block of more than %d bytes or %d frames", 2*b.limits.HeaderBytes, maxContinuations)
	}
	if _, err := b.dec.Write(p); err != nil {
		return broken(http2.ErrCodeCompression, "header block: %v", err)
	}
	if last {
		if err := b.dec.Close(); err != nil {
			return broken(http2.ErrCodeCompression, "header block: %v", err)
		}
	}
	return nil
}

func (b *fieldBlock) wrong(what string) {
	if b.malformed == "" {
		b.malformed = what
	}
}

// field takes a decoded field.
func (b *fieldBlock) field(f hpack.HeaderField) {
	b.size += len(f.Name) + len(f.Value) + fieldOverhead
	if b.size > b.limits.HeaderBytes || len(b.fields) >= b.limits.HeaderCount {
		b.tooMany = true
		return
	}
	if !validValue(f.Value) {
		b.wrong("control character in the value of " + quote(f.Name))
		return
	}
	if strings.HasPrefix(f.Name, ":") {
		b.pseudo(f.Name, f.Value)
		return
	}
	b.regular = true
	if !validName(f.Name) {
		b.wrong("invalid field name " + quote(f.Name))
		return
	}
	if n := len(f.Value); n > 0 && (blank(f.Value[0]) || blank(f.Value[n-1])) {
		b.wrong("white space around the value of " + f.Name) // RFC 9113 §8.2.1
		return
	}
	if b.consume(f.Name, f.Value) {
		return
	}
	b.fields = append(b.fields, field.Line{Name: f.Name, Value: f.Value})
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// validName reports whether s is a field name without upper case (RFC 9113
// §8.2).
func validName(s string) bool {
	for i := range len(s) {
		if c := s[i]; classes[c]&classToken == 0 || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return s != ""
}

func (b *fieldBlock) pseudo(name, value string) {
	if b.regular {
		b.wrong("pseudo-field " + quote(name) + " after a field")
		return
	}
	var into *string
	var has *bool
	switch name {
	case ":method":
		into, has = &b.method, &b.hasMethod
	case ":scheme":
		into, has = &b.scheme, &b.hasScheme
	case ":authority":
		into, has = &b.authority, &b.hasAuthority
	case ":path":
		into, has = &b.path, &b.hasPath
	case ":protocol":
		into, has = &b.protocol, &b.hasProtocol
	case ":status":
		into, has = &b.status, &b.hasStatus
	default:
		b.wrong("unknown pseudo-field " + quote(name))
		return
	}
	if *has {
		b.wrong("pseudo-field " + name + " twice")
		return
	}
	*into, *has = value, true
}

// consume takes the fields that are the codec's business.
func (b *fieldBlock) consume(name, value string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		b.wrong("field " + name + ", which speaks about an HTTP/1 connection") // RFC 9113 §8.2.2
	case "te":
		if b.te = field.Is(value, "trailers"); !b.te {
			b.wrong("TE with " + quote(value))
		}
	case "host":
		b.host = value
		b.hosts++
	case "content-length":
		n, ok := parseLength(value)
		if !ok || b.length >= 0 && b.length != n {
			b.wrong("invalid Content-Length " + quote(value))
		}
		b.length = n
	case "expect":
		b.expect = value
	case "cookie":
		if b.cookies++; b.cookies == 1 {
			return false
		}
		for i := range b.fields { // RFC 9113 §8.2.3
			if b.fields[i].Name == "cookie" {
				b.fields[i].Value += "; " + value
			}
		}
	default:
		return false
	}
	return true
}

// checkRequest settles a request (RFC 9113 §8.3.1). A malformed one resets
// the stream; one that is well-formed and not taken is answered.
func (b *fieldBlock) checkRequest(scheme string) (malformed string, bad *refusal) {
	connect := b.method == http.MethodConnect && !b.hasProtocol
	switch {
	case b.malformed != "":
		return b.malformed, nil
	case b.tooMany:
		return "", refuse(431, "more than %d bytes or %d fields", b.limits.HeaderBytes, b.limits.HeaderCount)
	case b.hasStatus:
		return "pseudo-field :status in a request", nil
	case !b.hasMethod || !validToken(b.method):
		return "no valid :method", nil
	case b.hasProtocol && b.method != http.MethodConnect:
		return ":protocol with method " + quote(b.method), nil // RFC 8441 §4
	case connect && (b.hasScheme || b.hasPath || !hasPort(b.authority)):
		return "CONNECT with :scheme or :path, or without a port", nil // RFC 9113 §8.5
	case !connect && (!b.hasScheme || b.path == ""):
		return "no :scheme or no :path", nil
	case b.hosts > 1 || b.hosts == 1 && b.hasAuthority && !field.Is(b.host, b.authority):
		return "Host differs from :authority", nil
	}
	if !b.hasAuthority {
		b.authority = b.host
	}
	switch {
	case b.authority == "":
		return "", refuse(400, "no :authority")
	case !validAuthority(b.authority):
		return "", refuse(400, "invalid :authority %s", quote(b.authority))
	case len(b.method) > maxMethod:
		return "", refuse(501, "method longer than %d bytes", maxMethod)
	case connect:
	case len(b.path) > b.limits.TargetBytes:
		return "", refuse(414, "request target longer than %d bytes", b.limits.TargetBytes)
	case !validTarget(b.path) || b.path[0] != '/' && (b.path != "*" || b.method != http.MethodOptions):
		return "", refuse(400, "invalid :path %s", quote(b.path))
	case !field.Is(b.scheme, "http") && !field.Is(b.scheme, "https"):
		return "", refuse(400, "scheme %s", quote(b.scheme))
	case !field.Is(b.scheme, scheme):
		return "", refuse(421, "request for %s on an %s connection", b.scheme, scheme)
	case b.expect != "" && !field.Is(b.expect, "100-continue"):
		return "", refuse(417, "unknown expectation %s", quote(b.expect))
	}
	return "", nil
}

// checkResponse settles a response (RFC 9113 §8.3.2).
func (b *fieldBlock) checkResponse() (status int, malformed string) {
	switch {
	case b.malformed != "":
		return 0, b.malformed
	case b.tooMany:
		return 0, "more fields than we take"
	case b.hasMethod || b.hasScheme || b.hasAuthority || b.hasPath || b.hasProtocol:
		return 0, "a request's pseudo-field in a response"
	case len(b.status) != 3:
		return 0, "no valid :status"
	}
	n, ok := parseLength(b.status)
	if !ok || n < 100 {
		return 0, "no valid :status"
	}
	return int(n), ""
}

// checkTrailers settles a trailer section (RFC 9113 §8.1).
func (b *fieldBlock) checkTrailers() (malformed string) {
	switch {
	case b.malformed != "":
		return b.malformed
	case b.hasMethod || b.hasScheme || b.hasAuthority || b.hasPath || b.hasProtocol || b.hasStatus:
		return "pseudo-field in a trailer section"
	case !b.endStream:
		return "trailer section without END_STREAM"
	case b.tooMany:
		return "more trailer fields than we take"
	}
	return ""
}
