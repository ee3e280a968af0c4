package dns

import (
	"fmt"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

func ExampleParseName() {
	n, err := ParseName("WWW.shop.test")
	fmt.Println(n, n.Labels(), n.Under(MustName("test")), err)
	_, err = ParseName("www..test")
	fmt.Println(err)
	// Output:
	// www.shop.test. 3 true <nil>
	// name "www..test": empty label at offset 4
}

func TestParseName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	longest := label63 + "." + label63 + "." + label63 + "." + strings.Repeat("b", 61) // 3×64 + 62 + 1 = 255
	tests := []struct {
		in, wire, out string
	}{
		{".", "\x00", "."},
		{"test", "\x04test\x00", "test."},
		{"test.", "\x04test\x00", "test."},
		{"WWW.Shop.TEST", "\x03www\x04shop\x04test\x00", "www.shop.test."},
		{`a\.b.test`, "\x03a.b\x04test\x00", `a\.b.test.`},
		{`\097\066c.test`, "\x03abc\x04test\x00", "abc.test."},
		{`\000.test`, "\x01\x00\x04test\x00", `\000.test.`},
		{`a\ b`, "\x03a b\x00", `a\032b.`},
		{`\\`, "\x01\\\x00", `\\.`},
		{`\$x.\@`, "\x02$x\x01@\x00", `\$x.\@.`},
		{"*.test", "\x01*\x04test\x00", "*.test."},
		{"_dmarc.x", "\x06_dmarc\x01x\x00", "_dmarc.x."},
		{label63, "\x3f" + label63 + "\x00", label63 + "."},
		{longest, "\x3f" + label63 + "\x3f" + label63 + "\x3f" + label63 + "\x3d" + strings.Repeat("b", 61) + "\x00", longest + "."},
	}
	for _, tt := range tests {
		n, err := ParseName(tt.in)
		if err != nil || string(n) != tt.wire {
			t.Errorf("ParseName(%q) = %q, %v, want %q", tt.in, n, err, tt.wire)
			continue
		}
		if got := n.String(); got != tt.out {
			t.Errorf("ParseName(%q).String() = %q, want %q", tt.in, got, tt.out)
		}
		if got := n.Text(); n != Root && got+"." != tt.out || n == Root && got != "." {
			t.Errorf("ParseName(%q).Text() = %q", tt.in, got)
		}
		if !n.Valid() {
			t.Errorf("ParseName(%q) is not valid", tt.in)
		}
	}
}

