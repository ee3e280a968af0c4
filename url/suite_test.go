package url

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// suites holds the vectors of web-platform-tests; see its README for where
// they come from. They are no part of this repository.
const suites = "../../shared/suites/url"

// readSuite reads a list of vectors, which has comments among them.
func readSuite[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(suites, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("skipped: no suites (%s is not there)", filepath.Join(suites, name))
	}
	if err != nil {
		t.Fatal(err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []T
	for _, r := range raw {
		if r[0] == '"' {
			continue // a comment
		}
		var v T
		if err := json.Unmarshal(r, &v); err != nil {
			t.Fatalf("%s: %s: %v", name, r, err)
		}
		out = append(out, v)
	}
	return out
}

// unmet lists vectors that we do not pass, with the reason. It is empty: keep
// it so, and never drop a vector silently.
var unmet = map[string]string{}

func TestURLTestData(t *testing.T) {
	type vector struct {
		Input      string
		Base       *string
		Failure    bool
		RelativeTo string
		Href, Origin, Protocol, Username, Password,
		Host, Hostname, Port, Pathname, Search, Hash string
	}
	passed, failed := 0, 0
	vectors := readSuite[vector](t, "urltestdata.json")
	for _, v := range vectors {
		if reason, ok := unmet[v.Input]; ok {
			t.Logf("not met: %q: %s", v.Input, reason)
			failed++
			continue
		}
		var base *URL
		if v.Base != nil {
			var err error
			if base, err = Parse(*v.Base, nil); err != nil {
				// The URL class fails when the base does, whatever the input is.
				if !v.Failure {
					t.Errorf("base %q: %v", *v.Base, err)
				}
				passed++
				continue
			}
		}
		u, err := Parse(v.Input, base)
		if v.Failure {
			if err == nil {
				t.Errorf("Parse(%q, %v) = %s, want a failure", v.Input, deref(v.Base), u)
				failed++
				continue
			}
			passed++
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q, %v): %v", v.Input, deref(v.Base), err)
			failed++
			continue
		}
		ok := true
		check := func(what, got, want string) {
			if got != want {
				t.Errorf("Parse(%q, %v) %s = %q, want %q", v.Input, deref(v.Base), what, got, want)
				ok = false
			}
		}
		check("href", u.String(), v.Href)
		check("protocol", u.Scheme()+":", v.Protocol)
		check("username", u.Username(), v.Username)
		check("password", u.Password(), v.Password)
		check("host", u.Host(), v.Host)
		check("hostname", u.Hostname(), v.Hostname)
		check("pathname", u.Path(), v.Pathname)
		check("search", u.Search(), v.Search)
		check("hash", u.Hash(), v.Hash)
		port := ""
		if p, explicit := u.ExplicitPort(); explicit {
			port = portText(p)
		}
		check("port", port, v.Port)
		if v.Origin != "" { // absent where the standard leaves it open
			check("origin", u.Origin().String(), v.Origin)
		}
		if ok {
			passed++
		} else {
			failed++
		}
	}
	t.Logf("urltestdata: %d of %d pass", passed, passed+failed)
}

func TestToASCII(t *testing.T) {
	type vector struct {
		Comment string
		Input   string
		Output  *string
	}
	vectors := readSuite[vector](t, "toascii.json")
	passed := 0
	for _, v := range vectors {
		u, err := Parse("https://"+v.Input+"/x", nil)
		switch {
		case v.Output == nil && err == nil:
			t.Errorf("host %q = %q, want a failure", v.Input, u.Hostname())
		case v.Output != nil && err != nil:
			t.Errorf("host %q: %v, want %q", v.Input, err, *v.Output)
		case v.Output != nil && u.Hostname() != *v.Output:
			t.Errorf("host %q = %q, want %q", v.Input, u.Hostname(), *v.Output)
		default:
			passed++
		}
	}
	t.Logf("toascii: %d of %d pass", passed, len(vectors))
}

// TestPercentEncoding runs the UTF-8 half of the vectors: the others need the
// encoding argument, which we leave out (see the package's comment).
func TestPercentEncoding(t *testing.T) {
	type vector struct {
		Input  string
		Output map[string]string
	}
	for _, v := range readSuite[vector](t, "percent-encoding.json") {
		want, ok := v.Output["utf-8"]
		if !ok {
			t.Errorf("%q has no UTF-8 output", v.Input)
		}
		u, err := Parse("https://shop.test/?"+v.Input+"#"+v.Input, nil)
		if err != nil {
			t.Errorf("%q: %v", v.Input, err)
			continue
		}
		if u.Query() != want {
			t.Errorf("query %q = %q, want %q", v.Input, u.Query(), want)
		}
		if u.Fragment() != want {
			t.Errorf("fragment %q = %q, want %q", v.Input, u.Fragment(), want)
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return "(no base)"
	}
	return *s
}

func portText(p uint16) string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(text)
}
