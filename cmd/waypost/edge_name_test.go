package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestEdgeNames: an edge that has been given no name has its own, after a
// restart as well.
func TestEdgeNames(t *testing.T) {
	one, other := []string{"127.0.0.1:8080"}, []string{"127.0.0.1:8081"}
	name := nameOf(one)
	if name != nameOf(one) || name == nameOf(other) || !strings.HasPrefix(name, "edge-") || len(name) != len("edge-01234567") {
		t.Errorf("the names are %s, %s and %s", name, nameOf(one), nameOf(other))
	}
	unset := []string{"127.0.0.1:0"}
	if first := nameOf(unset); first == nameOf(unset) {
		t.Error("two edges at ports that the system chooses have one name")
	}
	if _, errs, code := waypost(t, "edge", "--listen", "127.0.0.1:8080", "--origin", "http://127.0.0.1:8000", "--name", "a b"); code != exitUsage || !strings.Contains(errs, "--name: ") {
		t.Errorf("a name with a space: exit %d, %s", code, errs)
	}
}

// TestEdgeBehindEdge: of two edges in one line each, one asks the other; with
// one name for both it is told that it cannot.
func TestEdgeBehindEdge(t *testing.T) {
	var mu sync.Mutex
	var loop string // CDN-Loop of the latest request
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		loop = strings.Join(r.Header.Values("CDN-Loop"), ", ")
		w.Header().Set("Cache-Control", "max-age=60")
	}))
	defer origin.Close()
	parent, child, twin := freePort(t), freePort(t), freePort(t)
	running(t, "edge", "--listen", parent, "--origin", origin.URL)
	running(t, "edge", "--listen", child, "--origin", origin.URL, "--parent", "http://"+parent)
	resp, err := http.Get("http://" + child + "/a")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	mu.Lock()
	names := strings.Split(loop, ", ")
	mu.Unlock()
	said := strings.Join(resp.Header.Values("Cache-Status"), ", ")
	if len(names) != 2 || names[0] == names[1] || !strings.HasPrefix(said, names[1]+"; fwd=uri-miss") || !strings.Contains(said, ", "+names[0]+"; fwd=uri-miss") {
		t.Errorf("the origin was asked by %q, the client told %q", names, said)
	}
	// And where the names are one:
	alike := strings.TrimPrefix(names[len(names)-1], "waypost-")
	cmd, account := started(t, "edge", "--listen", twin, "--origin", origin.URL, "--parent", "http://"+parent, "--name", alike)
	for _, path := range []string{"/b", "/c", "/d"} {
		if got := cacheStatus(t, "http://"+twin+path); strings.Contains(got, ", ") {
			t.Errorf("%s came through the parent: %s", path, got)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := account()
	_ = cmd.Wait()
	if strings.Count(log, "a parent refuses requests as going round in a circle") != 1 || !strings.Contains(log, "server=http://"+parent) || !strings.Contains(log, "waypost-"+alike) {
		t.Errorf("the log says\n%s", log)
	}
}