func TestParseNameErrors(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	tests := []struct{ in, want string }{
		{"", `name is empty: the root is written "."`},
		{"..", `name "..": empty label at offset 0`},
		{".test", `name ".test": empty label at offset 0`},
		{"a..b", `name "a..b": empty label at offset 2`},
		{"test..", `name "test..": empty label at offset 5`},
		{label63 + "a.b", "label of 64 octets ends at offset 64, more than 63"},
		{label63 + "a", "label of 64 octets ends at offset 64, more than 63"},
		{strings.Repeat(label63+".", 3) + strings.Repeat("b", 62), "more than 255 octets at offset 254"},
		{strings.Repeat(label63+".", 4), "more than 255 octets at offset"},
		{`a\`, `name "a\\": backslash at the end`},
		{`a\12`, `name "a\\12": escape at offset 1 needs three decimal digits`},
		{`a\256`, `name "a\\256": escape \256 at offset 1 is more than 255`},
		{"bücher.test", `octet 0xc3 at offset 1 must be written \195 (international names: use the xn-- form)`},
		{"a b", `octet 0x20 at offset 1 must be written \032`},
		{"a\\\x01", "octet 0x01 after the backslash at offset 1 must be written as three digits"},
	}
	for _, tt := range tests {
		if n, err := ParseName(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseName(%q) = %q, %v, want error with %q", tt.in, n, err, tt.want)
		}
	}
}

func TestNameFromWire(t *testing.T) {
	if n, err := NameFromWire([]byte("\x03WWW\x04test\x00")); err != nil || n != MustName("www.test") {
		t.Errorf("got %q, %v", n, err)
	}
	for _, bad := range []string{"", "\x03ww", "\x03www", "\xc0\x00", "\x40a\x00", "\x00\x00", strings.Repeat("\x01a", 127) + "\x01a\x00"} {
		if n, err := NameFromWire([]byte(bad)); err == nil {
			t.Errorf("NameFromWire(%q) = %q, want error", bad, n)
		}
	}
}

func TestNameRelations(t *testing.T) {
	www := MustName("www.shop.test")
	if got := www.Parent(); got != MustName("shop.test") {
		t.Errorf("Parent = %v", got)
	}
	if got := MustName("test").Parent(); got != Root || Root.Parent() != Root {
		t.Errorf("Parent of test = %v, of the root = %v", got, Root.Parent())
	}
	for zone, want := range map[string]bool{"www.shop.test": true, "shop.test": true, "test": true, ".": true, "op.test": false, "a.www.shop.test": false} {
		if got := www.Under(MustName(zone)); got != want {
			t.Errorf("%v.Under(%s) = %v, want %v", www, zone, got, want)
		}
	}
	// The bytes of one name at the end of another, but not at a label.
	if tricky := MustName(`x\004test`); tricky.Under(MustName("test")) {
		t.Errorf("%v is not under test.", tricky)
	}
	if www.Labels() != 3 || Root.Labels() != 0 || www.Label() != "www" || Root.Label() != "" {
		t.Errorf("Labels %d, %d; Label %q, %q", www.Labels(), Root.Labels(), www.Label(), Root.Label())
	}
	if n, ok := Root.Prepend("Test"); !ok || n != MustName("test") {
		t.Errorf("Prepend = %v, %v", n, ok)
	}
	for _, bad := range []string{"", strings.Repeat("a", 64)} {
		if _, ok := Root.Prepend(bad); ok {
			t.Errorf("Prepend(%q) is fine", bad)
		}
	}
	if Name("").Text() != "" || Name("").String() != "" {
		t.Error("the zero value has a text")
	}
	for _, bad := range []Name{"", "\x03ww", "\x01A\x00", "\x01a", "\x01a\x00\x00", "\x40" + Name(strings.Repeat("a", 64)) + "\x00"} {
		if bad.Valid() {
			t.Errorf("%q is valid", string(bad))
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{".", "www.shop.test", `a\.b.\000\255.x`, "a..b", `\`, `\9`, strings.Repeat("a.", 128), "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		if !n.Valid() {
			t.Fatalf("ParseName(%q) = %q, which is not valid", s, string(n))
		}
		// The presentation form is read back by us and by the library, to
		// the same octets.
		out := n.String()
		if again, err := ParseName(out); err != nil || again != n {
			t.Fatalf("%q: String %q is read back as %q, %v", s, out, string(again), err)
		}
		var buf [MaxName + 1]byte
		end, err := mdns.PackDomainName(out, buf[:], 0, nil, false)
		if err != nil || string(buf[:end]) != string(n) {
			t.Fatalf("%q: the library packs %q as %q, %v", s, out, buf[:end], err)
		}
		// And what the library writes, we read.
		text, _, err := mdns.UnpackDomainName([]byte(n), 0)
		if err != nil {
			t.Fatalf("%q: the library does not unpack %q: %v", s, string(n), err)
		}
		if again, err := ParseName(text); err != nil || again != n {
			t.Fatalf("%q: the library's %q is read as %q, %v", s, text, string(again), err)
		}
		if wire, err := NameFromWire([]byte(n)); err != nil || wire != n {
			t.Fatalf("NameFromWire(%q) = %q, %v", string(n), string(wire), err)
		}
		labels := 0
		for m := n; m != Root; m = m.Parent() {
			if !n.Under(m) {
				t.Fatalf("%v is not under %v", n, m)
			}
			labels++
		}
		if labels != n.Labels() {
			t.Fatalf("%v: %d parents, %d labels", n, labels, n.Labels())
		}
	})
}
