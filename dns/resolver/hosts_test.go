package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

func TestParseHosts(t *testing.T) {
	entries, warnings, err := ParseHosts(strings.NewReader(`# the usual
127.0.0.1	localhost
::1  localhost ip6-localhost   # both families
198.51.100.7 www.shop.test shop.test. WWW.Other.TEST
198.51.100.8
300.1.1.1 bad.test
198.51.100.9 ok.test b..ad.test
fe80::1%eth0 link.test
::ffff:198.51.100.10 mapped.test
`), "hosts")
	if err != nil {
		t.Fatal(err)
	}
	var got, warned []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%d %s %v", e.Line, e.Addr, e.Names))
	}
	for _, w := range warnings {
		warned = append(warned, w.Error())
	}
	same(t, "entries", got, []string{
		"2 127.0.0.1 [localhost.]",
		"3 ::1 [localhost. ip6-localhost.]",
		"4 198.51.100.7 [www.shop.test. shop.test. www.other.test.]",
		"7 198.51.100.9 [ok.test.]",
		"8 fe80::1 [link.test.]",
		"9 198.51.100.10 [mapped.test.]",
	})
	same(t, "warnings", warned, []string{
		"hosts:5: address 198.51.100.8 has no name: the line is ignored",
		`hosts:6: "300.1.1.1" is not an IP address: the line is ignored`,
		`hosts:7: name "b..ad.test": empty label at offset 2: the name is ignored`,
	})
	if _, _, err := ParseHosts(strings.NewReader("# "+strings.Repeat("x", maxHostsLine)), "hosts"); err == nil ||
		err.Error() != "hosts:1: line is longer than 65536 bytes" {
		t.Errorf("long line: %v", err)
	}
	// Many bad lines give few warnings.
	_, warnings, err = ParseHosts(strings.NewReader(strings.Repeat("bad\n", 10*maxWarnings)), "hosts")
	if len(warnings) != maxWarnings || err != nil {
		t.Errorf("%d warnings, %v", len(warnings), err)
	}
}

func TestHostsLookup(t *testing.T) {
	entries, _, _ := ParseHosts(strings.NewReader("198.51.100.7 www.shop.test alias.test\n2001:db8::7 www.shop.test\n"), "hosts")
	h := newHosts(entries)
	for _, c := range []struct {
		name  string
		qtype uint16
		known bool
		want  string
	}{
		{"www.shop.test", mdns.TypeA, true, "198.51.100.7"},
		{"www.shop.test", mdns.TypeAAAA, true, "2001:db8::7"},
		{"alias.test", mdns.TypeAAAA, true, ""},
		{"www.shop.test", mdns.TypeMX, false, ""},
		{"other.test", mdns.TypeA, false, ""},
		{"7.100.51.198.in-addr.arpa", mdns.TypePTR, true, "www.shop.test."},
		{"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", mdns.TypePTR, true, "www.shop.test."},
	} {
		records, known := h.lookup(dns.MustName(c.name), c.qtype)
		got := ""
		if len(records) > 0 {
			got = rdata(records[0])
		}
		if known != c.known || got != c.want {
			t.Errorf("%s %s: %v %q, want %v %q", c.name, dns.TypeString(c.qtype), known, got, c.known, c.want)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	sys, err := ParseResolvConf(strings.NewReader(`; system
domain old.test
search shop.test  corp.test.
nameserver 192.0.2.53   # first
nameserver 2001:db8::53
nameserver fe80::1%eth0
nameserver 192.0.2.54
nameserver nonsense
nameserver
options ndots:2 timeout:99 attempts:0 rotate edns0 ndots:x
sortlist 10.0.0.0
colour blue
`), "resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(sys.Servers), "[192.0.2.53:53 [2001:db8::53]:53 [fe80::1%eth0]:53]"; got != want {
		t.Errorf("servers %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(sys.Search, sys.Ndots, sys.Timeout, sys.Attempts), "[shop.test. corp.test.] 2 30s 1"; got != want {
		t.Errorf("options %s, want %s", got, want)
	}
	var warned []string
	for _, w := range sys.Warnings {
		warned = append(warned, w.Error())
	}
	same(t, "warnings", warned, []string{
		"resolv.conf:7: nameserver 192.0.2.54 is ignored: only the first 3 count",
		`resolv.conf:8: nameserver: "nonsense" is not an IP address`,
		"resolv.conf:9: nameserver: an address is missing",
		`resolv.conf:10: options ndots: "x" is not a number`,
		`resolv.conf:12: "colour" is not a keyword of resolv.conf`,
	})
	sys, err = SystemServers(t.TempDir() + "/none")
	if err != nil || fmt.Sprint(sys.Servers) != "[127.0.0.1:53]" || len(sys.Warnings) != 1 || sys.Timeout != 5*time.Second {
		t.Errorf("missing file: %+v %v", sys, err)
	}
	if _, err = SystemServers(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

func TestRootHints(t *testing.T) {
	hints := RootHints()
	seen := map[netip.AddrPort]bool{}
	for i, h := range hints {
		if seen[h] || h.Port() != 53 || h.Addr().Is4() != (i < 13) {
			t.Errorf("hint %d: %s", i, h)
		}
		seen[h] = true
	}
	if len(hints) != 26 {
		t.Errorf("%d hints, want 26", len(hints))
	}
}

func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost\n::1 a b # c\nfe80::1%e x\n")
	f.Add("1.2.3.4\tA\\046b.\\\\ \xff\n\n#")
	f.Fuzz(func(t *testing.T, text string) {
		entries, warnings, _ := ParseHosts(strings.NewReader(text), "f")
		if len(warnings) > maxWarnings {
			t.Errorf("%d warnings", len(warnings))
		}
		for _, e := range entries {
			if !e.Addr.IsValid() || e.Addr.Zone() != "" || len(e.Names) == 0 || e.Line < 1 {
				t.Errorf("entry %+v", e)
			}
			for _, n := range e.Names {
				if !n.Valid() {
					t.Errorf("name %q", n)
				}
			}
		}
		newHosts(entries)
	})
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 1.2.3.4\nsearch a b\noptions ndots:3 timeout:1\n")
	f.Add("domain .\nnameserver fe80::1%\n;x\noptions :::\n")
	f.Fuzz(func(t *testing.T, text string) {
		sys, err := ParseResolvConf(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		if n := len(sys.Servers); n == 0 || n > maxSystemServers {
			t.Errorf("%d servers", n)
		}
		if sys.Ndots < 0 || sys.Ndots > 15 || sys.Timeout < time.Second || sys.Attempts < 1 || len(sys.Search) > maxSearch {
			t.Errorf("out of bounds: %+v", sys)
		}
	})
}
