package cache

import (
	"strings"
	"testing"
)

func TestResolveDots(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"/a/b/c/./../../g", "/a/g"}, // RFC 3986 §5.2.4
		{"/a/../b", "/b"}, {"/../a", "/a"}, {"/../../../a", "/a"}, {"/a/../../../b", "/b"},
		{"/a/..", "/"}, {"/a/.", "/a/"}, {"/a/b/..", "/a/"}, {"/..", "/"}, {"/.", "/"},
		{"/%2e%2e/a", "/a"}, {"/%2E%2e/a", "/a"}, {"/.%2e/a", "/a"}, {"/x/%2e./a", "/a"}, {"/x/%2E/a", "/x/a"},
		{"/a//../b", "/a/b"}, {"//../a", "//a"[1:]},
		{"/a?b=/../c", "/a?b=/../c"}, {"/x/../a?b=/../c", "/a?b=/../c"}, {"/x/..?", "/?"},
		// What is not a segment of dots alone stays.
		{"/...", "/..."}, {"/a/.b", "/a/.b"}, {"/a/..b", "/a/..b"}, {"/.well-known/x", "/.well-known/x"}, {"/%2e%2e%2e/", "/%2e%2e%2e/"},
		{"/a%2e%2e/b", "/a%2e%2e/b"}, {"/..%2fa", "/..%2fa"}, {"/..;/a", "/..;/a"}, {"/a%2", "/a%2"}, {"/%2f/%zz/../b", "/%2f/b"},
		{"*", "*"}, {"", ""}, {"/", "/"},
	} {
		if got := ResolveDots(tt.in); got != tt.want {
			t.Errorf("ResolveDots(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		if ResolveDots("/.well-known/a.b/%2f?c=/../d") == "" || Climbs("/a/..%2fb/..;/c") {
			t.Error("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestClimbs(t *testing.T) {
	for path, want := range map[string]bool{
		"/": false, "/a/b": false, "/a/..%2fb": false, "/a/..;x/b": false, "/?/..%2f": false, "/a%2f..;a%2fb": false,
		"/..%2fsecret": true, "/..%5Csecret": true, "/..\\secret": true, "/%2e%2e%2Fsecret": true, "/..;/secret": true, "/..;a=b/secret": true,
		"/a/..%2f..%2fsecret": true, "/..%3b/secret": true, "//..;/secret": true, "/.;/..;/secret": true, "/a/..;/..;/b": true,
		"/..%00/secret": true, "/..%09/secret": true, "/..%20/secret": true, "/..%23/secret": true, "/..%3f/secret": true,
		"/..%c0%af/secret": true, "/a/b/%C1%9C..": true, "/a/..\xc0\xaf": true, "/a/%c3%a9%00/b": false, "/%c2%a0": false,
		"/..a%2fsecret": false, "/%2g..": false, "/%252e%252e%252f": false, "*": false, "": false,
	} {
		if got := Climbs(path); got != want {
			t.Errorf("Climbs(%q) = %v, want %v", path, got, want)
		}
	}
}

// FuzzResolveDots: nothing of dots is left, once is enough, and what was not
// there does not come.
func FuzzResolveDots(f *testing.F) {
	for _, s := range []string{"/a/../b?c", "/%2e%2E/", "/./..", "//..//.", "/..%2f", "/a;/../..;/%", "/\\.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		Climbs(target)
		if !strings.HasPrefix(target, "/") {
			return
		}
		got := ResolveDots(target)
		path, query, _ := strings.Cut(got, "?")
		_, before, _ := strings.Cut(target, "?")
		switch {
		case !strings.HasPrefix(got, "/"), query != before, len(got) > len(target):
			t.Errorf("ResolveDots(%q) = %q", target, got)
		case ResolveDots(got) != got:
			t.Errorf("ResolveDots(%q) = %q, and once more %q", target, got, ResolveDots(got))
		}
		for _, segment := range strings.Split(path, "/") {
			switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
			case ".", "..":
				t.Errorf("ResolveDots(%q) = %q", target, got)
			}
		}
		decoded := string(AppendTarget(nil, path))
		if again := string(RemoveDots([]byte(decoded))); again != decoded {
			t.Errorf("%q is %q as a key has it, and that becomes %q", target, decoded, again)
		}
	})
}
