package origin

import (
	"fmt"
	"slices"
	"strings"
)

// Handler answers one request. It runs in a goroutine of its own, and w and r
// are its own until it returns.
type Handler func(w *Response, r *Request)

// Route says which requests a handler takes.
type Route struct {
	// Name is what the record calls the handler, e.g. "api".
	Name string
	// Path is matched against the decoded path: exactly, or, where it ends in
	// "/*", as a prefix up to and including the slash. An exact path comes
	// before a prefix, a longer prefix before a shorter one.
	Path string
	// Methods that the handler takes; GET brings HEAD along. Empty: GET.
	Methods []string
	// MaxBody is the largest request body in bytes; 0 means Config.MaxBody.
	MaxBody int64
	Handle  Handler
}

// table finds routes.
type table struct {
	exact  map[string][]Route
	prefix []prefix // longest first
}

type prefix struct {
	path   string // with its final slash
	routes []Route
}

// standard are the methods of RFC 9110 §9.3 and RFC 5789. One that is not among them
// gets 501, one that a resource does not take gets 405 (RFC 9110 §9.1).
var standard = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func compile(routes []Route) (table, error) {
	t := table{exact: map[string][]Route{}}
	prefixes := map[string][]Route{}
	for _, r := range routes {
		if len(r.Methods) == 0 {
			r.Methods = []string{"GET"}
		}
		switch {
		case r.Handle == nil:
			return t, fmt.Errorf("route %q: no handler", r.Path)
		case !strings.HasPrefix(r.Path, "/"):
			return t, fmt.Errorf("route %q: a path begins with a slash", r.Path)
		case r.MaxBody < 0:
			return t, fmt.Errorf("route %q: body limit %d is below zero", r.Path, r.MaxBody)
		}
		for _, m := range r.Methods {
			if !slices.Contains(standard, m) {
				return t, fmt.Errorf("route %q: unknown method %q", r.Path, m)
			}
		}
		m, path := t.exact, r.Path
		if strings.HasSuffix(path, "/*") {
			m, path = prefixes, path[:len(path)-1]
		}
		for _, other := range m[path] {
			for _, method := range r.Methods {
				if slices.Contains(other.Methods, method) {
					return t, fmt.Errorf("route %q: %s is taken twice", r.Path, method)
				}
			}
		}
		m[path] = append(m[path], r)
	}
	for path, rs := range prefixes {
		t.prefix = append(t.prefix, prefix{path, rs})
	}
	slices.SortFunc(t.prefix, func(a, b prefix) int { return len(b.path) - len(a.path) })
	return t, nil
}

// match returns the routes of a path, and what a prefix left over.
func (t *table) match(path string) (routes []Route, rest string) {
	if routes := t.exact[path]; routes != nil {
		return routes, ""
	}
	for _, p := range t.prefix {
		if rest, ok := strings.CutPrefix(path, p.path); ok {
			return p.routes, rest
		}
	}
	return nil, ""
}

// find returns who answers r, and sets the limit on its body; or the problem
// that answers it instead.
func (s *Server) find(w *Response, r *Request) (Handler, *Problem) {
	if !slices.Contains(standard, r.Method) {
		return nil, &Problem{Status: 501, Detail: "no such method here: " + r.Method, Clause: "RFC 9110 §15.6.2"}
	}
	if r.Path == "*" && r.Method == "OPTIONS" {
		return options(nil), nil
	}
	routes, rest := s.routes.match(r.Resource)
	if routes == nil {
		return s.fallback(w, r)
	}
	method := r.Method
	if r.extendedConnect() {
		method = "GET" // what opens a WebSocket over HTTP/1.1
	}
	for i := range routes {
		if !takes(routes[i].Methods, method) {
			continue
		}
		w.handler, r.Rest = routes[i].Name, rest
		if routes[i].MaxBody > 0 {
			r.limit.max = routes[i].MaxBody
		}
		if problem := r.limit.announced(r.Length); problem != nil {
			return nil, problem
		}
		return routes[i].Handle, nil
	}
	w.handler = routes[0].Name
	var methods []string
	for _, route := range routes {
		methods = append(methods, route.Methods...)
	}
	if r.Method == "OPTIONS" {
		return options(methods), nil
	}
	return nil, notAllowed(methods)
}

// fallback is the files, or nothing.
func (s *Server) fallback(w *Response, r *Request) (Handler, *Problem) {
	if s.config.Files == nil {
		return nil, &Problem{Status: 404, Clause: "RFC 9110 §15.5.5"}
	}
	w.handler = "file"
	files := []string{"GET"}
	switch {
	case r.Method == "OPTIONS":
		return options(files), nil
	case !takes(files, r.Method):
		return nil, notAllowed(files)
	}
	if problem := r.limit.announced(r.Length); problem != nil {
		return nil, problem
	}
	return s.config.Files.Serve, nil
}

func takes(methods []string, method string) bool {
	return slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET")
}

// allow is the Allow field's value (RFC 9110 §10.2.1).
func allow(methods []string) string {
	all := slices.Clone(methods)
	if slices.Contains(all, "GET") {
		all = append(all, "HEAD")
	}
	all = append(all, "OPTIONS")
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

func notAllowed(methods []string) *Problem {
	p := &Problem{Status: 405, Detail: "this takes " + allow(methods), Clause: "RFC 9110 §15.5.6"}
	p.Fields.Add("Allow", allow(methods))
	return p
}

// options answers OPTIONS (RFC 9110 §9.3.7).
func options(methods []string) Handler {
	return func(w *Response, _ *Request) {
		if methods != nil {
			w.Fields.Add("Allow", allow(methods))
		}
		w.Respond(204, 0)
	}
}
