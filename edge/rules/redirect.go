package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"waypost/cdn"
)

// Redirects are the redirects of a site. The first that fits decides.
type Redirects []*Redirect

// Redirect is one of them, compiled.
type Redirect struct {
	status    int
	scheme    string
	host      *Pattern
	path      *Pattern
	to        []part
	elsewhere bool // to names scheme and host
	dropQuery bool
}

// part is a piece of a target: text, or what a name stands for.
type part struct {
	text string
	name byte // 'h' $host, 'p' $path, '1'–'9' a capture, 0 text
}

// Place is what a redirect is about: a URL, taken apart.
type Place struct {
	Scheme    string
	Authority string // with its port, if any
	Host      string // lower case, without port
	Target    string // path and query as sent
	Path      string // as [Normal] returns it
}

func (p Place) url() string { return p.Scheme + "://" + p.Authority + p.Target }

// NewRedirect compiles a redirect. The error says what is wrong with which of
// its texts, and how to mend it.
func NewRedirect(in cdn.Redirect) (*Redirect, error) {
	r := &Redirect{status: in.Status, scheme: in.Scheme, dropQuery: in.DropQuery}
	var err error
	if in.Host != "" {
		if r.host, err = ParseHostPattern(in.Host); err != nil {
			return nil, fmt.Errorf("host %q: %w", in.Host, err)
		}
	}
	if r.path, err = pathPattern(in.Path); err != nil {
		return nil, fmt.Errorf("path %q: %w", in.Path, err)
	}
	switch {
	case !slices.Contains([]int{301, 302, 307, 308}, in.Status):
		return nil, fmt.Errorf("status %d: write 301, 302, 307 or 308", in.Status)
	case in.Scheme != "" && in.Scheme != "http" && in.Scheme != "https":
		return nil, fmt.Errorf("scheme %q: write http or https, or leave it out for both", in.Scheme)
	case r.host.stars()+r.path.stars() > MaxStars:
		return nil, fmt.Errorf("host and path have more than %d stars together", MaxStars)
	}
	if err := r.parseTarget(in.To); err != nil {
		return nil, fmt.Errorf("to %q: %w", in.To, err)
	}
	return r, nil
}

// parseTarget reads where a redirect leads.
func (r *Redirect) parseTarget(to string) error {
	r.elsewhere = strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://")
	switch {
	case to == "" || !r.elsewhere && to[0] != '/' && to[0] != '$':
		return errors.New("write an absolute URL such as https://www.shop.test$path, or a path such as /new/$1")
	case strings.Contains(to, "#"):
		return errors.New("a fragment is not for servers to set: leave it out")
	}
	for rest := to; rest != ""; {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			if strings.ContainsFunc(rest[:i], func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
				return errors.New("only ASCII without spaces may stand in a URL; write the rest percent-encoded")
			}
			r.to = append(r.to, part{text: rest[:i]})
			rest = rest[i:]
			continue
		}
		p, length, err := r.parseName(rest)
		if err != nil {
			return err
		}
		r.to = append(r.to, p)
		rest = rest[length:]
	}
	if r.elsewhere {
		return r.checkHost()
	}
	return nil
}

// parseName reads the name that text begins with.
func (r *Redirect) parseName(text string) (p part, length int, err error) {
	switch {
	case strings.HasPrefix(text, "$host"):
		return part{name: 'h'}, len("$host"), nil
	case strings.HasPrefix(text, "$path"):
		return part{name: 'p'}, len("$path"), nil
	case strings.HasPrefix(text, "$$"):
		return part{text: "$"}, len("$$"), nil
	case len(text) < 2 || text[1] < '1' || text[1] > '9':
		return p, 0, errors.New("after $ comes host, path, the number of a star, or another $")
	case int(text[1]-'0') > r.host.stars()+r.path.stars():
		return p, 0, fmt.Errorf("there is no star number %c in host and path", text[1])
	}
	return part{name: text[1]}, 2, nil
}

