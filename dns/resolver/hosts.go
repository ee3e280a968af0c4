package resolver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"waypost/dns"

	mdns "github.com/miekg/dns"
)

// Limits of a hosts file. Lists that block advertisements have about half a
// million names; a line is one address and its names.
const (
	maxHostsLine  = 64 << 10
	maxHostsNames = 2_000_000
	maxWarnings   = 100 // of the same file: nobody reads more
)

// HostsEntry is one line of a hosts file (hosts(5)).
type HostsEntry struct {
	Addr  netip.Addr
	Names []dns.Name // the canonical name first
	Line  int        // in the file, from 1
}

// ParseHosts reads a hosts file. A line that makes no sense is left out and
// becomes a warning with file and line, because a whole system depends on
// the lines that do; err is for a file that cannot be read to its end.
func ParseHosts(r io.Reader, file string) (entries []HostsEntry, warnings []error, err error) {
	warn := func(line int, format string, args ...any) {
		if len(warnings) < maxWarnings {
			warnings = append(warnings, fmt.Errorf("%s:%d: "+format, append([]any{file, line}, args...)...))
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxHostsLine)
	total, line := 0, 0
	for lines.Scan() {
		line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			warn(line, "%q is not an IP address: the line is ignored", clip(fields[0]))
			continue
		}
		if len(fields) == 1 {
			warn(line, "address %s has no name: the line is ignored", addr)
			continue
		}
		entry := HostsEntry{Addr: addr.WithZone("").Unmap(), Line: line}
		for _, f := range fields[1:] {
			name, err := dns.ParseName(f)
			if err != nil {
				warn(line, "%w: the name is ignored", err)
				continue
			}
			entry.Names = append(entry.Names, name)
		}
		if total += len(entry.Names); total > maxHostsNames {
			return entries, warnings, fmt.Errorf("%s:%d: more than %d names", file, line, maxHostsNames)
		}
		if len(entry.Names) > 0 {
			entries = append(entries, entry)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line is longer than %d bytes", maxHostsLine)
		}
		return entries, warnings, fmt.Errorf("%s:%d: %w", file, line+1, err)
	}
	return entries, warnings, nil
}

// hosts is a hosts file ready to be asked.
type hosts struct {
	addrs map[dns.Name][]netip.Addr
	names map[dns.Name][]dns.Name // reverse name → names, canonical first
}

func newHosts(entries []HostsEntry) *hosts {
	h := &hosts{addrs: map[dns.Name][]netip.Addr{}, names: map[dns.Name][]dns.Name{}}
	for _, e := range entries {
		for _, n := range e.Names {
			h.addrs[n] = append(h.addrs[n], e.Addr)
		}
		if rev := reverseName(e.Addr); rev != "" && len(e.Names) > 0 {
			h.names[rev] = append(h.names[rev], e.Names[0])
		}
	}
	return h
}

// lookup answers from the hosts file. A name that stands in the file is
// answered from the file alone: asked for IPv6 where the file knows only an
// IPv4 address, the answer is that there is none.
func (h *hosts) lookup(name dns.Name, qtype uint16) (records []mdns.RR, known bool) {
	switch qtype {
	case mdns.TypeA, mdns.TypeAAAA:
		addrs, ok := h.addrs[name]
		for _, a := range addrs {
			if a.Is4() == (qtype == mdns.TypeA) {
				records = append(records, addrRecord(name, a, 0))
			}
		}
		return records, ok
	case mdns.TypePTR:
		names, ok := h.names[name]
		for _, n := range names {
			records = append(records, &mdns.PTR{
				Hdr: mdns.RR_Header{Name: name.String(), Rrtype: mdns.TypePTR, Class: mdns.ClassINET},
				Ptr: n.String(),
			})
		}
		return records, ok
	}
	return nil, false
}

// addrRecord is the A or AAAA record of name.
func addrRecord(name dns.Name, a netip.Addr, ttl uint32) mdns.RR {
	hdr := mdns.RR_Header{Name: name.String(), Class: mdns.ClassINET, Ttl: ttl}
	if a.Is4() {
		hdr.Rrtype = mdns.TypeA
		return &mdns.A{Hdr: hdr, A: a.AsSlice()}
	}
	hdr.Rrtype = mdns.TypeAAAA
	return &mdns.AAAA{Hdr: hdr, AAAA: a.AsSlice()}
}

// reverseName is the name under which PTR records of a stand.
func reverseName(a netip.Addr) dns.Name {
	var b strings.Builder
	if a.Is4() {
		v := a.As4()
		for i := 3; i >= 0; i-- {
			b.WriteString(strconv.Itoa(int(v[i])))
			b.WriteByte('.')
		}
		b.WriteString("in-addr.arpa.")
	} else {
		v := a.As16()
		for i := 15; i >= 0; i-- {
			fmt.Fprintf(&b, "%x.%x.", v[i]&15, v[i]>>4)
		}
		b.WriteString("ip6.arpa.")
	}
	n, err := dns.ParseName(b.String())
	if err != nil {
		return ""
	}
	return n
}

// clip keeps a quotation from a file short.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
