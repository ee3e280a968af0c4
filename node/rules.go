package node

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"waypost/cdn"
	"waypost/edge/rules"
)

// The rules of a site's owner, as they stand in the file. Package edge/rules
// knows what may be written; docs/RULES.md shows it at work.

// rules reads those of one site.
func (r configReader) rules(v *section, site *cdn.Site) {
	out := &site.Rules
	v.each("redirects", "What is sent elsewhere; the first that fits decides.", func(_ int, s *section) {
		out.Redirects = append(out.Redirects, r.redirect(s))
	})
	if s := v.sub("hsts", "Strict-Transport-Security (RFC 6797), sent over HTTPS: browsers come back by HTTPS only."); s != nil {
		r.hsts(s, &out.HSTS)
	}
	v.each("cors", "Who may read answers from another origin (CORS); the first for a path decides, and takes the place of what the origin says. Preflights are answered here.", func(_ int, s *section) {
		out.CORS = append(out.CORS, r.cors(s))
	})
	if s := v.sub("access", "Closes the site to all but those who know a password or have a signed URL. What it sends is kept by no cache behind this one."); s != nil {
		r.access(s, &out.Access)
	}
	if s := v.sub("key", "What tells one stored response from another besides its URL, and what of the URL does not."); s != nil {
		r.key(s, &out.Key)
	}
	v.each("limits", "How much one client may ask for. A request counts against every limit that fits its path; one too many gets 429 with Retry-After.", func(_ int, s *section) {
		out.Limits = append(out.Limits, r.limit(s, out.Limits))
	})
	if s := v.sub("compress", "Compression: of what is stored once for each coding, of what is not on its way. What is coded already stays as it comes; docs/RULES.md says what else does."); s != nil {
		r.compress(s, &out.Compress)
	}
	v.each("headers", "Fields changed on their way, in this order.", func(_ int, s *section) {
		out.Headers = append(out.Headers, r.header(s))
	})
	v.texts("forward_fields", "Request fields that reach the origin as clients send them, of those that are dropped where nothing is said: names with _ or other signs than letters, digits and -, and what only a proxy in front can know (X-Forwarded-*, X-Original-URL). They are in no key: name none that shows in what is stored.", &out.ForwardFields)
	if r.keys == nil {
		if err := rules.CheckForwarded(out); err != nil {
			v.fail("forward_fields", "%v", err)
		}
	}
	v.texts("cookieless", "Hosts of the site where no cookies pass: Cookie is taken off requests, Set-Cookie off responses.", &out.Cookieless)
	r.ownHosts(v, "cookieless", site, out.Cookieless)
	if s := v.sub("user_content", "What users have uploaded, on hosts of its own: it runs no scripts, knows no cookies, and is saved instead of shown where it could act."); s != nil {
		s.texts("hosts", "Hosts of the site that carry it. None may be another host of a site, or a parent of one.", &out.UserContent.Hosts)
		s.need("hosts", "name the hosts that carry it, such as shop-usercontent.test")
		r.ownHosts(s, "hosts", site, out.UserContent.Hosts)
		read(s, "embedder", "cross-origin, same-site or same-origin", "Whose pages may embed it (Cross-Origin-Resource-Policy). cross-origin where nothing is said.", &out.UserContent.Embedder, oneOf("cross-origin", "same-site", "same-origin"))
		s.done()
	}
}

// paths reads the pattern of the paths that a rule is for.
func (s *section) paths(v *string) {
	read(s, "path", "path pattern", "The paths that it is for; a * stands for anything. Every path where nothing is said.", v, func(t string) (string, error) {
		_, err := rules.ParsePath(t)
		return t, err
	})
}

func (r configReader) redirect(s *section) cdn.Redirect {
	v := cdn.Redirect{Status: 302}
	read(s, "scheme", "http or https", "Only requests by this scheme. Both where nothing is said.", &v.Scheme, oneOf("http", "https"))
	read(s, "host", "host pattern", "The hosts that it is for, without port; a * stands for anything. Every host where nothing is said.", &v.Host, func(t string) (string, error) {
		_, err := rules.ParseHostPattern(t)
		return t, err
	})
	s.paths(&v.Path)
	s.text("to", "Where it leads: an absolute URL or a path. $host and $path are the request's, $1 to $9 what the stars stand for, host before path, $$ a dollar.", &v.To)
	s.need("to", "say where it leads, e.g. https://$host$path")
	read(s, "status", "number", "301 or 308 (browsers remember it), 302 or 307 (they do not); 307 and 308 keep the method. 302 where nothing is said.", &v.Status, parseNumber)
	query := true
	s.flag("query", "Take the request's query along. true where nothing is said.", &query)
	v.DropQuery = !query
	s.done()
	if r.keys == nil && v.To != "" {
		if _, err := rules.NewRedirect(v); err != nil {
			r.fail(s.at, s.path, "%v", err)
		}
	}
	return v
}

