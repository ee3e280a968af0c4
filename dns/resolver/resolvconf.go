package resolver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"waypost/dns"
)

// Limits and defaults of resolv.conf(5).
const (
	maxSystemServers = 3 // MAXNS
	maxSearch        = 32
	maxConfLine      = 4 << 10
	maxConfLines     = 10_000 // a file of a few lines; more is not one
	dnsPort          = 53
)

// System is the system's own idea of its name servers.
//
// The road resolves absolute names only: [Resolver.Addrs] takes the host of
// a URL as it stands. Search and Ndots are read so that a command may show
// or use them; nothing in this package appends a suffix.
type System struct {
	Servers  []netip.AddrPort // in the order of the file
	Search   []dns.Name
	Ndots    int           // dots that make a name absolute first; 1 by default
	Timeout  time.Duration // patience with one server; 5 s by default
	Attempts int           // rounds through the servers; 2 by default
	Warnings []error       // lines that made no sense, with file and line
}

// SystemServers reads the system's resolver configuration, normally
// /etc/resolv.conf. Where the file is missing or names no server, the server
// is the one on this machine, as resolv.conf(5) says, and a warning tells.
func SystemServers(path string) (System, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		sys, _ := ParseResolvConf(strings.NewReader(""), path)
		sys.Warnings = []error{fmt.Errorf("%s does not exist: asking %s", path, sys.Servers[0])}
		return sys, nil
	}
	if err != nil {
		return System{}, fmt.Errorf("read the system's name servers: %w", err)
	}
	sys, err := ParseResolvConf(f, path)
	return sys, errors.Join(err, f.Close())
}

// ParseResolvConf reads the form of /etc/resolv.conf. A line that makes no
// sense is left out and becomes a warning; err is for a file that cannot be
// read to its end.
func ParseResolvConf(r io.Reader, file string) (System, error) {
	sys := System{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 512), maxConfLine)
	line := 0
	for lines.Scan() {
		if line++; line > maxConfLines {
			return sys, fmt.Errorf("%s:%d: more than %d lines", file, line, maxConfLines)
		}
		text := lines.Text()
		if i := strings.IndexAny(text, "#;"); i >= 0 {
			text = text[:i]
		}
		if fields := strings.Fields(text); len(fields) > 0 {
			if err := sys.line(fields); err != nil && len(sys.Warnings) < maxWarnings {
				sys.Warnings = append(sys.Warnings, fmt.Errorf("%s:%d: %w", file, line, err))
			}
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line is longer than %d bytes", maxConfLine)
		}
		return sys, fmt.Errorf("%s:%d: %w", file, line+1, err)
	}
	if len(sys.Servers) == 0 {
		local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), dnsPort)
		sys.Servers = []netip.AddrPort{local}
		sys.Warnings = append(sys.Warnings, fmt.Errorf("%s: no nameserver line: asking %s", file, local))
	}
	return sys, nil
}

// line takes one line, split at white space.
func (s *System) line(fields []string) error {
	args := fields[1:]
	switch fields[0] {
	case "nameserver":
		if len(args) == 0 {
			return errors.New("nameserver: an address is missing")
		}
		addr, err := netip.ParseAddr(args[0])
		if err != nil {
			return fmt.Errorf("nameserver: %q is not an IP address", clip(args[0]))
		}
		if len(s.Servers) == maxSystemServers {
			return fmt.Errorf("nameserver %s is ignored: only the first %d count", addr, maxSystemServers)
		}
		s.Servers = append(s.Servers, netip.AddrPortFrom(addr, dnsPort))
	case "search", "domain": // the last line wins
		s.Search = nil
		for _, a := range args {
			n, err := dns.ParseName(a)
			if err != nil {
				return fmt.Errorf("%s: %w", fields[0], err)
			}
			if len(s.Search) == maxSearch {
				return fmt.Errorf("%s: more than %d names", fields[0], maxSearch)
			}
			s.Search = append(s.Search, n)
		}
	case "options":
		for _, a := range args {
			if err := s.option(a); err != nil {
				return err
			}
		}
	case "sortlist", "lookup", "family": // known elsewhere, without meaning here
	default:
		return fmt.Errorf("%q is not a keyword of resolv.conf", clip(fields[0]))
	}
	return nil
}

// option takes one option; those without meaning here are passed over, as
// resolv.conf(5) asks.
func (s *System) option(o string) error {
	name, value, found := strings.Cut(o, ":")
	if !found {
		return nil
	}
	var most int
	switch name {
	case "ndots":
		most = 15 // RES_MAXNDOTS
	case "timeout":
		most = 30 // RES_MAXRETRANS
	case "attempts":
		most = 5 // RES_MAXRETRY
	default:
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("options %s: %q is not a number", name, clip(value))
	}
	n = min(n, most)
	switch name {
	case "ndots":
		s.Ndots = n
	case "timeout":
		s.Timeout = time.Duration(max(n, 1)) * time.Second
	case "attempts":
		s.Attempts = max(n, 1)
	}
	return nil
}
