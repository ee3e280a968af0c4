package wire

import (
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"waypost/http/field"
)

// This file encodes header blocks. The encoder's table is the connection's:
// all of it happens under the mutex, in the order of the frames.

// encode adds a field to the block. Secrets, and values that will hardly
// come again, stay out of the table (RFC 7541 §7.1.3): they would drive out
// the others. The table keeps what goes in: value may lie in memory that its
// owner uses again, so that a copy goes there; name must be constant, or owned.
func (c *h2Conn) encode(name, value string) {
	f := hpack.HeaderField{Name: name, Value: value, Sensitive: fleeting(name)}
	if !f.Sensitive {
		f.Value = c.own(value)
	}
	_ = c.enc.WriteField(f)
}

func fleeting(name string) bool {
	switch name {
	case "content-length", "age", "set-cookie", "authorization", "proxy-authorization",
		"if-none-match", "if-modified-since", "traceparent", "content-range", "location",
		"etag", "last-modified", "cache-status", "proxy-status", "server-timing", "ratelimit", "retry-after":
		return true
	}
	return false
}

// h2OwnedBytes bounds the copies that are at hand for what comes again: twice
// what the table holds.
const h2OwnedBytes = 2 * h2TableSize

// own returns s in memory that does not change: the copy made before, where s
// has come lately. What is too long for the table stays where it is.
func (c *h2Conn) own(s string) string {
	if copied, ok := c.owned[s]; ok {
		return copied
	}
	if len(s) > h2TableSize {
		return s
	}
	if c.owned == nil {
		c.owned = map[string]string{}
	}
	if c.ownedBytes += len(s); c.ownedBytes > h2OwnedBytes {
		clear(c.owned)
		c.ownedBytes = len(s)
	}
	s = strings.Clone(s)
	c.owned[s] = s
	return s
}

func (c *h2Conn) encodeInt(name string, n int64) {
	c.encode(name, str(strconv.AppendInt(c.digits[:0], n, 10))) // content-length: not kept in the table
}

// encodeFields adds the fields of f that are not the codec's own business.
// They have been checked.
func (c *h2Conn) encodeFields(f field.Fields) {
	for i := range f {
		if !connectionField(f[i].Name) {
			c.encodeField(f[i])
		}
	}
}

func (c *h2Conn) encodeField(l field.Line) {
	name := lower(l.Name)
	if unsafe.StringData(name) == unsafe.StringData(l.Name) && !fleeting(name) {
		name = c.own(name)
	}
	c.encode(name, l.Value)
}

// appendBlock appends the encoded block as HEADERS and CONTINUATION frames.
func (c *h2Conn) appendBlock(id uint32, end bool) {
	b := c.encoded.Bytes()
	n := min(len(b), c.peer.maxFrame)
	_ = c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:n], EndStream: end, EndHeaders: n == len(b)})
	for b = b[n:]; len(b) > 0; b = b[n:] {
		n = min(len(b), c.peer.maxFrame)
		_ = c.fr.WriteContinuation(id, n == len(b), b[:n])
	}
	c.encoded.Reset()
}

// lower is name in lower case; the names that most responses have cost no
// allocation.
func lower(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			if known, ok := lowered[name]; ok {
				return known
			}
			return strings.ToLower(name)
		}
	}
	return name
}

var lowered = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Allow-Origin", "Age",
		"Alt-Svc", "Authorization", "Cache-Control", "Cache-Status", "CDN-Cache-Control", "CDN-Loop",
		"Content-Disposition", "Content-Encoding", "Content-Language", "Content-Location", "Content-Range",
		"Content-Security-Policy", "Content-Type", "Cookie", "Date", "ETag", "Expires", "If-Modified-Since",
		"If-None-Match", "If-Range", "Last-Modified", "Link", "Location", "Origin", "Proxy-Status", "Range", "Referer",
		"Retry-After", "Server", "Server-Timing", "Set-Cookie", "Strict-Transport-Security", "Surrogate-Control",
		"Surrogate-Key", "Traceparent", "User-Agent", "Vary", "Via", "WWW-Authenticate",
		"X-Cache", "X-Content-Type-Options", "X-Forwarded-For", "X-Forwarded-Proto", "X-Frame-Options",
	} {
		m[name] = strings.ToLower(name)
	}
	return m
}()

// statusText is a status as :status has it.
func statusText(status int) string {
	switch status {
	case 200:
		return "200"
	case 206:
		return "206"
	case 304:
		return "304"
	case 404:
		return "404"
	}
	return strconv.Itoa(status)
}
