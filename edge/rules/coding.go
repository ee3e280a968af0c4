package rules

import (
	"fmt"
	"slices"
	"strings"

	"waypost/cdn"
	"waypost/http/field"
)

// Compress says which stored responses are compressed, and for whom.
type Compress struct {
	codings []string // best liked first
	types   []string
	minimum int64
}

// compressTypes are the media types that compress well and are not compressed
// in themselves: those of a site that names none. Nothing writes to it.
var compressTypes = []string{"text/*", "*+json", "*+xml", "application/json", "application/javascript",
	"application/xml", "application/wasm", "application/x-javascript", "application/rss+xml",
	"font/ttf", "font/otf", "image/x-icon", "image/bmp"}

// DefaultMinimum is the size below which compression is not worth its header
// fields: what a response's first packet has room for.
const DefaultMinimum = 1 << 10

// MaxCompressed bounds the bodies that are compressed: a processor is busy
// with one of that size for less than half a second.
const MaxCompressed = 8 << 20

// Codings are the content codings that there are, as in cdn.Compress.
func Codings() []string { return []string{"br", "zstd", "gzip"} }

// NewCompress compiles the rule; it returns nil where there are no codings.
func NewCompress(in cdn.Compress) (*Compress, error) {
	if len(in.Codings) == 0 {
		return nil, nil
	}
	c := &Compress{codings: in.Codings, types: compressTypes, minimum: in.Minimum}
	for _, coding := range in.Codings {
		if !slices.Contains(Codings(), coding) {
			return nil, fmt.Errorf("coding %q: there are %s", coding, strings.Join(Codings(), ", "))
		}
	}
	if in.Types != nil {
		c.types = nil
	}
	for _, t := range in.Types {
		if !strings.Contains(t, "/") && !strings.HasPrefix(t, "*+") || strings.ContainsAny(t, " ;,") {
			return nil, fmt.Errorf("type %q: write one such as text/css, text/* or *+json", t)
		}
		c.types = append(c.types, strings.ToLower(t))
	}
	if c.minimum == 0 {
		c.minimum = DefaultMinimum
	}
	return c, nil
}

// Fits reports whether a response whose whole content has that size, -1 for
// one that is not known yet, may be compressed: its type is one to compress, it is in no
// coding already, and neither side forbids it (RFC 9110 §7.7). It does not
// allocate.
func (c *Compress) Fits(resp, req field.Fields, size int64) bool {
	if size >= 0 && size < c.minimum || size > MaxCompressed {
		return false
	}
	media := ""
	for i := range resp {
		switch name := resp[i].Name; len(name) {
		case len("Content-Type"):
			if field.Is(name, "Content-Type") {
				media = resp[i].Value
			}
		case len("Cache-Control"):
			if field.Is(name, "Cache-Control") && forbidsTransform(resp[i].Value) {
				return false
			}
		case len("Content-Encoding"):
			if field.Is(name, "Content-Encoding") {
				return false
			}
		}
	}
	if !c.takes(media) {
		return false
	}
	for i := range req {
		if len(req[i].Name) == len("Cache-Control") && field.Is(req[i].Name, "Cache-Control") && forbidsTransform(req[i].Value) {
			return false // RFC 9111 §5.2.1.6
		}
	}
	return true
}

// takes reports whether a media type is one to compress.
func (c *Compress) takes(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.Trim(media, " \t")
	if field.Is(media, "text/event-stream") {
		return false
	}
	for _, t := range c.types {
		switch {
		case strings.HasSuffix(t, "/*"):
			if n := len(t) - 1; len(media) > n && field.Is(media[:n], t[:n]) {
				return true
			}
		case t[0] == '*':
			if n := len(t) - 1; len(media) > n && field.Is(media[len(media)-n:], t[1:]) {
				return true
			}
		case field.Is(media, t):
			return true
		}
	}
	return false
}

// forbidsTransform reports whether a Cache-Control value has no-transform.
func forbidsTransform(value string) bool {
	for rest := value; rest != ""; {
		var directive string
		directive, rest, _ = strings.Cut(rest, ",")
		if field.Is(strings.Trim(directive, " \t"), "no-transform") {
			return true
		}
	}
	return false
}

// Choose returns the coding that the client likes best by the weights of its
// Accept-Encoding (RFC 9110 §12.5.3), of equals the one that the site likes
// best; "" is for none. It does not allocate.
func (c *Compress) Choose(req field.Fields) string {
	best, most := "", 0
	for _, coding := range c.codings {
		if w := weight(req, coding); w > most {
			best, most = coding, w
		}
	}
	if most > 0 && most < 1000 && weightNamed(req, "identity") > most {
		return ""
	}
	return best
}

// weight is how much the client likes a coding, in thousandths: 0 for not at
// all.
func weight(req field.Fields, coding string) int {
	if w := weightNamed(req, coding); w >= 0 {
		return w
	}
	return max(0, weightNamed(req, "*"))
}

// weightNamed is the weight that Accept-Encoding gives a name, -1 where the
// name is not there.
func weightNamed(req field.Fields, name string) int {
	for i := range req {
		if !field.Is(req[i].Name, "Accept-Encoding") {
			continue
		}
		for rest := req[i].Value; rest != ""; {
			var member string
			member, rest, _ = strings.Cut(rest, ",")
			token, parameter, weighted := strings.Cut(member, ";")
			if token = strings.Trim(token, " \t"); !field.Is(token, name) && (name != "gzip" || !field.Is(token, "x-gzip")) {
				continue
			}
			if !weighted {
				return 1000
			}
			return qvalue(strings.Trim(parameter, " \t"))
		}
	}
	return -1
}

// qvalue reads "q=0.5" in thousandths (RFC 9110 §12.4.2). What is no weight
// counts as 0: a coding that was not clearly asked for is not sent.
func qvalue(s string) int {
	if len(s) < 3 || s[0]|0x20 != 'q' || s[1] != '=' {
		return 0
	}
	s = s[2:]
	if s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' || len(s) > 5 {
		return 0
	}
	n, scale := int(s[0]-'0')*1000, 100
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n += int(s[i]-'0') * scale
		scale /= 10
	}
	if n > 1000 {
		return 0
	}
	return n
}

// Encode makes the fields of a response, which are the caller's own, those of
// its coded form. The entity tag becomes weak: the bytes are others, and
// another edge may make other ones of the same content (RFC 9110 §8.8.3.3).
// Digests of the bytes, and the offer of parts of them, do not hold.
func Encode(f *field.Fields, coding string) {
	kept := (*f)[:0]
	for _, l := range *f {
		switch len(l.Name) {
		case len("Digest"):
			if field.Is(l.Name, "Digest") {
				continue
			}
		case len("Repr-Digest"):
			if field.Is(l.Name, "Repr-Digest") || field.Is(l.Name, "Content-MD5") {
				continue
			}
		case len("Accept-Ranges"):
			if field.Is(l.Name, "Accept-Ranges") {
				continue
			}
		case len("Content-Digest"):
			if field.Is(l.Name, "Content-Digest") || field.Is(l.Name, "Content-Length") {
				continue
			}
		}
		kept = append(kept, l)
	}
	*f = kept
	f.Add("Content-Encoding", coding)
}
