package browser

import (
	"strconv"
	"strings"
	"time"

	"waypost/http/field"
	"waypost/url"
)

// hstsHost is a host that wants HTTPS only (RFC 6797 §5.3).
type hstsHost struct {
	until      time.Time
	subdomains bool
	said       string // the field that said so
}

// maxHSTS caps how long a host is remembered: two years is the most that the
// preload lists ask for.
const maxHSTS = 2 * 365 * 24 * time.Hour

// parseHSTS reads a Strict-Transport-Security field (RFC 6797 §6.1). It
// reports false for one that must be ignored.
func parseHSTS(value string) (maxAge time.Duration, subdomains, ok bool) {
	seen := map[string]bool{}
	for directive := range strings.SplitSeq(value, ";") {
		name, arg, hasArg := strings.Cut(directive, "=")
		name, arg = strings.ToLower(strings.Trim(name, " \t")), strings.Trim(arg, " \t")
		if name == "" && !hasArg {
			continue
		}
		if seen[name] {
			return 0, false, false // §6.1: each directive once
		}
		seen[name] = true
		switch name {
		case "max-age":
			if len(arg) > 1 && arg[0] == '"' && arg[len(arg)-1] == '"' {
				arg = arg[1 : len(arg)-1]
			}
			if strings.Trim(arg, "0123456789") != "" || arg == "" {
				return 0, false, false
			}
			seconds, err := strconv.ParseInt(arg, 10, 64)
			if err != nil || seconds > int64(maxHSTS/time.Second) {
				seconds = int64(maxHSTS / time.Second)
			}
			maxAge = time.Duration(seconds) * time.Second
		case "includesubdomains":
			if hasArg {
				return 0, false, false
			}
			subdomains = true
		}
	}
	return maxAge, subdomains, seen["max-age"]
}

// noteHSTS takes in what a response over a trusted TLS connection says about
// its host (RFC 6797 §8.1). Only the first such field counts, and addresses
// have no policy.
func (p *Profile) noteHSTS(now time.Time, u *url.URL, f field.Fields) {
	value, ok := f.Lookup("Strict-Transport-Security")
	if _, isAddr := u.Addr(); !ok || isAddr {
		return
	}
	maxAge, subdomains, ok := parseHSTS(value)
	switch host := u.Hostname(); {
	case !ok:
	case maxAge == 0:
		p.hsts.del(host)
	default:
		p.hsts.put(host, hstsHost{now.Add(maxAge), subdomains, value}, int64(len(value)))
	}
}

// wantsHTTPS finds the known host that u's host is, or is below (RFC 6797
// §8.2).
func (p *Profile) wantsHTTPS(now time.Time, u *url.URL) (known string, h hstsHost, ok bool) {
	if _, isAddr := u.Addr(); isAddr {
		return "", h, false
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	for name := host; name != ""; _, name, _ = strings.Cut(name, ".") {
		h, ok := p.hsts.get(name)
		if ok && now.Before(h.until) && (name == host || h.subdomains) {
			return name, h, true
		}
	}
	return "", h, false
}
