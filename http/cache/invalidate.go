package cache

import (
	"net/url"

	"waypost/http/field"
)

// Invalidates reports whether a response with that status to that method
// makes what is stored for the target URI invalid (RFC 9111 §4.4): it was no
// error, and the method is not known to be safe.
func Invalidates(method string, status int) bool {
	return status >= 200 && status < 400 && !isSafe(method)
}

// isSafe reports whether a method is registered as safe (RFC 9110 §9.2.1,
// §18.2). One that nobody knows is not.
func isSafe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH":
		return true
	}
	return false
}

// InvalidatesAlso returns the origin-form targets, beside the request's own,
// that become invalid with it: those that Location and Content-Location
// name, if they are of the same origin (RFC 9111 §4.4).
func InvalidatesAlso(scheme, host, path string, resp field.Fields) []string {
	var targets []string
	for _, name := range [...]string{"Location", "Content-Location"} {
		ref, ok := resp.Lookup(name)
		if !ok {
			continue
		}
		target, ok := sameOrigin(scheme, host, path, ref)
		if ok && target != path && !contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// sameOrigin resolves ref against the target URI and returns its path and
// query, if scheme, host and port are the same (RFC 9110 §4.3.1).
func sameOrigin(scheme, host, path, ref string) (target string, ok bool) {
	base, err := url.Parse(scheme + "://" + host + path)
	if err != nil {
		return "", false
	}
	to, err := base.Parse(trim(ref))
	if err != nil || to.Opaque != "" {
		return "", false
	}
	if string(appendOrigin(nil, scheme, host)) != string(appendOrigin(nil, to.Scheme, to.Host)) {
		return "", false
	}
	return ResolveDots(to.RequestURI()), true
}
