package rules

import (
	"fmt"
	"slices"
	"strings"

	"waypost/cdn"
	"waypost/http/field"
)

// Headers change fields: those of requests to the origin, or those of
// responses to the client.
type Headers []*Header

// Header is one of the rules, compiled.
type Header struct {
	path   *Pattern
	action cdn.Action
	line   field.Line
}

// bound fields are not for rules: they belong to one connection or to the
// framing (RFC 9110 §7.6.1), or say what the edge and its cache have done, which must
// stay true.
var bound = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade",
	"Content-Length", "Expect", "Host", "Age", "Date", "Via", "CDN-Loop", "Cache-Status", "Proxy-Status",
	"Content-Encoding", "Content-Range", "ETag"}

// boundToOrigin are those that choose what the origin sends; what is stored
// must fit what was asked for.
var boundToOrigin = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	"Accept-Encoding", "Accept-Language", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Traceparent"}

// NewHeader compiles a rule. The error says what may not be done, and what to
// do instead where there is something.
func NewHeader(in cdn.Header) (*Header, error) {
	h := &Header{action: in.Action, line: field.Line{Name: in.Name, Value: in.Value}}
	var err error
	if h.path, err = pathPattern(in.Path); err != nil {
		return nil, fmt.Errorf("path %q: %w", in.Path, err)
	}
	is := func(name string) bool { return field.Is(name, in.Name) }
	switch {
	case !isToken(in.Name):
		return nil, fmt.Errorf("%q is no name of a field", in.Name)
	case slices.ContainsFunc(bound, is):
		return nil, fmt.Errorf("%s belongs to the connection or to what the cache says: it cannot be changed", in.Name)
	case in.ToOrigin && slices.ContainsFunc(boundToOrigin, is):
		return nil, fmt.Errorf("%s decides what the origin sends, or tells for whom we ask: it cannot be changed (see key for languages and codings)", in.Name)
	case !in.ToOrigin && in.Action != cdn.Add && is("Vary"):
		return nil, fmt.Errorf("what Vary says must stay: it can only be added to")
	case in.Action == cdn.Remove && in.Value != "":
		return nil, fmt.Errorf("a field is removed whatever its value: leave the value out")
	case in.Value != strings.TrimSpace(in.Value) || strings.ContainsFunc(in.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		return nil, fmt.Errorf("the value %q has spaces at its ends or control characters", in.Value)
	}
	return h, nil
}

// Fit reports whether any rule is for the path.
func (hs Headers) Fit(path string) bool {
	for _, h := range hs {
		if h.path.Match(path, nil) {
			return true
		}
	}
	return false
}

// Apply changes f, which is the caller's own, by the rules for a path, in
// their order.
func (hs Headers) Apply(f *field.Fields, path string) {
	for _, h := range hs {
		if !h.path.Match(path, nil) {
			continue
		}
		switch h.action {
		case cdn.Set:
			f.Set(h.line.Name, h.line.Value)
		case cdn.Add:
			f.Add(h.line.Name, h.line.Value)
		case cdn.Remove:
			f.Del(h.line.Name)
		}
	}
}

// Strip takes off f, which is the caller's own, what the rules for a path
// remove.
func (hs Headers) Strip(f *field.Fields, path string) {
	for _, h := range hs {
		if h.action == cdn.Remove && h.path.Match(path, nil) {
			f.Del(h.line.Name)
		}
	}
}

// Changes says what Apply does, for the record.
func (hs Headers) Changes(path string) (done []string) {
	for _, h := range hs {
		if h.path.Match(path, nil) {
			done = append(done, [...]string{cdn.Set: "set ", cdn.Add: "add ", cdn.Remove: "remove "}[h.action]+h.line.Name)
		}
	}
	return done
}
