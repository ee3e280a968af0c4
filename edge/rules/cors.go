package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/http/field"
)

// CORS is one rule of who may read responses from another origin (Fetch
// §3.3), compiled.
type CORS struct {
	path        *Pattern
	any         bool
	exact       []string // serialised origins, lower case
	below       []below
	credentials bool
	methods     []string // besides the safelisted ones
	headers     []string
	anyHeader   bool

	// Values of fields, written once.
	allowMethods, expose, maxAge string
}

// below is an origin whose host begins with a star.
type below struct{ scheme, suffix string } // "https://" and ".app.test:8443"

// CORSRules are those of a site.
type CORSRules []*CORS

// For returns the rule for a path, or nil.
func (all CORSRules) For(path string) *CORS {
	for _, c := range all {
		if c.path.Match(path, nil) {
			return c
		}
	}
	return nil
}

// NewCORS compiles a rule.
func NewCORS(in cdn.CORS) (*CORS, error) {
	c := &CORS{credentials: in.Credentials, expose: strings.Join(in.Expose, ", ")}
	var err error
	if c.path, err = pathPattern(in.Path); err != nil {
		return nil, fmt.Errorf("path %q: %w", in.Path, err)
	}
	if len(in.Origins) == 0 {
		return nil, errors.New("name the origins that may read")
	}
	for _, o := range in.Origins {
		if err := c.addOrigin(o); err != nil {
			return nil, fmt.Errorf("origin %q: %w", o, err)
		}
	}
	if c.any && c.credentials {
		return nil, errors.New("credentials for any origin would let every page read what a visitor may: list the origins")
	}
	for _, m := range in.Methods {
		if !isToken(m) {
			return nil, fmt.Errorf("method %q: write one such as PUT", m)
		}
		if !safelisted(m) {
			c.methods = append(c.methods, m)
		}
	}
	for _, h := range append(slices.Clone(in.Headers), in.Expose...) {
		if !isToken(h) {
			return nil, fmt.Errorf("header %q: write the name of a field", h)
		}
	}
	for _, h := range in.Headers {
		if h == "*" {
			c.anyHeader = true
			continue
		}
		c.headers = append(c.headers, h)
	}
	c.allowMethods = strings.Join(append([]string{"GET", "HEAD", "POST"}, c.methods...), ", ")
	if in.MaxAge > 0 {
		c.maxAge = strconv.FormatInt(int64(in.MaxAge/time.Second), 10)
	}
	return c, nil
}

// addOrigin reads one origin of a rule.
func (c *CORS) addOrigin(text string) error {
	text = strings.ToLower(text)
	if text == "*" || text == "null" {
		c.any = c.any || text == "*"
		c.exact = append(c.exact, text)
		return nil
	}
	scheme, host, ok := strings.Cut(text, "://")
	name, port, hasPort := strings.Cut(host, ":")
	switch {
	case !ok || !isToken(scheme):
		return errors.New("write scheme and host such as https://app.test, or * for any")
	case strings.ContainsAny(host, "/?#@") || host == "":
		return errors.New("an origin is scheme, host and port, without a path")
	case scheme == "https" && port == "443" || scheme == "http" && port == "80" || hasPort && port == "":
		return errors.New("browsers leave the default port out: so must you")
	}
	if suffix, ok := strings.CutPrefix(host, "*."); ok {
		if strings.Contains(suffix, "*") || !strings.Contains(name[2:], ".") && name[2:] != "localhost" {
			return errors.New("the star stands for labels below a domain, as in https://*.app.test")
		}
		c.below = append(c.below, below{scheme + "://", "." + suffix})
		return nil
	}
	if strings.Contains(host, "*") {
		return errors.New("the star stands for labels below a domain, as in https://*.app.test")
	}
	c.exact = append(c.exact, text)
	return nil
}

// allows reports whether a page of that origin may read. The origin is
// compared as browsers serialise it.
func (c *CORS) allows(origin string) bool {
	if c.any || slices.Contains(c.exact, origin) {
		return true
	}
	for _, b := range c.below {
		host, ok := strings.CutPrefix(origin, b.scheme)
		if !ok {
			continue
		}
		if labels, ok := strings.CutSuffix(host, b.suffix); ok && isLabels(labels) {
			return true
		}
	}
	return false
}

// isLabels reports whether s is labels of a host name.
func isLabels(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && (c != '.' || i == 0) {
			return false
		}
	}
	return s != ""
}

// IsPreflight reports whether a request is one (Fetch §4.8): it asks whether
// another may be made.
func IsPreflight(method string, f field.Fields) bool {
	return method == "OPTIONS" && f.Has("Origin") && f.Has("Access-Control-Request-Method")
}

// Preflight appends the answer to a preflight. Where it may not be, reason
// says why in a clause, and nothing is appended but Vary.
func (c *CORS) Preflight(dst *field.Fields, req field.Fields) (reason string, ok bool) {
	dst.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	origin, method := req.Get("Origin"), req.Get("Access-Control-Request-Method")
	switch {
	case !c.allows(origin):
		return "the origin " + strconv.Quote(origin) + " is not among those that may read", false
	case !safelisted(method) && !slices.Contains(c.methods, method):
		return "the method " + strconv.Quote(method) + " is not among " + c.allowMethods, false
	}
	var asked []string
	for name := range req.All("Access-Control-Request-Headers") {
		if !c.takes(name) {
			return "the field " + strconv.Quote(name) + " is not among those that may be sent", false
		}
		asked = append(asked, name)
	}
	c.allow(dst, origin)
	dst.Add("Access-Control-Allow-Methods", c.allowMethods)
	if len(asked) > 0 {
		dst.Add("Access-Control-Allow-Headers", strings.Join(asked, ", "))
	}
	if c.maxAge != "" {
		dst.Add("Access-Control-Max-Age", c.maxAge)
	}
	return "", true
}

// takes reports whether a request field may be sent. "*" does not cover
// Authorization (Fetch §3.3.4).
func (c *CORS) takes(name string) bool {
	if slices.ContainsFunc(c.headers, func(h string) bool { return field.Is(h, name) }) {
		return true
	}
	return c.anyHeader && !field.Is(name, "Authorization") && isToken(name)
}

// Decorate makes f, the fields of a response, say who may read it. What the
// origin said about that is replaced: a response that is stored came for
// another page than the one that asks now. origin is the request's Origin,
// "" for none.
func (c *CORS) Decorate(f *field.Fields, origin string) (allowed bool) {
	kept := (*f)[:0]
	for _, l := range *f {
		if !isCORSField(l.Name) {
			kept = append(kept, l)
		}
	}
	*f = kept
	if !c.any {
		AddVary(f, "Origin") // also where none was sent: the next one's may be
	}
	if origin == "" || !c.allows(origin) {
		return false
	}
	c.allow(f, origin)
	if c.expose != "" {
		f.Add("Access-Control-Expose-Headers", c.expose)
	}
	return true
}

// allow appends what lets a page of that origin read.
func (c *CORS) allow(dst *field.Fields, origin string) {
	if c.any {
		dst.Add("Access-Control-Allow-Origin", "*")
		return
	}
	dst.Add("Access-Control-Allow-Origin", origin)
	if c.credentials {
		dst.Add("Access-Control-Allow-Credentials", "true")
	}
}

// isCORSField reports whether a response field tells who may read it.
func isCORSField(name string) bool {
	const prefix = "Access-Control-"
	return len(name) > len(prefix) && field.Is(name[:len(prefix)], prefix)
}

// safelisted methods need no preflight (Fetch §2.2.1).
func safelisted(method string) bool { return method == "GET" || method == "HEAD" || method == "POST" }