func (r configReader) cors(s *section) (v cdn.CORS) {
	s.paths(&v.Path)
	s.texts("origins", "Scheme and host (and port) of the pages that may read; https://*.app.test is every host below; * alone is every page.", &v.Origins)
	s.need("origins", "name the origins that may read; * is every page")
	s.texts("methods", "Methods besides GET, HEAD and POST.", &v.Methods)
	s.texts("headers", "Request fields that pages may send; * is all but Authorization.", &v.Headers)
	s.texts("expose", "Response fields that scripts may read besides the usual ones.", &v.Expose)
	s.flag("credentials", "With the visitor's cookies and passwords. Not with every page.", &v.Credentials)
	s.duration("max_age", "How long browsers remember a preflight's answer; five seconds where nothing is said.", &v.MaxAge)
	s.done()
	if r.keys == nil && len(v.Origins) > 0 {
		if _, err := rules.NewCORS(v); err != nil {
			r.fail(s.at, s.path, "%v", err)
		}
	}
	return v
}

func (r configReader) limit(s *section, before []cdn.Limit) (v cdn.Limit) {
	s.text("name", "The limit's name, in the record, in answers and in RateLimit fields.", &v.Name)
	s.need("name", "name the limit")
	s.paths(&v.Path)
	read(s, "rate", "rate", "Requests for each client: 10/s, 100/m or 1000/h.", &v.Rate, parseRate)
	s.number("burst", "Requests at once after a silence. Those of one second where nothing is said.", &v.Burst)
	s.number("concurrent", "Requests being answered at a time, for each client. Any number where nothing is said.", &v.Concurrent)
	s.number("prefix4", "Bits of an IPv4 address that make a client. 32 where nothing is said.", &v.Prefix4)
	s.number("prefix6", "Bits of an IPv6 address that make a client. 64 where nothing is said.", &v.Prefix6)
	s.flag("tell", "Tell clients what remains in RateLimit and RateLimit-Policy.", &v.Tell)
	s.done()
	if r.keys != nil || v.Name == "" {
		return v
	}
	if slices.ContainsFunc(before, func(l cdn.Limit) bool { return l.Name == v.Name }) {
		s.fail("name", "there is a limit %q already", v.Name)
	}
	if _, err := rules.NewLimit(v); err != nil {
		r.fail(s.at, s.path, "%v", err)
	}
	return v
}

// parseRate reads requests per second, minute or hour.
func parseRate(t string) (float64, error) {
	number, per, ok := strings.Cut(t, "/")
	n, err := strconv.ParseFloat(number, 64)
	seconds, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[per]
	if !ok || !known || err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, errors.New("write a rate above zero such as 10/s, 100/m or 1000/h")
	}
	return n / seconds, nil
}

func (r configReader) access(s *section, v *cdn.Access) {
	s.text("realm", "What browsers show when they ask for the password. private where nothing is said.", &v.Realm)
	var file string
	s.text("users_file", "Names and bcrypt hashes, as htpasswd -B writes them: one name:hash on a line.", &file)
	if text, ok := r.file(s, "users_file", file); ok {
		users, err := parseUsers(string(text))
		if err != nil {
			s.fail("users_file", "%s:%v", file, err)
		}
		v.Users = users
	}
	s.each("keys", "Keys of signed URLs; several, so that one can take the place of another.", func(_ int, k *section) {
		var key cdn.SigningKey
		var file string
		k.text("id", "The key's name in URLs.", &key.ID)
		k.need("id", "name the key")
		k.text("secret_file", "File with the secret, at least 32 bytes; white space around it does not count.", &file)
		k.need("secret_file", "name the file with the secret")
		k.done()
		if text, ok := r.file(k, "secret_file", file); ok {
			key.Secret = bytes.TrimSpace(text)
			v.Keys = append(v.Keys, key)
		}
	})
	s.done()
	if r.keys != nil {
		return
	}
	if !s.has("users_file") && !s.has("keys") {
		r.fail(s.at, s.path, "nothing opens the site: give users_file or keys")
	}
	if err := rules.CheckAccess(v); err != nil {
		r.fail(s.at, s.path, "%v", err)
	}
}

// parseUsers reads a file of names and hashes.
func parseUsers(text string) (users []cdn.User, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%d: write name:hash", n)
		}
		users = append(users, cdn.User{Name: name, Hash: hash})
	}
	if len(users) == 0 {
		return nil, errors.New("1: there is no user in it")
	}
	return users, nil
}

func (r configReader) key(s *section, v *cdn.Key) {
	s.texts("ignore", "Query parameters that do not count; utm_* is all that begin so. They do not reach the origin where the answer may be stored.", &v.Ignore)
	s.texts("only", "The only query parameters that count.", &v.Only)
	s.flag("sort", "The order of query parameters does not count.", &v.Sort)
	v.Cookies = s.parts("cookies", "Cookies that count.")
	v.Headers = s.parts("headers", "Request fields that count.")
	s.flag("device", "Phones get responses of their own: Sec-CH-UA-Mobile, or else Mobi in User-Agent. The origin is told in X-Device-Class, mobile or desktop.", &v.Device)
	s.texts("codings", "Content codings that the origin answers in: Accept-Encoding is reduced to them. Those of compress where nothing is said.", &v.Codings)
	s.texts("languages", "Languages that the origin answers in, the usual one first: Accept-Language is reduced to the one that the client likes best.", &v.Languages)
	s.done()
	if r.keys == nil {
		if _, err := rules.NewKey(v); err != nil {
			r.fail(s.at, s.path, "%v", err)
		}
	}
}

