package rules

import (
	"path"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
		captured      string
	}{
		{"/a", "/a", true, ""},
		{"/a", "/a/", false, ""},
		{"/a/*", "/a/", true, ""},
		{"/a/*", "/a/b/c", true, "b/c"},
		{"/a/*", "/a", false, ""},
		{"/*/x/*", "/1/x/2", true, "1|2"},
		{"/*/x/*", "/1/x/x/2", true, "1|x/2"},
		{"/*.js", "/a/b.js", true, "a/b"},
		{"/*.js", "/a/b.jsx", false, ""},
		{"*/", "/a/", true, "/a"},
		{"*/", "/", true, ""},
		{"*", "/anything", true, "/anything"},
		{"/aa*aa", "/aaa", false, ""},
		{"/aa*aa", "/aaaa", true, ""},
		{"/%7Euser/*", "/~user/x", true, "x"},
		{"/caf%c3%a9", "/caf%C3%A9", true, ""},
		{"/A", "/a", false, ""},
	} {
		p, err := ParsePath(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		var c Captures
		got := p.Match(tt.path, &c)
		captured := strings.Join(c.text[:c.n], "|")
		if got != tt.want || got && captured != tt.captured {
			t.Errorf("%s fits %s: %v %q, want %v %q", tt.pattern, tt.path, got, captured, tt.want, tt.captured)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, text := range []string{"", "a", "/a?b", "/a#b", "/a b", "/" + strings.Repeat("*/", 10)} {
		if _, err := ParsePath(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestNormal(t *testing.T) {
	for _, tt := range []struct{ target, want string }{
		{"/a/b?c=%41", "/a/b"},
		{"/%61/b", "/a/b"},
		{"/a/./b", "/a/b"},
		{"/a/../b", "/b"},
		{"/a/%2e%2E/b", "/b"},
		{"/../../b", "/b"},
		{"/a/..", "/"},
		{"/a/b/..", "/a/"},
		{"/a/.", "/a/"},
		{"/.", "/"},
		{"/a//../b", "/a/b"},
		{"/a/...", "/a/..."},
		{"/a/.b/..c", "/a/.b/..c"},
		{"//a", "//a"},
		{"*", "*"},
		{"/a%2Fb", "/a%2Fb"},
	} {
		if got, _ := Normal(nil, tt.target); got != tt.want {
			t.Errorf("RFC 3986 §6.2.2: Normal(%s) = %s, want %s", tt.target, got, tt.want)
		}
	}
}

// FuzzNormal holds the path against path.Clean, which differs in slashes only.
func FuzzNormal(f *testing.F) {
	for _, s := range []string{"/a/../b", "/%2e%2e/x", "/a/./", "//..//", "/%zz/..", "/.%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \x00") {
			return
		}
		got, _ := Normal(nil, target)
		if again, _ := Normal(nil, got); again != got && !strings.Contains(got, "%") {
			t.Errorf("Normal(%q) = %q, and of that %q", target, got, again)
		}
		if strings.Contains(got, "%") || strings.Contains(got, "//") {
			return
		}
		if want := path.Clean(got); want != got && want+"/" != got {
			t.Errorf("Normal(%q) = %q, want %q", target, got, want)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("/a/*/b*", "/a/x/bc")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := ParsePath(pattern)
		if err != nil {
			return
		}
		var c Captures
		if !p.Match(text, &c) {
			return
		}
		if c.n != p.stars() {
			t.Fatalf("%q has %d stars, captured %d", pattern, p.stars(), c.n)
		}
		var back strings.Builder // the captures in the stars' place are the text
		for i, piece := range p.pieces {
			back.WriteString(piece)
			if i < c.n {
				back.WriteString(c.text[i])
			}
		}
		if back.String() != text {
			t.Errorf("%q fits %q, put together %q", pattern, text, back.String())
		}
	})
}
