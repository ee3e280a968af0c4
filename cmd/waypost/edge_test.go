package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"waypost/tls/cert"
)

// freePort returns an address of loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// started starts the command as a process, and returns when it listens. said is
// what it has written to standard error when it has ended.
func started(t *testing.T, args ...string) (cmd *exec.Cmd, said func() string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // where it has not ended already
	listens, over := make(chan struct{}), make(chan struct{})
	var all strings.Builder
	go func() {
		defer close(over)
		waiting := true
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if waiting && strings.Contains(lines.Text(), "msg=listening") { // by then all sockets are bound
				waiting = false
				close(listens)
			}
		}
	}()
	said = func() string { <-over; return all.String() }
	select {
	case <-listens:
	case <-over:
		t.Fatalf("%v: %v\n%s", args, cmd.Wait(), said())
	}
	return cmd, said
}

// running is started, ended politely with the test.
func running(t *testing.T, args ...string) {
	t.Helper()
	cmd, said := started(t, args...)
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		account := said()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, account)
		}
	})
}

// cacheStatus is what the cache says of a GET.
func cacheStatus(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.Header.Get("Cache-Status")
}

// TestEdgeAndPurge: the one-line edge caches, and forgets what it is told to.
func TestEdgeAndPurge(t *testing.T) {
	var told atomic.Bool
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Cache-Tag", "front, news")
		if r.Header.Get("Authorization") != "" {
			told.Store(true)
		}
	}))
	defer origin.Close()
	token, edge, admin := file(t, "token", "sixteen letters!\n"), freePort(t), freePort(t)
	running(t, "edge", "--listen", edge, "--origin", origin.URL, "--admin", admin, "--token-file", token)
	page := "http://" + edge + "/"
	for i, tt := range []struct {
		purge []string
		said  string
		want  string
	}{
		{nil, "", "; fwd=uri-miss; ttl=60; stored"},
		{nil, "", "; hit; ttl="},
		{[]string{page}, "1 object dropped", "; fwd=uri-miss"},
		{[]string{"--tag", "new"}, "0 objects dropped", "; hit"},
		{[]string{"--tag", "news"}, "1 object dropped", "; fwd=uri-miss"},
		{[]string{"--prefix", page, "--soft"}, "1 object made stale", "; fwd=stale"},
		{[]string{"--prefix", page, "--json"}, `"objects":1}`, "; fwd=uri-miss"},
	} {
		if tt.purge != nil {
			out, errs, code := waypost(t, append([]string{"purge", "--ask", "http://" + admin, "--token-file", token}, tt.purge...)...)
			if code != exitOK || !strings.Contains(out, tt.said) {
				t.Errorf("purge %v: exit %d, %q %q, want %q", tt.purge, code, out, errs, tt.said)
			}
		}
		if got := cacheStatus(t, page); !strings.Contains(got, tt.want) {
			t.Errorf("request %d after purge %v: Cache-Status %q, want %q", i, tt.purge, got, tt.want)
		}
	}
	for _, tt := range []struct {
		at    string
		order []string
		said  string
	}{
		{admin, []string{"--tag", "news", "--site", "nosite"}, `there is no site "nosite"`},
		{edge, []string{page}, "this is no admin listener: it answers with 204"},
		{strings.TrimPrefix(origin.URL, "http://"), []string{page}, "this is no admin listener: it answers with 200"},
	} {
		out, errs, code := waypost(t, append([]string{"purge", "--ask", "http://" + tt.at, "--token-file", token}, tt.order...)...)
		if code != exitFailed || !strings.Contains(errs, tt.said) || out != "" {
			t.Errorf("purge %v at %s: exit %d, %q %q, want %q", tt.order, tt.at, code, out, errs, tt.said)
		}
	}
	if told.Load() {
		t.Error("the origin was told the token")
	}
	if _, errs, code := waypost(t, "purge", "--ask", "http://"+admin, "--token-file", file(t, "wrong", "not the token here"), page); code != exitFailed || !strings.Contains(errs, "401") {
		t.Errorf("with the wrong token: exit %d, %q", code, errs)
	}
}