// parts reads cookies or fields with their values.
func (s *section) parts(key, doc string) (all []cdn.Part) {
	s.each(key, doc, func(_ int, one *section) {
		var p cdn.Part
		one.text("name", "The name.", &p.Name)
		one.need("name", "write the name")
		one.texts("values", "The values that there are; a request with another one passes the cache.", &p.Values)
		one.need("values", "list the values that there are: else every client could make variants without end")
		one.done()
		all = append(all, p)
	})
	return all
}

func (r configReader) compress(s *section, v *cdn.Compress) {
	s.texts("codings", "br, zstd, gzip: of those that a client likes equally well, the first. The origin is asked for these, too.", &v.Codings)
	s.need("codings", "name the codings, e.g. [br, zstd, gzip]")
	s.texts("types", "Media types, e.g. text/css, text/* or *+json. Text, JSON, XML, JavaScript, WebAssembly and uncompressed fonts where nothing is said.", &v.Types)
	s.size("minimum", "Smaller responses stay as they are. 1KiB where nothing is said.", &v.Minimum)
	s.done()
	if _, err := rules.NewCompress(*v); err != nil {
		r.fail(s.at, s.path, "%v", err)
	}
}

// ownHosts brings hosts of a rule into the form of the site's, and sees to it
// that they are among them.
func (r configReader) ownHosts(s *section, key string, site *cdn.Site, hosts []string) {
	for i, h := range hosts {
		host, err := parseHost(h)
		if err == nil {
			err = rules.OwnHost(site, host)
		}
		if err != nil {
			s.fail(key, "%q: %v", h, err)
		}
		hosts[i] = host
	}
}

// apart sees to it that users' content stands on hosts of its own.
func (r configReader) apart(sites []cdn.Site, at []*section) {
	for _, c := range rules.Clashes(sites) {
		at[c.Site].fail("user_content", "%v", c)
	}
	for i := range sites {
		for _, h := range rules.Below(sites, i) {
			r.warnings = append(r.warnings, r.problem(at[i].token("user_content"), at[i].join("user_content"),
				h+": a page there can set cookies for the host above it; a domain of its own is safer"))
		}
	}
}

func (r configReader) header(s *section) (v cdn.Header) {
	s.paths(&v.Path)
	to := ""
	read(s, "to", "origin or client", "origin: of the request on its way there. client: of the response.", &to, oneOf("origin", "client"))
	s.need("to", "write origin for requests, client for responses")
	v.ToOrigin = to == "origin"
	given := 0
	for _, a := range [...]struct {
		key, doc string
		action   cdn.Action
	}{
		{"set", "The field that is to have the value, and no other.", cdn.Set},
		{"add", "The field that is to have the value besides those that it has.", cdn.Add},
		{"remove", "The field that is to go.", cdn.Remove},
	} {
		s.text(a.key, a.doc, &v.Name)
		if s.has(a.key) {
			v.Action = a.action
			given++
		}
	}
	s.text("value", "The value for set or add.", &v.Value)
	s.done()
	if r.keys != nil {
		return v
	}
	if given != 1 {
		r.fail(s.at, s.path, "does nothing or too much: give one of set, add and remove")
	} else if _, err := rules.NewHeader(v); err != nil {
		r.fail(s.at, s.path, "%v", err)
	}
	return v
}

func (r configReader) hsts(s *section, v *cdn.HSTS) {
	s.duration("max_age", "How long, e.g. 8760h for a year.", &v.MaxAge)
	s.need("max_age", "say how long, e.g. 8760h for a year")
	s.flag("subdomains", "Of all names below the host, too.", &v.Subdomains)
	s.flag("preload", "Ask to be in the list that browsers are shipped with: hard to undo. It wants subdomains and a year.", &v.Preload)
	s.done()
	if v.Preload && (!v.Subdomains || v.MaxAge < rules.PreloadAge) {
		s.fail("preload", "browsers preload only what has subdomains: true and a max_age of 8760h or more")
	}
}

// oneOf takes one of a few words.
func oneOf(words ...string) func(string) (string, error) {
	return func(t string) (string, error) {
		for _, w := range words {
			if t == w {
				return t, nil
			}
		}
		return t, fmt.Errorf("write %s", alternatives(words))
	}
}

// alternatives is "a, b or c".
func alternatives(words []string) string {
	text := ""
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			text += " or "
		case i > 0:
			text += ", "
		}
		text += w
	}
	return text
}
