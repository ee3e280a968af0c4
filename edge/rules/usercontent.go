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
	if f.Count("Content-Type") != 1 || !isMediaType(media) {
		// Browsers that are given several take the last that they understand
		// (Fetch §2.2.2, extract a MIME type).
		media = "application/octet-stream"
		f.Set("Content-Type", media)
	}
	if passive(media) {
		return
	}
	disposition, parameters, named := strings.Cut(f.Get("Content-Disposition"), ";")
	switch {
	case strings.EqualFold(strings.TrimSpace(disposition), "attachment") && f.Count("Content-Disposition") == 1:
	case named:
		f.Set("Content-Disposition", "attachment;"+parameters)
	default:
		f.Set("Content-Disposition", "attachment")
	}
}

// isMediaType reports whether a value is one media type (RFC 9110 §8.3.1), and
// to nobody a list of them: it has no comma, quoted or not.
func isMediaType(value string) bool {
	if strings.IndexByte(value, ',') >= 0 {
		return false
	}
	media, parameters, _ := strings.Cut(value, ";")
	kind, subtype, ok := strings.Cut(strings.Trim(media, " \t"), "/")
	if !ok || !isToken(kind) || !isToken(subtype) {
		return false
	}
	for {
		parameters = strings.TrimLeft(parameters, " \t;")
		if parameters == "" {
			return true
		}
		var name, rest string
		if name, rest, ok = strings.Cut(parameters, "="); !ok || !isToken(name) {
			return false
		}
		if parameters, ok = afterValue(rest); !ok {
			return false
		}
	}
}

// afterValue is what follows the token or quoted string that begins text. ok
// is false where there is none, or something else than ";" follows it.
func afterValue(text string) (rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		end := 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(text) {
			return "", false
		}
		rest = text[end+1:]
	} else {
		end := strings.IndexAny(text, " \t;")
		if end < 0 {
			end = len(text)
		}
		if !isToken(text[:end]) {
			return "", false
		}
		rest = text[end:]
	}
	rest = strings.TrimLeft(rest, " \t")
	return rest, rest == "" || rest[0] == ';'
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
