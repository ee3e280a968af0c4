package cache

import (
	"strings"

	"waypost/http/field"
)

// Validators returns the fields that make a request conditional on the
// stored variants (RFC 9111 §4.3.1): If-None-Match with their entity tags,
// and for a single one If-Modified-Since with its Last-Modified, which
// servers ignore where they understand the former. It returns nil when there
// is nothing to go by. The request's own If-None-Match and If-Modified-Since
// must give way to them.
func Validators(stored ...*Response) field.Fields {
	var tags []string
	var fields field.Fields
	for _, r := range stored {
		if !validatable(r.Status) {
			continue
		}
		if tag := trim(r.Fields.Get("ETag")); tag != "" && !contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > 0 {
		fields.Add("If-None-Match", strings.Join(tags, ", "))
	}
	if len(stored) == 1 && validatable(stored[0].Status) {
		if _, ok := dateField(stored[0], "Last-Modified"); ok {
			fields.Add("If-Modified-Since", trim(stored[0].Fields.Get("Last-Modified")))
		}
	}
	return fields
}

// validatable reports whether a stored response of that status can be
// confirmed: RFC 9111 §4.3.4 has 304 update stored 200 responses; a 203 is a
// 200 that was transformed on its way, a 206 a part of one.
func validatable(status int) bool { return status == 200 || status == 203 || status == 206 }

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// Freshened returns the indices of those variants that a 304 confirms, of
// all that were nominated in the conditional request (RFC 9111 §4.3.4). None
// means that the 304 must not be used: ask again without validators.
func Freshened(nominated []*Response, notModified *Response) []int {
	tag := trim(notModified.Fields.Get("ETag"))
	modified, dated := dateField(notModified, "Last-Modified")
	var found []int
	switch {
	case tag != "" && !isWeak(tag):
		for i, r := range nominated {
			if strongMatch(r.Fields.Get("ETag"), tag) {
				found = append(found, i)
			}
		}
		return found
	case tag != "" || dated:
		best := -1
		for i, r := range nominated {
			same := tag != "" && weakMatch(r.Fields.Get("ETag"), tag)
			if tag == "" {
				t, ok := dateField(r, "Last-Modified")
				same = ok && t.Equal(modified)
			}
			if same && (best < 0 || madeAt(r).After(madeAt(nominated[best]))) {
				best = i
			}
		}
		if best >= 0 {
			return []int{best}
		}
		return nil
	case len(nominated) == 1:
		// We deviate: the RFC takes a 304 without validators only for a
		// stored response without. But when one response was nominated, a
		// bare 304, as some servers send it, can mean no other.
		return []int{0}
	}
	return nil
}

// Refresh returns stored with the fields of a 304 that confirmed it (RFC
// 9111 §3.2, §4.3.4), compiled. Neither argument changes.
func Refresh(rules *Rules, stored, notModified *Response) *Response {
	d := read(rules, notModified)
	var kept field.Fields
	for _, line := range stored.Fields {
		switch {
		case replaces(notModified.Fields, line.Name):
		case field.Is(line.Name, "Age"), field.Is(line.Name, "Date"):
			// They are those of the confirmation, or none: what is confirmed
			// now is not as old as it was then.
		case withholds(&d.control, line.Name):
		default:
			kept = append(kept, line)
		}
	}
	for _, line := range notModified.Fields {
		if updates(line.Name, notModified.Fields) && !withholds(&d.control, line.Name) {
			kept = append(kept, line)
		}
	}
	if !kept.Has("Date") {
		kept.Add("Date", string(AppendDate(nil, notModified.Received)))
	}
	out := &Response{
		Status: stored.Status, Fields: kept.Clone(),
		Asked: notModified.Asked, Received: notModified.Received,
		Selecting: stored.Selecting,
	}
	out.Compile(rules)
	return out
}

// replaces reports whether the new fields hold that name and may update it.
func replaces(fresh field.Fields, name string) bool {
	return updates(name, fresh) && fresh.Has(name)
}

// updates reports whether a field of a newer response goes into the stored
// one (RFC 9111 §3.2). What never does: what is not stored at all, the
// length, and what the stored bytes and the stored variant depend on.
func updates(name string, fresh field.Fields) bool {
	for _, n := range [...]string{"Content-Length", "Content-Encoding", "Content-Range", "Vary"} {
		if field.Is(name, n) {
			return false
		}
	}
	return !storedNever(name, fresh)
}

// RefreshHead is Refresh with the 200 that answered a HEAD (RFC 9111
// §4.3.5). It reports false when the answer shows that stored is outdated:
// then stored must be validated before it is used again.
func RefreshHead(rules *Rules, stored, head *Response) (*Response, bool) {
	for _, name := range [...]string{"ETag", "Last-Modified", "Content-Length"} {
		value, ok := head.Fields.Lookup(name)
		if !ok {
			continue
		}
		have, ok := stored.Fields.Lookup(name)
		if !ok && name == "Content-Length" {
			continue // it came without a length, and no length contradicts it
		}
		if !ok || trim(have) != trim(value) {
			return nil, false
		}
	}
	if head.Status != stored.Status && stored.Status != 206 { // a part is one of what a 200 has
		return nil, false
	}
	return Refresh(rules, stored, head), true
}
