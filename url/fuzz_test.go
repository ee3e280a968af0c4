package url

import (
	"strings"
	"testing"
)

var seeds = []string{
	"https://user:pw@Shop.TEST:443/a/../b c?d é#e", "file:///C|/x", "web+x:/.//p", "data:a b #", "https://[::1]:80/",
	"https://bücher.test", "https://0x7f.1", "//x", "?q", "#f", "a:b@c", "https:\\\\x\\..\\y", "\x00 https://x \xff",
	"https://%e2%98%83.test", "blob:https://x/y", "localhost:80", "1.2.3", "file://localhost/..", "x://a:0b/",
}

// FuzzParse holds the parser to this: no panic; what it writes it reads as
// the same record and writes again in the same way; looking closer does not
// change the outcome; a password never shows.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, "https://shop.test/a/b?c#d")
		f.Add(s, "file:///C:/x")
		f.Add(s, "web+x://h")
		f.Add(s, "mailto:a")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, input, baseText string) {
		base, err := Parse(baseText, nil)
		if err != nil {
			base = nil
		}
		u, err := Parse(input, base)
		v, account, err2 := Inspect(input, base)
		if (err == nil) != (err2 == nil) || err == nil && !u.Equal(v) {
			t.Fatalf("Parse(%q) = %v, %v; Inspect = %v, %v", input, u, err, v, err2)
		}
		for _, violation := range account.Violations {
			if violation.Offset < 0 || violation.Offset > len(input) {
				t.Fatalf("%q: %v lies outside", input, violation)
			}
		}
		if err != nil {
			return
		}
		href := u.String()
		again, err := Parse(href, nil)
		if err != nil {
			t.Fatalf("%q gives %q: %v", input, href, err)
		}
		if !again.Equal(u) || again.String() != href {
			t.Fatalf("%q gives %q, read again as %q (%+v, %+v)", input, href, again, u, again)
		}
		if !isASCII(href) {
			t.Fatalf("%q gives %q, which is not ASCII", input, href)
		}
		if base == nil && u.password != "" && Redact(input) == input {
			t.Fatalf("Redact(%q) leaves the password", input)
		}
	})
}

// FuzzFromAddressBar: no panic, a reason for every outcome, and text goes
// only to the engine configured.
func FuzzFromAddressBar(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	const want = "https://search.test/find?q="
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := FromAddressBar(typed, "https://search.test/find?q=%s")
		if err != nil {
			return
		}
		if got.URL == nil || got.Reason == "" {
			t.Fatalf("FromAddressBar(%q) = %+v", typed, got)
		}
		if got.Search && !strings.HasPrefix(got.URL.String(), want) {
			t.Fatalf("FromAddressBar(%q) searches at %s", typed, got.URL)
		}
		if got.URL.password != "" && Redact(typed) == typed {
			t.Fatalf("Redact(%q) leaves the password", typed)
		}
	})
}
