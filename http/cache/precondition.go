package cache

import (
	"strings"
	"time"

	"waypost/http/field"
)

// Validator is what a representation can be compared by. The zero value is
// that of a resource without a current representation.
type Validator struct {
	ETag         string    // as in the field, quoted, with W/ where weak; "" for none
	LastModified time.Time // zero for none
	Exists       bool      // there is a current representation
	// Date is when the representation was, or is being, sent. It tells
	// whether LastModified is a strong validator (RFC 9110 §8.8.2.2), and
	// stands in for it in a cache (RFC 9111 §4.3.2). Zero: unknown.
	Date time.Time
}

// ValidatorOf returns r's validators.
func ValidatorOf(r *Response) Validator {
	if r.plan.rules != nil {
		return r.plan.validator
	}
	return readValidator(r)
}

func readValidator(r *Response) Validator {
	v := Validator{ETag: trim(r.Fields.Get("ETag")), Exists: true, Date: r.Received}
	if date, ok := dateField(r, "Date"); ok {
		v.Date = date
	}
	v.LastModified, _ = dateField(r, "Last-Modified")
	return v
}

// Precondition evaluates the request's preconditions as an origin server
// does, in the order of RFC 9110 §13.2.2. status is 0 to proceed, 304 or
// 412; clause names the rule that decided and because its field's name.
// If-Range is not its business. A cache asks [NotModified]. It does not
// allocate.
func Precondition(method string, req field.Fields, current Validator) (status int, clause, because string) {
	switch {
	case req.Has("If-Match"):
		if !listed(req, "If-Match", current, strongMatch) {
			return 412, "RFC 9110 §13.1.1", "If-Match"
		}
	case req.Has("If-Unmodified-Since") && current.Exists:
		at, ok := requestDate(req, "If-Unmodified-Since", current)
		if ok && !current.LastModified.IsZero() && current.LastModified.After(at) {
			return 412, "RFC 9110 §13.1.4", "If-Unmodified-Since"
		}
	}
	read := method == "GET" || method == "HEAD"
	switch {
	case req.Has("If-None-Match"):
		if listed(req, "If-None-Match", current, weakMatch) {
			if read {
				return 304, "RFC 9110 §13.1.2", "If-None-Match"
			}
			return 412, "RFC 9110 §13.1.2", "If-None-Match"
		}
	case read && req.Has("If-Modified-Since") && current.Exists && !current.LastModified.IsZero():
		at, ok := requestDate(req, "If-Modified-Since", current)
		if ok && !current.LastModified.After(at) {
			return 304, "RFC 9110 §13.1.3", "If-Modified-Since"
		}
	}
	return 0, "", ""
}

// NotModified evaluates the preconditions of a GET or HEAD that a cache can
// answer (RFC 9111 §4.3.2): If-None-Match, or else If-Modified-Since, which
// is held against Date where the stored response has no Last-Modified.
// because is the name of the field that decided, "" for false. It does not
// allocate.
func NotModified(req field.Fields, stored Validator) (yes bool, because string) {
	for i := range req {
		switch len(req[i].Name) {
		case len("If-None-Match"):
			if field.Is(req[i].Name, "If-None-Match") {
				if listed(req, "If-None-Match", stored, weakMatch) {
					return true, "If-None-Match"
				}
				return false, ""
			}
		case len("If-Modified-Since"):
			if field.Is(req[i].Name, "If-Modified-Since") {
				because = "If-Modified-Since"
			}
		}
	}
	if because == "" {
		return false, ""
	}
	changed := stored.LastModified
	if changed.IsZero() {
		changed = stored.Date
	}
	at, ok := requestDate(req, because, stored)
	if !ok || changed.IsZero() || changed.After(at) {
		return false, ""
	}
	return true, because
}

// listed reports whether a list of entity tags holds the current one, or is
// "*" while there is one.
func listed(req field.Fields, name string, current Validator, match func(a, b string) bool) bool {
	if !current.Exists {
		return false
	}
	for i := range req {
		if !field.Is(req[i].Name, name) {
			continue
		}
		list := req[i].Value
		for {
			tag, rest, ok := nextTag(list)
			if !ok {
				break
			}
			if tag == "*" || match(tag, current.ETag) {
				return true
			}
			list = rest
		}
	}
	return false
}

// requestDate reads a date that a client sent; several lines are no date.
func requestDate(req field.Fields, name string, current Validator) (time.Time, bool) {
	if req.Count(name) != 1 {
		return time.Time{}, false
	}
	near := current.Date
	if near.IsZero() {
		near = current.LastModified
	}
	return parseDate(trim(req.Get(name)), near)
}

// IfRange reports whether the request's Range applies: there is no If-Range,
// or it names the current representation by a strong validator (RFC 9110
// §13.1.5).
func IfRange(req field.Fields, current Validator) bool {
	value, ok := req.Lookup("If-Range")
	if !ok {
		return true
	}
	value = trim(value)
	if !current.Exists || req.Count("If-Range") != 1 {
		return false
	}
	if strings.HasPrefix(value, `"`) || isWeak(value) {
		return strongMatch(value, current.ETag)
	}
	// RFC 9110 §8.8.2.2: a date is strong when the representation was sent
	// at least a second after it.
	at, ok := requestDate(req, "If-Range", current)
	return ok && !current.LastModified.IsZero() && at.Equal(current.LastModified) &&
		!current.Date.Before(current.LastModified.Add(time.Second))
}
