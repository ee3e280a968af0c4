package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/http/field"
)

// Access closes a site to all but those who know a password (RFC 7617) or
// bring a signed URL. It is safe for concurrent use.
type Access struct {
	Challenge string // WWW-Authenticate; "" where there are no passwords
	passwords *passwords
	keys      []cdn.SigningKey
}

// minSecret is the least length of a signing key: as long as what it makes
// is hard to guess (RFC 2104 §3).
const minSecret = 32

// keyBytes are what the id of a key is of: it stands in URLs as it is.
const keyBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

// newAccess compiles the rule; nil where the site is open.
func newAccess(in *cdn.Access) (*Access, error) {
	if !in.Closed() {
		return nil, nil
	}
	a := &Access{keys: in.Keys}
	for i, k := range in.Keys {
		switch {
		case k.ID == "" || strings.Trim(k.ID, keyBytes) != "":
			return nil, fmt.Errorf("key id %q: write a word such as 2026a", k.ID)
		case slices.ContainsFunc(in.Keys[:i], func(other cdn.SigningKey) bool { return other.ID == k.ID }):
			return nil, fmt.Errorf("there are two keys %q", k.ID)
		case len(k.Secret) < minSecret:
			return nil, fmt.Errorf("the secret of key %q has %d bytes, at least %d are wanted", k.ID, len(k.Secret), minSecret)
		}
	}
	if len(in.Users) == 0 {
		return a, nil
	}
	realm := in.Realm
	if realm == "" {
		realm = "private"
	}
	if strings.ContainsFunc(realm, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		return nil, errors.New("the realm is ASCII without quotes")
	}
	a.Challenge = `Basic realm="` + realm + `", charset="UTF-8"`
	var err error
	a.passwords, err = newPasswords(in.Users)
	return a, err
}

// CheckAccess returns what is wrong with a site's access.
func CheckAccess(in *cdn.Access) error {
	_, err := newAccess(in)
	return err
}

// Entry is what became of a request to a private site.
type Entry struct {
	Allowed bool
	By      string // "password", "signature" or "none"
	Who     string // the user, or the key's id
	Reason  string // why not, in a clause
	Busy    bool   // too many passwords are being verified: ask again
	// Target is the request's without what was for us: its signature.
	Target string
	// Spent tells that Authorization was for us, and goes no further.
	Spent bool
}

// Enter decides about a request for a target at a time, by the client at an
// address. A signed URL opens what only reads (GET and HEAD): it is given to
// people to look at something, and stands in logs and histories. Over a password that it has not seen it takes as long as the hash
// wants; over one that it has, no time and no allocation.
func (a *Access) Enter(now time.Time, method, target string, req field.Fields, client netip.Addr) Entry {
	if len(a.keys) > 0 {
		if signed := parseSigned(target); signed.present() {
			e := a.enterBySignature(now, &signed, client)
			if e.Allowed && method != "GET" && method != "HEAD" {
				e.Allowed, e.Reason = false, "a signed URL opens GET and HEAD alone"
			}
			e.Target = signed.target
			return e
		}
	}
	e := Entry{By: "none", Target: target, Reason: "the site is private, and nothing was shown that opens it"}
	if a.passwords == nil {
		return e
	}
	given, ok := basic(req)
	if !ok {
		return e
	}
	e.By, e.Spent = "password", true
	switch who, verdict := a.passwords.verify(given); verdict {
	case right:
		e.Allowed, e.Who, e.Reason = true, who, ""
	case wrong:
		e.Reason = "name and password do not fit"
	case busy:
		e.Busy, e.Reason = true, "too many passwords are being verified"
	}
	return e
}

// basic returns the credentials of a request, still encoded. ok is false
// where there are none, or not for one user (RFC 7617 §2).
func basic(req field.Fields) (credentials string, ok bool) {
	value, ok := req.Lookup("Authorization")
	if !ok || req.Count("Authorization") != 1 {
		return "", false
	}
	scheme, credentials, ok := strings.Cut(value, " ")
	return strings.Trim(credentials, " "), ok && field.Is(scheme, "Basic")
}

// AppendPrivate appends the Cache-Control that the client gets of a response
// of a private site: what f says, but that no cache besides the client's own
// may keep it.
func AppendPrivate(dst []byte, f field.Fields) []byte {
	dst = append(dst, "private"...)
	for i := range f {
		if !field.Is(f[i].Name, "Cache-Control") {
			continue
		}
		for rest := f[i].Value; rest != ""; {
			var directive string
			directive, rest = cutDirective(rest)
			name, _, _ := strings.Cut(directive, "=")
			if name = strings.Trim(name, " \t"); name == "" || field.Is(name, "public") || field.Is(name, "private") ||
				field.Is(name, "s-maxage") || field.Is(name, "proxy-revalidate") {
				continue
			}
			dst = append(append(dst, ", "...), directive...)
		}
	}
	return dst
}

// cutDirective cuts the first member off a list whose members may have quoted
// arguments.
func cutDirective(list string) (first, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return strings.Trim(list[:i], " \t"), list[i+1:]
		}
	}
	return strings.Trim(list, " \t"), ""
}

// SharedControls are the fields that speak to shared caches alone, which are
// not to keep what is private (RFC 9213, Edge Architecture Specification).
func SharedControls() []string { return []string{"CDN-Cache-Control", "Surrogate-Control"} }
