package url

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustParse(t testing.TB, input string) *URL {
	t.Helper()
	u, err := Parse(input, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParse(t *testing.T) {
	const base = "https://user:pw@shop.test:8443/a/b/c?q#f"
	for _, tt := range []struct{ input, base, want string }{
		// scheme
		{"https://shop.test", "", "https://shop.test/"},
		{"HTTPS://Shop.TEST/", "", "https://shop.test/"},
		{" \n https://shop.test/a\tb\r\n ", "", "https://shop.test/ab"},
		{"https:shop.test", "", "https://shop.test/"},
		{"https:\\\\\\shop.test\\a", "", "https://shop.test/a"},
		{"mailto:user@shop.test", "", "mailto:user@shop.test"},
		{"data:text/plain,a b ?c d#e f", "", "data:text/plain,a b%20?c%20d#e%20f"},
		{"web+x://Host/%zz\\|", "", "web+x://Host/%zz\\|"},
		{"web+x:/.//path", "", "web+x:/.//path"},
		{"web+x:/a/..//path", "", "web+x:/.//path"},
		{"web+x://?q", "", "web+x://?q"},
		// credentials
		{"https://a:b@shop.test/", "", "https://a:b@shop.test/"},
		{"https://a@b:c:d@shop.test/", "", "https://a%40b:c%3Ad@shop.test/"},
		{"https://:@shop.test/", "", "https://shop.test/"},
		// host
		{"https://Bücher.test/", "", "https://xn--bcher-kva.test/"},
		{"https://b%C3%BCcher.test/", "", "https://xn--bcher-kva.test/"},
		{"https://shop。test/", "", "https://shop.test/"},
		{"https://0x7f.1/", "", "https://127.0.0.1/"},
		{"https://017700000001/", "", "https://127.0.0.1/"},
		{"https://256/", "", "https://0.0.1.0/"},
		{"https://1.2.3.4./", "", "https://1.2.3.4/"},
		{"https://[0:0:0:1::0001]/", "", "https://[::1:0:0:0:1]/"},
		{"https://[1:0:0:2:0:0:0:3]/", "", "https://[1:0:0:2::3]/"},
		{"https://[::ffff:192.0.2.1]/", "", "https://[::ffff:c000:201]/"},
		{"https://[1:0:2:3:4:5:6:7]/", "", "https://[1:0:2:3:4:5:6:7]/"},
		// port
		{"https://shop.test:443/", "", "https://shop.test/"},
		{"https://shop.test:00444/", "", "https://shop.test:444/"},
		{"https://shop.test:/", "", "https://shop.test/"},
		{"web+x://shop.test:443/", "", "web+x://shop.test:443/"},
		// path
		{"https://shop.test/a/./b/../c/%2E%2e/d/..", "", "https://shop.test/a/"},
		{"https://shop.test/../../a", "", "https://shop.test/a"},
		{"https://shop.test/a/.", "", "https://shop.test/a/"},
		{"https://shop.test/.../a.b/.c", "", "https://shop.test/.../a.b/.c"},
		{"https://shop.test/a b\"<>^`{}é%", "", "https://shop.test/a%20b%22%3C%3E%5E%60%7B%7D%C3%A9%"},
		{"https://shop.test//a//", "", "https://shop.test//a//"},
		// query and fragment
		{"https://shop.test?a b'\"#c `d", "", "https://shop.test/?a%20b%27%22#c%20%60d"},
		{"web+x:x?'", "", "web+x:x?'"},
		{"https://shop.test/?#", "", "https://shop.test/?#"},
		{"https://shop.test/\xff", "", "https://shop.test/%EF%BF%BD"},
		// relative
		{"", base, "https://user:pw@shop.test:8443/a/b/c?q"},
		{"d", base, "https://user:pw@shop.test:8443/a/b/d"},
		{"../d", base, "https://user:pw@shop.test:8443/a/d"},
		{"/d", base, "https://user:pw@shop.test:8443/d"},
		{"//cdn.test/d", base, "https://cdn.test/d"},
		{"?x", base, "https://user:pw@shop.test:8443/a/b/c?x"},
		{"#x", base, "https://user:pw@shop.test:8443/a/b/c?q#x"},
		{"https:d", base, "https://user:pw@shop.test:8443/a/b/d"},
		{"http:d", base, "http://d/"},
		{"#x", "mailto:a", "mailto:a#x"},
		{"d", "web+x://h/a/b", "web+x://h/a/d"},
		// file
		{"file:///C|/a/../..", "", "file:///C:/"},
		{"file://localhost/a", "", "file:///a"},
		{"/D:/x", "file:///C:/a", "file:///D:/x"},
		{"/x", "file:///C:/a", "file:///C:/x"},
		{"D|/x", "file:///C:/a", "file:///D:/x"},
		{"file:\\\\host\\a", "", "file://host/a"},
		{"file:///a/../C|/x", "", "file:///C:/x"},
	} {
		var b *URL
		if tt.base != "" {
			b = mustParse(t, tt.base)
		}
		u, err := Parse(tt.input, b)
		if err != nil {
			t.Errorf("Parse(%q, %q): %v", tt.input, tt.base, err)
			continue
		}
		if got := u.String(); got != tt.want {
			t.Errorf("Parse(%q, %q) = %s, want %s", tt.input, tt.base, got, tt.want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		input  string
		rule   Rule
		offset int
	}{
		{"", MissingSchemeNonRelative, 0},
		{"shop.test", MissingSchemeNonRelative, 0},
		{"  /x", MissingSchemeNonRelative, 2},
		{"https://", HostMissing, 8},
		{"https://:80/", HostMissing, 8},
		{"https://user@/", HostMissing, 13},
		{"web+x://:80", HostMissing, 8},
		{"https://sh op.test", DomainToASCII, 10},
		{"https://a%00b/", DomainToASCII, 8},
		{"https://%ff/", DomainToASCII, 8},
		{"https://\u00ad/", DomainToASCII, 8},
		{"web+x://a b", HostInvalidCodePoint, 9},
		{"https://shop.test:99999/", PortOutOfRange, 18},
		{"https://shop.test:8x/", PortInvalid, 19},
		{"https://[::1", IPv6Unclosed, 8},
		{"https://[:1]", IPv6InvalidCompression, 9},
		{"https://[1:2:3:4:5:6:7:8:9]", IPv6TooManyPieces, 25},
		{"https://[1::1::1]", IPv6MultipleCompression, 14},
		{"https://[1:2:3!:4]", IPv6InvalidCodePoint, 14},
		{"https://[1:2:3:]", IPv6InvalidCodePoint, 15},
		{"https://[1:2:3]", IPv6TooFewPieces, 14},
		{"https://[1:1:1:1:1:1:1:127.0.0.1]", IPv4InIPv6TooManyPieces, 23},
		{"https://[ffff::.0.0.1]", IPv4InIPv6InvalidCodePoint, 15},
		{"https://[ffff::127.00.0.1]", IPv4InIPv6InvalidCodePoint, 20},
		{"https://[ffff::127.0.0.4000]", IPv4InIPv6OutOfRangePart, 25},
		{"https://[ffff::127.0.0]", IPv4InIPv6TooFewParts, 22},
		{"https://1.2.3.4.5/", IPv4TooManyParts, 8},
		{"https://shop.42/", IPv4NonNumericPart, 8},
		{"https://1.2.3.256/", IPv4OutOfRangePart, 8},
		{"https://99999999999999999999/", IPv4OutOfRangePart, 8},
		{"ht\ttps://[\n::1", IPv6Unclosed, 9},               // the tab and the newline count
		{"https://\tus\xffer@shop.test:x", PortInvalid, 25}, // what is dropped or replaced counts as it was
		{strings.Repeat("x", MaxLength+1), tooLong, 0},
	} {
		u, err := Parse(tt.input, nil)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%.40q) = %v, %v, want %s", tt.input, u, err, tt.rule)
			continue
		}
		if e.Rule != tt.rule || e.Offset != tt.offset {
			t.Errorf("Parse(%.40q): %v, want %s at byte %d", tt.input, err, tt.rule, tt.offset)
		}
		if e.Rule.Text() == "" {
			t.Errorf("%s has no prose", e.Rule)
		}
		_, account, _ := Inspect(tt.input, nil)
		if n := len(account.Violations); n == 0 || account.Violations[n-1] != e.Violation {
			t.Errorf("Inspect(%.40q) ends with %v, want %v", tt.input, account.Violations, e.Violation)
		}
	}
}

func TestViolations(t *testing.T) {
	for _, tt := range []struct{ input, base, want string }{
		{"https://shop.test/", "", ""},
		{" https://shop.test/ ", "", "invalid-URL-unit at byte 0; invalid-URL-unit at byte 19"},
		{"ht\ntps://shop.test/", "", "invalid-URL-unit at byte 2"},
		{"https:shop.test", "", "special-scheme-missing-following-solidus at byte 6"},
		{"https:///shop.test", "", "special-scheme-missing-following-solidus at byte 8"},
		{"file:c:/x", "", "special-scheme-missing-following-solidus at byte 5"},
		{"https://u:p@shop.test/", "", "invalid-credentials at byte 11"},
		{"https://exam%70le.test/", "", "domain-percent-encoded at byte 12"},
		{"https://a_b.test/", "", "domain-to-ASCII at byte 8"},
		{"https://127.0.0x0.1/", "", "IPv4-non-decimal-part at byte 8"},
		{"https://1.2.3/", "", "IPv4-too-few-parts at byte 8"},
		{"https://127.0.0.1./", "", "IPv4-empty-part at byte 8"},
		{"https://1.1000/", "", "IPv4-too-few-parts at byte 8; IPv4-out-of-range-part at byte 8"},
		{"https://[::01]/", "", "IPv6-piece-leading-zero at byte 11"},
		{`https://shop.test\a`, "", "invalid-reverse-solidus at byte 17"},
		{`https://shop.test/a\b\c`, "", `invalid-URL-unit at byte 19; invalid-URL-unit at byte 21; invalid-reverse-solidus at byte 19; invalid-reverse-solidus at byte 21`},
		{"https://shop.test/%s?>#<", "", "invalid-URL-unit at byte 18; invalid-URL-unit at byte 21; invalid-URL-unit at byte 23"},
		{"https://shop.test/\u0080\ufdd0é", "", "invalid-URL-unit at byte 18; invalid-URL-unit at byte 20"},
		{"data: x", "", "invalid-URL-unit at byte 5"},
		{"/c:/x", "file:///d:/", ""},
		{"c:/x", "file:///d:/", ""}, // a scheme
		{"c|/x", "file:///d:/", "file-invalid-Windows-drive-letter at byte 0; invalid-URL-unit at byte 1"},
		{"file://c:", "", "file-invalid-Windows-drive-letter-host at byte 7"},
	} {
		var b *URL
		if tt.base != "" {
			b = mustParse(t, tt.base)
		}
		_, account, err := Inspect(tt.input, b)
		if err != nil {
			t.Errorf("Inspect(%q): %v", tt.input, err)
		}
		var got []string
		for _, v := range account.Violations {
			if v.Rule.Text() == "" || v.Rule.Clause() == "" {
				t.Errorf("%s has no prose or clause", v.Rule)
			}
			got = append(got, v.String())
		}
		if g := strings.Join(got, "; "); g != tt.want {
			t.Errorf("Inspect(%q) violations = %s, want %s", tt.input, g, tt.want)
		}
	}
}

func TestChanges(t *testing.T) {
	for _, tt := range []struct {
		input string
		want  []string
	}{
		{"https://shop.test/", nil},
		{"https://shop.test/a%20b?c#d", nil},
		{" HTTPS:Shop.test\\a ", []string{"spaces at the ends dropped", "scheme HTTPS read as https", "// put after the scheme", "host Shop.test read as shop.test", `\ read as /`}},
		{"https:////shop.te\nst:443", []string{"tabs and newlines dropped", "slashes before the host dropped", "default port 443 read as none", "empty path read as /"}},
		{"https://ü:gehe im@bücher.test:", []string{"user name ü read as %C3%BC", "password percent-encoded", "host bücher.test read as xn--bcher-kva.test", "empty port dropped", "empty path read as /"}},
		{"https://0x7f.1:0080/a/../b c?ä#ö", []string{"host 0x7f.1 read as 127.0.0.1", "port 0080 read as 80", "dot segments resolved and characters percent-encoded: path /a/../b c read as /b%20c", "percent-encoded: query ?ä read as %C3%A4", "percent-encoded: fragment #ö read as %C3%B6"}},
		{"https://shop.test/a/./b", []string{"dot segments resolved: path /a/./b read as /a/b"}},
		{"https://shop.test/a b", []string{"percent-encoded: path /a b read as /a%20b"}},
		{"https://[0::1]/", []string{"host [0::1] read as [::1]"}},
		{"file://localhost/", []string{"host localhost dropped from a file URL"}},
	} {
		_, account, err := Inspect(tt.input, nil)
		if err != nil {
			t.Errorf("Inspect(%q): %v", tt.input, err)
		}
		if !slices.Equal(account.Changes, tt.want) {
			t.Errorf("Inspect(%q) changes = %q\nwant %q", tt.input, account.Changes, tt.want)
		}
	}
	_, account, err := Inspect("https://shop.test/"+strings.Repeat("<", 1000), nil)
	if err != nil || len(account.Violations) != maxNotes {
		t.Errorf("%d violations kept (%v), want %d", len(account.Violations), err, maxNotes)
	}
}

// TestHostileLength holds parsing to linear time.
func TestHostileLength(t *testing.T) {
	for name, input := range map[string]func(n int) string{
		"dot segments": func(n int) string {
			return "https://shop.test/" + strings.Repeat("a/", n/4) + strings.Repeat("../", n/4)
		},
		"at signs":     func(n int) string { return "https://" + strings.Repeat("@", n) + "shop.test/" },
		"colons":       func(n int) string { return "https://u" + strings.Repeat(":", n) + "@shop.test/" },
		"newlines":     func(n int) string { return "https://shop.test/" + strings.Repeat("\n<", n/2) },
		"Unicode host": func(n int) string { return "https://" + strings.Repeat("ü", n/2) + "/" },
		"IPv4 number":  func(n int) string { return "https://0x" + strings.Repeat("f", n) + "/" },
		"IPv4 parts":   func(n int) string { return "https://" + strings.Repeat("1.", n/2) + "/" },
		"reversed":     func(n int) string { return "https:" + strings.Repeat(`\`, n) + "shop.test" },
	} {
		if quadratic(func(n int) { _, _, _ = Inspect(input(n), nil) }, 1<<17) {
			t.Errorf("%s: eight times as much takes far more than eight times as long", name)
		}
	}
}

// quadratic reports whether f takes far more than eight times as long for eight
// times as much. Of the shorter time the least of some runs counts, and the
// longer one has several tries: other work on the machine makes times longer,
// never shorter. What is within some milliseconds is no matter.
func quadratic(f func(size int), size int) bool {
	took := func(size int) time.Duration {
		start := time.Now()
		f(size)
		return time.Since(start)
	}
	once := took(size)
	for range 8 {
		once = min(once, took(size))
	}
	once = max(once, time.Millisecond)
	for range 8 {
		if took(8*size) < 24*once {
			return false
		}
	}
	return true
}

func TestAccessors(t *testing.T) {
	u := mustParse(t, "https://us:pw@shop.test:8443/a?b#c")
	for _, tt := range []struct{ what, got, want string }{
		{"Scheme", u.Scheme(), "https"},
		{"Username", u.Username(), "us"},
		{"Password", u.Password(), "pw"},
		{"Host", u.Host(), "shop.test:8443"},
		{"Hostname", u.Hostname(), "shop.test"},
		{"HostPort", u.HostPort(), "shop.test:8443"},
		{"Port", fmt.Sprint(u.Port()), "8443"},
		{"Path", u.Path(), "/a"},
		{"Query", u.Query(), "b"},
		{"Search", u.Search(), "?b"},
		{"Fragment", u.Fragment(), "c"},
		{"Hash", u.Hash(), "#c"},
		{"RequestTarget", u.RequestTarget(), "/a?b"},
		{"Href", u.Href(), "https://us:pw@shop.test:8443/a?b#c"},
		{"Redacted", u.Redacted(), "https://us:****@shop.test:8443/a?b#c"},
		{"Append", string(u.Append([]byte("key "))), "key https://us:pw@shop.test:8443/a?b"},
		{"Origin", u.Origin().String(), "https://shop.test:8443"},
		{"without fragment", u.WithFragmentOf(nil).Redacted(), "https://us:****@shop.test:8443/a?b"},
		{"fragment of", u.WithFragmentOf(mustParse(t, "x:y#z")).Hash(), "#z"},
		{"default port", mustParse(t, "http://shop.test").HostPort(), "shop.test:80"},
		{"no port at all", fmt.Sprint(mustParse(t, "web+x://h").Port()), "0"},
		{"empty target", mustParse(t, "web+x://h?q").RequestTarget(), "/?q"},
		{"ftp", fmt.Sprint(mustParse(t, "ftp://h").Port()), "21"},
		{"upgraded", mustParse(t, "http://shop.test/x").Upgraded().String(), "https://shop.test/x"},
		{"upgraded from 443", mustParse(t, "ws://shop.test:443/").Upgraded().String(), "wss://shop.test/"},
		{"upgraded from 8080", mustParse(t, "http://shop.test:8080/").Upgraded().String(), "https://shop.test:8080/"},
		{"not upgraded", mustParse(t, "ftp://shop.test/").Upgraded().String(), "ftp://shop.test/"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if !u.HasQuery() || !u.HasFragment() || !u.HasCredentials() || u.Opaque() || !u.Special() {
		t.Errorf("%s: wrong flags", u)
	}
	if !u.Equal(mustParse(t, u.String())) || u.Equal(mustParse(t, "https://shop.test")) {
		t.Error("Equal is wrong")
	}
	for input, want := range map[string]string{
		"https://192.0.2.1/": "192.0.2.1", "https://[2001:db8::1]/": "2001:db8::1", "https://shop.test/": "invalid IP",
	} {
		if a, ok := mustParse(t, input).Addr(); a.String() != want || ok != (want != "invalid IP") {
			t.Errorf("%s Addr = %v, %v, want %s", input, a, ok, want)
		}
	}
}

func TestOrigin(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"https://shop.test/a", "https://shop.test:443/b", true},
		{"https://shop.test/", "http://shop.test/", false},
		{"https://shop.test/", "https://www.shop.test/", false},
		{"https://shop.test/", "https://shop.test:8443/", false},
		{"blob:https://shop.test/id", "https://shop.test/", true},
		{"blob:ftp://shop.test/id", "ftp://shop.test/", false},
		{"data:,x", "data:,x", false}, // an opaque origin is not even itself
		{"file:///a", "file:///a", false},
	} {
		a, b := mustParse(t, tt.a).Origin(), mustParse(t, tt.b).Origin()
		if got := a.Same(b); got != tt.same {
			t.Errorf("%s same origin as %s = %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
	if got := mustParse(t, "data:,x").Origin().String(); got != "null" {
		t.Errorf("opaque origin = %q, want null", got)
	}
}

// TestPlainParseCopiesNothing holds the common URL to one allocation: the
// record itself.
func TestPlainParseCopiesNothing(t *testing.T) {
	base := mustParse(t, "https://www.shop.test/a/b")
	for _, tt := range []struct {
		input string
		base  *URL
		most  float64
	}{
		{"https://www.shop.test/css/style.css?v=3#top", nil, 1},
		{"/css/style.css", base, 1},
		{"style.css", base, 2},
		{"https://www.shop.test:8443/a%20b/", nil, 2},
	} {
		n := testing.AllocsPerRun(100, func() {
			if _, err := Parse(tt.input, tt.base); err != nil {
				t.Fatal(err)
			}
		})
		if n > tt.most {
			t.Errorf("Parse(%q) allocates %v times, want at most %v", tt.input, n, tt.most)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	base := mustParse(b, "https://www.shop.test/a/b/c.html")
	for _, bb := range []struct {
		name, input string
		base        *URL
	}{
		{"plain", "https://www.shop.test/css/style.css?v=3", nil},
		{"relative", "../img/logo.png", base},
		{"encoded", "https://user:pw@Shop.test:8443/a b/../c?d é#e f", nil},
		{"idna", "https://bücher.test/", nil},
		{"ipv6", "https://[2001:db8::1]:8443/", nil},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bb.input, bb.base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkString(b *testing.B) {
	u := mustParse(b, "https://www.shop.test/css/style.css?v=3")
	b.ReportAllocs()
	for b.Loop() {
		_ = u.String()
	}
}
