package rules

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"waypost/cdn"
	"waypost/http/cache"
)

// The parameters of a signed URL. The signature covers the rest of the
// target in the cache's normal form, so that nothing of it can be changed, the time
// at which it ends, and whom it is for.
const (
	paramExpires   = "wp-expires"   // seconds since 1970
	paramClient    = "wp-client"    // an address prefix, where it is for one alone
	paramKey       = "wp-key"       // the id of the key
	paramSignature = "wp-signature" // base64url without padding
)

// Sign returns a target with what opens it until a time, to the clients of a
// prefix or, where that is invalid, to everybody who has it. Origins do the
// same: HMAC-SHA-256 over the target, the time in seconds and the prefix, each
// but the last followed by a line feed.
func Sign(key cdn.SigningKey, target string, expires time.Time, client netip.Prefix) string {
	s := signed{target: target, expires: strconv.FormatInt(expires.Unix(), 10), key: key.ID}
	joint := "?"
	if strings.Contains(target, "?") {
		joint = "&"
	}
	out := target + joint + paramExpires + "=" + s.expires
	if client.IsValid() {
		s.client = client.String()
		out += "&" + paramClient + "=" + s.client
	}
	return out + "&" + paramKey + "=" + key.ID + "&" + paramSignature + "=" + base64.RawURLEncoding.EncodeToString(s.mac(key.Secret))
}

// signed is a target with its signature taken off.
type signed struct {
	target                          string
	expires, client, key, signature string
	twice                           bool // a parameter is there more than once
}

// parseSigned takes a target apart. It does not allocate where there is no
// signature.
func parseSigned(target string) (s signed) {
	s.target = target
	if !strings.Contains(target, "wp-") {
		return s
	}
	path, query, _ := strings.Cut(target, "?")
	kept, joint := path, "?"
	for rest := query; rest != ""; {
		var one string
		one, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(one, "=")
		switch name {
		case paramExpires:
			s.set(&s.expires, value)
		case paramClient:
			s.set(&s.client, strings.ReplaceAll(strings.ReplaceAll(value, "%2F", "/"), "%3A", ":"))
		case paramKey:
			s.set(&s.key, value)
		case paramSignature:
			s.set(&s.signature, value)
		default:
			kept += joint + one
			joint = "&"
		}
	}
	s.target = kept
	return s
}

func (s *signed) set(to *string, value string) {
	s.twice = s.twice || *to != ""
	*to = value
}

// Unsigned returns a target or a URL without what may open a site, for the
// record.
func Unsigned(target string) string { return parseSigned(target).target }

// present reports whether the target claims to be signed.
func (s *signed) present() bool { return s.signature != "" }

// mac is the signature that a secret makes.
func (s *signed) mac(secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(cache.AppendTarget(nil, cache.ResolveDots(s.target)))
	m.Write([]byte("\n" + s.expires + "\n" + s.client))
	return m.Sum(nil)
}

// enterBySignature decides about a signed target.
func (a *Access) enterBySignature(now time.Time, s *signed, client netip.Addr) Entry {
	e := Entry{By: "signature"}
	given, err := base64.RawURLEncoding.DecodeString(s.signature)
	fits := false
	for _, k := range a.keys {
		if k.ID == s.key {
			fits = hmac.Equal(s.mac(k.Secret), given)
		}
	}
	if !fits || err != nil || s.twice {
		e.Reason = "the signature does not fit the URL"
		return e
	}
	e.Who = s.key
	seconds, err := strconv.ParseInt(s.expires, 10, 64)
	if err != nil || !now.Before(time.Unix(seconds, 0)) {
		e.Reason = "the signed URL is no longer valid"
		return e
	}
	if s.client != "" {
		prefix, err := netip.ParsePrefix(s.client)
		if err != nil || !prefix.Contains(client.Unmap()) {
			e.Reason = "the signed URL is for another client"
			return e
		}
	}
	e.Allowed = true
	return e
}
