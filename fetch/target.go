package fetch

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"waypost/fault"
	"waypost/url"
)

// target is what a connection serves: requests with equal targets share
// connections. All else that matters to a connection (trust, protocols) is
// the Client's and so the same for all.
type target struct {
	scheme string
	host   string // of the URL, an IPv6 address without brackets
	port   uint16
	toHost string // where the connection goes: host and port after ConnectTo
	toPort uint16
	h1     bool // HTTP/1.1 only: an upgrade is wanted (RFC 9110 §7.8)
	h3     bool // HTTP/3
	// alternative tells that Alt-Svc led here: what fails is tried at the
	// origin itself (RFC 7838 §2.4).
	alternative bool
}

// hostPort is the URL's host and port, for people.
func (t target) hostPort() string {
	return net.JoinHostPort(t.host, strconv.Itoa(int(t.port)))
}

// secure reports whether TLS is spoken.
func (t target) secure() bool { return t.scheme == "https" || t.scheme == "wss" }

// target finds where a request for u goes. upgrade keeps it off HTTP/2.
func (c *Client) target(u *url.URL, upgrade bool) (target, error) {
	t := target{scheme: u.Scheme(), host: bare(u.Hostname()), port: u.Port(), h1: upgrade}
	switch t.scheme {
	case "http", "https", "ws", "wss":
	default:
		return t, fault.New(fault.HTTPRequestError, "fetch "+u.Redacted(), fmt.Errorf("scheme %s cannot be fetched", t.scheme))
	}
	if t.host == "" || t.port == 0 {
		return t, fault.New(fault.HTTPRequestError, "fetch "+u.Redacted(), fmt.Errorf("no host and port to connect to"))
	}
	var err error
	if t.toHost, t.toPort, err = connectTo(c.ConnectTo, t.host, t.port); err != nil {
		return t, fault.New(fault.ProxyConfigurationError, "fetch "+u.Redacted(), err)
	}
	return t, nil
}

// connectTo applies the map in the manner of curl's --connect-to: an empty
// host or port on the left matches any, on the right leaves it as it was; the
// most specific entry wins.
func connectTo(m map[string]string, host string, port uint16) (string, uint16, error) {
	if len(m) == 0 {
		return host, port, nil
	}
	p := strconv.Itoa(int(port))
	for _, from := range []string{net.JoinHostPort(host, p), net.JoinHostPort(host, ""), ":" + p, ":"} {
		to, ok := m[from]
		if !ok {
			continue
		}
		toHost, toPort, err := net.SplitHostPort(to)
		if err != nil {
			return "", 0, fmt.Errorf("connect-to %q: %q is no host:port", from, to)
		}
		if toHost != "" {
			host = toHost
		}
		if toPort != "" {
			n, err := strconv.ParseUint(toPort, 10, 16)
			if err != nil || n == 0 {
				return "", 0, fmt.Errorf("connect-to %q: %q is no port", from, toPort)
			}
			port = uint16(n)
		}
		break
	}
	return host, port, nil
}

// literal returns the address that host is, if it is one: no name is asked
// for it. The names under localhost never leave the machine (RFC 6761 §6.3).
func literal(host string) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	host = strings.TrimSuffix(host, ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return nil
}

// bare strips the brackets of an IPv6 address.
func bare(host string) string {
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
