package rules

import (
	"fmt"
	"strings"

	"waypost/cdn"
	"waypost/http/field"
)

// UserContent makes what users have uploaded harmless: it cannot run scripts,
// is what it says it is, is saved instead of shown where it could act, and
// knows no cookies.
type UserContent struct {
	hosts    Hosts
	embedder string
}

// contentPolicy lets a document show itself and what lies beside it, and do
// nothing (CSP Level 3 §6.3.2: a sandbox without allowances).
const contentPolicy = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'"

// newUserContent compiles the rule; nil where there are no such hosts.
func newUserContent(site *cdn.Site) (*UserContent, error) {
	in := &site.Rules.UserContent
	if len(in.Hosts) == 0 {
		return nil, nil
	}
	u := &UserContent{embedder: in.Embedder}
	var err error
	if u.hosts, err = hostsOf(site, in.Hosts); err != nil {
		return nil, err
	}
	switch u.embedder {
	case "":
		u.embedder = "cross-origin"
	case "cross-origin", "same-site", "same-origin":
	default:
		return nil, fmt.Errorf("embedder %q: write cross-origin, same-site or same-origin", in.Embedder)
	}
	return u, nil
}

// Has reports whether a host carries users' content. The nil UserContent has
// none.
func (u *UserContent) Has(host string) bool { return u != nil && u.hosts.Has(host) }

// Decorate makes f, the fields of a response and the caller's own, safe.
// whole tells that it has the content's own type, as a 304 does not.
func (u *UserContent) Decorate(f *field.Fields, whole bool) {
	f.Add("Content-Security-Policy", contentPolicy) // a stricter one of the origin counts as well
	f.Set("X-Content-Type-Options", "nosniff")
	f.Set("Cross-Origin-Resource-Policy", u.embedder)
	f.Set("Referrer-Policy", "no-referrer")
	if !whole {
		return
	}
	media := f.Get("Content-Type")
	if media == "" {
		f.Set("Content-Type", "application/octet-stream")
	}
	if passive(media) && f.Count("Content-Type") == 1 {
		return
	}
	disposition, parameters, named := strings.Cut(f.Get("Content-Disposition"), ";")
	switch {
	case strings.EqualFold(strings.TrimSpace(disposition), "attachment"):
	case named:
		f.Set("Content-Disposition", "attachment;"+parameters)
	default:
		f.Set("Content-Disposition", "attachment")
	}
}

// passive reports whether content of a media type only shows itself when a
// browser opens it. All that is not known to is saved instead.
func passive(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.Trim(media, " \t")
	kind, subtype, ok := strings.Cut(media, "/")
	switch {
	case !ok:
		return false
	case field.Is(kind, "image"):
		return !endsWith(subtype, "+xml") && !endsWith(subtype, "xml")
	case field.Is(kind, "audio"), field.Is(kind, "video"), field.Is(kind, "font"):
		return !endsWith(subtype, "+xml")
	}
	return field.Is(media, "text/plain")
}

func endsWith(s, suffix string) bool {
	return len(s) >= len(suffix) && field.Is(s[len(s)-len(suffix):], suffix)
}
