// Package waypost holds no code: here stand the tests that hold the tree to
// its floors and seams.
package waypost

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors is the building: a package imports only packages on lower floors.
// It is law. When a design fights it, change the design in an ADR first.
var floors = [][]string{
	0:  {"fault"},
	1:  {"url", "trace", "packet"},
	2:  {"cdn", "link", "tcp", "http/field", "report"},
	3:  {"dns", "tls/cert", "http/cache", "stack", "tcp/packetdrill", "edge/store/disk"},
	4:  {"dns/resolver", "dns/gslb", "http/wire", "edge/store", "edge/rules", "lab", "lab/journeys"},
	5:  {"fetch", "dns/authority", "lab/transfer"},
	6:  {"upstream", "origin"},
	7:  {"browser", "edge", "demo/site"},
	8:  {"node"},
	9:  {"demo", "journey"},
	10: {"cmd/waypost"},
}

// forbidden imports, although the floors allow them.
var forbidden = map[string][]string{
	"http/cache": {"link"},             // decisions are pure: no I/O
	"dns/gslb":   {"link", "dns"},      // a pure choice, without messages
	"report":     {"link"},             // a view reads a record, nothing else
	"tcp":        {"link", "trace"},    // a state machine: no I/O, no clock, no record of its own
	"stack":      {"dns", "cdn"},       // a host knows addresses, not names
	"node":       {"lab", "stack"},     // what serves cannot tell the lab from the world
	"edge":       {"browser"},          // an edge is not a client of pages
	"browser":    {"edge", "upstream"}, // the loader knows the road only through the wire
}

const module = "waypost"

// TestFloors holds the import graph of the code that ships against the table.
func TestFloors(t *testing.T) {
	floor := map[string]int{}
	for n, pkgs := range floors {
		for _, p := range pkgs {
			floor[p] = n
		}
	}
	for _, pkg := range listPackages(t) {
		name := strings.TrimPrefix(pkg.ImportPath, module+"/")
		if name == module || strings.Contains(name, "internal/") {
			continue // the root holds only tests; internal packages belong to their parent
		}
		if strings.HasPrefix(name, "scripts/") {
			continue // development commands ship with nothing
		}
		n, ok := floor[name]
		if !ok {
			t.Errorf("%s has no floor: give it one in deps_test.go and say in ARCHITECTURE.md what idea it holds", name)
			continue
		}
		for _, imp := range pkg.Imports {
			dep, ours := strings.CutPrefix(imp, module+"/")
			if !ours || strings.HasPrefix(dep, name+"/internal/") {
				continue
			}
			if floor[dep] >= n {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go down, never sideways", name, n, dep, floor[dep])
			}
			if slices.Contains(forbidden[name], dep) {
				t.Errorf("%s imports %s, which is forbidden", name, dep)
			}
		}
	}
}

// TestSeams: what ships reaches sockets and HTTP through our own seams, and
// uses nothing that is for tests.
func TestSeams(t *testing.T) {
	for _, pkg := range listPackages(t) {
		name := strings.TrimPrefix(pkg.ImportPath, module+"/")
		if strings.HasPrefix(name, "scripts/") {
			continue // development commands ship with nothing
		}
		for _, imp := range pkg.Imports {
			switch {
			case imp == module+"/internal/memnet":
				t.Errorf("%s imports %s, which is for tests", name, imp)
			case imp == "net/http" && name != "http/wire":
				t.Errorf("%s imports net/http: requests go through http/wire", name)
			}
		}
		if name == "link" || strings.Contains(name, "internal/") {
			continue
		}
		for _, file := range pkg.GoFiles {
			text, err := os.ReadFile(filepath.Join(pkg.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"net.Dial(", "net.DialTimeout(", "net.Listen(", "net.ListenPacket(", "net.Dialer{", "net.ListenConfig{", "net.Resolver{", "net.LookupHost("} {
				if strings.Contains(string(text), call) {
					t.Errorf("%s/%s calls %s…): sockets come from link.Network", name, file, call)
				}
			}
		}
	}
}

type listedPackage struct {
	Dir        string
	GoFiles    []string
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Dir,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listedPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}
