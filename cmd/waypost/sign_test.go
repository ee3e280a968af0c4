package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestSign: what the command prints opens the site on an edge that has the
// key, for whom and what it was signed, and nothing else does.
func TestSign(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "wp-") {
			t.Errorf("the origin was told %s", r.URL)
		}
	}))
	defer origin.Close()
	key := file(t, "members.key", "a secret of two and thirty letters\n")
	other := file(t, "other.key", "another one, and as long as that is\n")
	edge := freePort(t)
	running(t, "serve", "-c", file(t, "waypost.yaml", `
edge: {http: ["`+edge+`"]}
sites:
  - name: members
    hosts: [members.test]
    origin: {urls: ["`+origin.URL+`"]}
    access: {keys: [{id: 2026a, secret_file: `+filepath.ToSlash(key)+`}]}
`))
	browser := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, edge)
	}}}
	defer browser.CloseIdleConnections()
	sign := func(args ...string) string {
		t.Helper()
		out, errs, code := waypost(t, append([]string{"sign", "--key-id", "2026a"}, args...)...)
		if code != exitOK {
			t.Fatalf("sign %v: exit %d, %s", args, code, errs)
		}
		return strings.TrimSuffix(out, "\n")
	}
	for _, tt := range []struct {
		name, url string
		want      int
	}{
		{"unsigned", "http://members.test/film.mp4", 403},
		{"signed", sign("--secret-file", key, "http://members.test/film.mp4"), 200},
		{"with a query", sign("--secret-file", key, "http://members.test/film.mp4?q=hd&&x="), 200},
		{"with an empty query", sign("--secret-file", key, "http://members.test/film.mp4?"), 200},
		{"with odd letters", sign("--secret-file", key, "http://MEMBERS.test/a/../ü %7e?q='<>"), 200},
		{"with a fragment", sign("--secret-file", key, "http://members.test#chapter"), 200},
		{"another path", strings.Replace(sign("--secret-file", key, "http://members.test/a"), "/a", "/b", 1), 403},
		{"another query", strings.Replace(sign("--secret-file", key, "http://members.test/?q=sd"), "sd", "hd", 1), 403},
		{"another time", strings.Replace(sign("--secret-file", key, "http://members.test/"), "wp-expires=", "wp-expires=9", 1), 403},
		{"another key", sign("--secret-file", other, "http://members.test/"), 403},
		{"for this client", sign("--secret-file", key, "--client", "127.0.0.1", "http://members.test/"), 200},
		{"for this network", sign("--secret-file", key, "--client", "127.0.0.9/8", "--for", "1h", "http://members.test/"), 200},
		{"for another network", sign("--secret-file", key, "--client", "2001:db8::/32", "http://members.test/"), 403},
	} {
		resp, err := browser.Get(tt.url)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if resp.Body.Close(); resp.StatusCode != tt.want {
			t.Errorf("%s: %d for %s, want %d", tt.name, resp.StatusCode, tt.url, tt.want)
		}
	}
}