// checkHost sees to it that no request can choose the host that it is sent
// to: what the path has captured must not stand there, not even at its end.
func (r *Redirect) checkHost() error {
	named := false
	for i, p := range r.to {
		text := p.text
		if i == 0 {
			_, text, _ = strings.Cut(text, "://")
		}
		end := strings.IndexAny(text, "/?")
		switch {
		case p.name == 'h', p.name >= '1' && p.name <= '9' && int(p.name-'0') <= r.host.stars():
			named = true
		case p.name == 'p' && named, end >= 0 && (named || end > 0):
			return nil
		case p.name >= '1' && p.name <= '9':
			return errors.New("the host must not come from the path: write a / before what the path's stars stand for")
		case p.name == 'p', end == 0:
			return errors.New("it names no host")
		case text != "":
			named = true
		}
	}
	if !named {
		return errors.New("it names no host")
	}
	return nil
}

// Turn is a redirect that fits a request.
type Turn struct {
	Status int
	To     string // absolute
	// Loop says why the redirect must not be sent: following it leads back
	// here, or never ends. "" where it may.
	Loop string
}

// Find returns the redirect for a place. ours reports whether a host (lower
// case, without port) is one of the same site. Nothing is allocated where no
// redirect fits.
func (rs Redirects) Find(at Place, ours func(host string) bool) (t Turn, ok bool) {
	r := rs.first(&at)
	if r == nil {
		return t, false
	}
	next := r.apply(&at)
	t = Turn{Status: r.status, To: next.url()}
	t.Loop = rs.follow(at, next, ours)
	return t, true
}

func (rs Redirects) first(at *Place) *Redirect {
	for _, r := range rs {
		if (r.scheme == "" || r.scheme == at.Scheme) && r.host.Match(at.Host, nil) && r.path.Match(at.Path, nil) {
			return r
		}
	}
	return nil
}

// maxTurns bounds the redirects that one request may set off on its own site.
// Each costs the visitor a round trip; browsers give up after twenty.
const maxTurns = 8

// follow goes on as a browser would, as far as this site's own redirects
// lead, and says what is wrong with the way.
func (rs Redirects) follow(from, at Place, ours func(host string) bool) string {
	seen := []string{canonical(from)}
	for range maxTurns {
		here := canonical(at)
		if slices.Contains(seen, here) {
			return "it leads back to " + here
		}
		if !ours(at.Host) {
			return ""
		}
		seen = append(seen, here)
		r := rs.first(&at)
		if r == nil {
			return ""
		}
		at = r.apply(&at)
	}
	return fmt.Sprintf("it sets off more than %d redirects", maxTurns)
}

// canonical is a place with the default port left out.
func canonical(p Place) string {
	port := ":80"
	if p.Scheme == "https" {
		port = ":443"
	}
	return p.Scheme + "://" + strings.ToLower(strings.TrimSuffix(p.Authority, port)) + p.Target
}

// apply returns where the redirect leads from a place that it fits.
func (r *Redirect) apply(at *Place) Place {
	var c Captures
	r.host.Match(at.Host, &c)
	r.path.Match(at.Path, &c)
	path, query, asked := strings.Cut(at.Target, "?")
	var b strings.Builder
	for _, p := range r.to {
		switch p.name {
		case 0:
			b.WriteString(p.text)
		case 'h':
			b.WriteString(at.Host)
		case 'p':
			b.WriteString(path)
		default:
			b.WriteString(c.text[p.name-'1'])
		}
	}
	to := Place{Scheme: at.Scheme, Authority: at.Authority, Host: at.Host, Target: b.String()}
	if r.elsewhere {
		scheme, rest, _ := strings.Cut(to.Target, "://")
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		to.Scheme, to.Authority, to.Target = scheme, rest[:end], rest[end:]
		to.Host = strings.ToLower(to.Authority)
		if i := strings.LastIndexByte(to.Host, ':'); i > strings.LastIndexByte(to.Host, ']') {
			to.Host = to.Host[:i]
		}
	}
	if !strings.HasPrefix(to.Target, "/") {
		to.Target = "/" + to.Target
	}
	if asked && !r.dropQuery {
		joint := "?"
		if strings.Contains(to.Target, "?") {
			joint = "&"
		}
		to.Target += joint + query
	}
	to.Target = encoded(to.Target)
	to.Path, _ = Normal(nil, to.Target)
	return to
}
