package rules

import (
	"fmt"
	"slices"

	"waypost/cdn"
	"waypost/http/field"
)

// claims are the fields that no origin must see under another name either,
// besides bound and boundToOrigin: they say who asks, and from where.
var claims = []string{"Authorization", "Cookie", "Proxy", "Origin", DeviceField}

// checkForwarded returns why a field cannot be one that passes although an edge
// drops it by itself: an origin that takes "_" for "-" must not get by it what
// the edge writes, what the key knows or what a rule of the site is about.
func checkForwarded(in *cdn.Rules, name string) error {
	if !isToken(name) {
		return fmt.Errorf("%q is no name of a field", name)
	}
	dashed := []byte(name)
	for i, c := range dashed {
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') {
			dashed[i] = '-'
		}
	}
	is := func(other string) bool { return field.Is(other, string(dashed)) }
	for _, known := range [][]string{bound, boundToOrigin, claims} {
		if slices.ContainsFunc(known, is) {
			return fmt.Errorf("%s stands for %s with some servers, and that is not for clients to write", name, dashed)
		}
	}
	if field.Is(name, string(dashed)) {
		return nil // it is what it seems
	}
	if slices.ContainsFunc(in.Key.Headers, func(p cdn.Part) bool { return is(p.Name) }) {
		return fmt.Errorf("%s stands for %s with some servers, and that is in the key", name, dashed)
	}
	if slices.ContainsFunc(in.Headers, func(h cdn.Header) bool { return h.ToOrigin && is(h.Name) }) {
		return fmt.Errorf("%s stands for %s with some servers, and a rule is about that", name, dashed)
	}
	return nil
}

// CheckForwarded returns what is wrong with the first of a site's ForwardFields
// that cannot be one.
func CheckForwarded(in *cdn.Rules) error {
	for _, name := range in.ForwardFields {
		if err := checkForwarded(in, name); err != nil {
			return err
		}
	}
	return nil
}

// Forwards reports whether the owner lets a request field pass that an edge
// drops by itself: one that counts in the key, or is named for it.
func (s *Set) Forwards(name string) bool {
	return slices.ContainsFunc(s.forward, func(f string) bool { return field.Is(f, name) }) || s.Key.counts(name)
}

// counts reports whether a field counts in the key.
func (k *Key) counts(name string) bool {
	return k != nil && slices.ContainsFunc(k.headers, func(p cdn.Part) bool { return field.Is(p.Name, name) })
}