// TestEdgeKeepsItsCache: what the edge had when it was killed it serves after
// a restart, byte for byte, without the origin.
func TestEdgeKeepsItsCache(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Path, 5000))
	}))
	defer origin.Close()
	dir, edge := t.TempDir(), freePort(t)
	const objects = 40
	served := 0
	for round := range 3 {
		cmd, said := started(t, "edge", "--listen", edge, "--origin", origin.URL, "--store", dir, "--store-size", "64MiB", "--memory", "1MiB")
		for i := range objects {
			path := fmt.Sprintf("/%d", i)
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+edge+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if round > 0 {
				r.Header.Set("Cache-Control", "only-if-cached")
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			switch {
			case err != nil || round == 0 && resp.StatusCode != 200:
				t.Fatalf("round %d, %s: %d, %v", round, path, resp.StatusCode, err)
			case resp.StatusCode == 200 && string(body) != strings.Repeat(path, 5000):
				t.Errorf("round %d, %s: another body", round, path)
			case resp.StatusCode == 200 && round > 0:
				served++
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		said()
		_ = cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
	}
	// Only what was on its way to the disk when the process was killed is
	// gone: the last few of 40.
	if served < 2*objects*3/4 {
		t.Errorf("%d of %d objects were served from the disk", served, 2*objects)
	}
}

// TestEdgeForEveryName: the one certificate is shown to whoever asks, whatever
// the name; to judge it is for the client.
func TestEdgeForEveryName(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer origin.Close()
	ca, err := cert.NewCA("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	www, err := ca.Issue("www.shop.test")
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, der := range www.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(www.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	edge := freePort(t)
	running(t, "edge", "--listen-tls", edge, "--origin", origin.URL, "--cert", file(t, "www.pem", string(chain)),
		"--key", file(t, "www.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))))
	for _, name := range []string{"www.shop.test", "other.test"} {
		client := &http.Client{Transport: &http.Transport{
			DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}).DialContext(ctx, network, edge)
			},
		}}
		resp, err := client.Get("https://" + name + "/")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		client.CloseIdleConnections()
		if resp.StatusCode != 200 || !strings.HasPrefix(string(body), name) {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, body)
		}
	}
}

// TestEdgeWithAnotherOrigin: what a store has of one origin is not served for
// another; a server more beside the same one changes nothing.
func TestEdgeWithAnotherOrigin(t *testing.T) {
	var origins [2]string
	for i := range origins {
		o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=600")
			w.Header().Set("Origin-Number", fmt.Sprint(i))
		}))
		defer o.Close()
		origins[i] = o.URL
	}
	dir, edge := t.TempDir(), freePort(t)
	for i, tt := range []struct {
		origins []string
		hit     bool
		said    string
	}{
		{origins[:1], false, ""},
		{origins[:1], true, ""},
		{origins[:], true, ""},
		{[]string{origins[1]}, true, ""},
		{[]string{"http://127.0.0.1:1"}, false, "the cache on disk is of another origin: it is emptied"},
		{origins[:1], false, "the cache on disk is of another origin: it is emptied"},
	} {
		args := []string{"edge", "--listen", edge, "--store", dir}
		for _, o := range tt.origins {
			args = append(args, "--origin", o)
		}
		cmd, said := started(t, args...)
		http.DefaultClient.CloseIdleConnections()
		if got := strings.Contains(cacheStatus(t, "http://"+edge+"/"), "; hit"); got != tt.hit {
			t.Errorf("start %d: hit %v, want %v", i+1, got, tt.hit)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		account := said()
		if err := cmd.Wait(); err != nil || tt.said == "" && strings.Contains(account, "emptied") || !strings.Contains(account, tt.said) {
			t.Errorf("start %d: %v, says %s", i+1, err, account)
		}
	}
}
