package node

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the generated files in docs anew")

// readNothing is a disk without files.
func readNothing(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

const goodZone = `$TTL 60
@ IN SOA ns hostmaster 1 2 3 4 5
@ IN NS ns
ns IN A 192.0.2.1
`

func readZone(name string) ([]byte, error) {
	if name == "cdn.zone" {
		return []byte(goodZone), nil
	}
	return readNothing(name)
}

func TestParseComplete(t *testing.T) {
	c, err := Parse("waypost.yaml", []byte(`
resolver:
  listen: [127.0.0.1:5300, "::1"]
  forward:
    - {zone: ., servers: [192.0.2.53]}
authority:
  listen: [127.0.0.1:5301]
  zones: [{zone: cdn.test, file: cdn.zone}]
fleet:
  zone: cdn.test
  ttl: 30s
  regions: [{name: eu, subnets: [192.0.2.0/24]}]
  pops:
    - {name: fra, region: eu, edges: [{name: fra1, addresses: [192.0.2.1], weight: 7}]}
edge:
  http: [127.0.0.1:8080]
  memory: 64MiB
sites:
  - name: shop
    hosts: [WWW.shop.test, "*.img.shop.test"]
    origin: {urls: ["http://127.0.0.1:8000/"]}
    max_body: 1KiB
    timeouts: {first_byte: 2s}
`), readZone)
	if err != nil {
		t.Fatal(err)
	}
	site := c.Edge.Sites[0]
	switch {
	case c.Resolver.Listen[1].String() != "[::1]:53":
		t.Errorf("a bare address got %s, want port 53", c.Resolver.Listen[1])
	case c.Fleet.TTL != 30*time.Second || c.Fleet.POPs[0].Edges[0].Weight != 7:
		t.Errorf("fleet = %+v", c.Fleet)
	case c.Edge.Memory != 64<<20:
		t.Errorf("memory = %d, want 64 MiB", c.Edge.Memory)
	case site.Hosts[0] != "www.shop.test":
		t.Errorf("host = %q, want it in lower case", site.Hosts[0])
	case site.Policy.MaxBody != 1024 || site.Policy.FirstByteTimeout != 2*time.Second || site.Policy.ConnectTimeout != 3*time.Second:
		t.Errorf("policy = %+v", site.Policy)
	case site.Origin.URLs[0] != "http://127.0.0.1:8000":
		t.Errorf("origin = %q", site.Origin.URLs[0])
	}
}

// TestParseWarnings: an odd line of a hosts file does not hinder.
func TestParseWarnings(t *testing.T) {
	c, err := Parse("f.yaml", []byte("resolver: {listen: [127.0.0.1], hosts: hosts}"), func(string) ([]byte, error) {
		return []byte("192.0.2.1 a.test\n1.2.3.999 b.test\n"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), "resolver.hosts: hosts:2: ") {
		t.Errorf("warnings %v, want one for line 2", c.Warnings)
	}
}

// TestParseProblems: each mistake is named with its place, its key and the
// mend.
func TestParseProblems(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "f.yaml:1:1: the file is empty"},
		{"not YAML", "edge: [", "f.yaml:1:7: not YAML: "},
		{"no role", "trace: {}", "no role: name at least one"},
		{"typing error", "origin: {http: [127.0.0.1:80], rot: /srv}", `f.yaml:1:32: origin.rot: unknown key: did you mean "root"?`},
		{"stranger", "origin: {http: [127.0.0.1:80], colour: red}", "f.yaml:1:32: origin.colour: unknown key; known here are name, http, root, max_body"},
		{"twice", "origin: {http: [127.0.0.1:80]}\norigin: {}", `f.yaml:2:1: not YAML: mapping key "origin" already defined`},
		{"missing", "origin: {root: /srv}", "origin.http: is missing: name the address to listen on"},
		{"name for address", "origin: {http: [localhost:80]}", `origin.http[0]: "localhost:80": write an IP address with port`},
		{"list wanted", "origin: {http: 127.0.0.1:80}", "origin.http: a single value stands here, where a list is wanted"},
		{"value wanted", "origin: {http: [127.0.0.1:80], root: [a]}", "origin.root: a list stands here, where one value (text) is wanted"},
		{"section wanted", "origin: x", "origin: a single value stands here, where keys and values are wanted"},
		{"size", "origin: {http: [127.0.0.1:80], max_body: 1 parsec}", `origin.max_body: "1 parsec": write a size above zero`},
		{"duration", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}, default_ttl: 5}]", `sites[0].default_ttl: "5": write a duration above zero`},
		{"subnet", "trace: {trust: [192.0.2.1/24]}\norigin: {http: [127.0.0.1:80]}", "did you mean 192.0.2.0/24?"},
		{"no such file", "authority: {listen: [127.0.0.1], zones: [{zone: a.test, file: a.zone}]}", "authority.zones[0].file: open a.zone"},
		{"no certificates", "edge: {https: [127.0.0.1:443]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}}]", "edge.https: HTTPS needs certificates"},
		{"edge without sites", "edge: {http: [127.0.0.1:80]}", "sites: an edge needs at least one site"},
		{"host with a port", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: ['a.test:80'], origin: {urls: ['http://127.0.0.1:1']}}]", `sites[0].hosts: "a.test:80": write the host without a port`},
		{"star inside", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: ['a.*.test'], origin: {urls: ['http://127.0.0.1:1']}}]", `sites[0].hosts: "a.*.test": a * stands for whole labels in front`},
		{"host of two sites", "edge: {http: [127.0.0.1:80]}\nsites:\n  - {name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}}\n  - {name: b, hosts: [A.test.], origin: {urls: ['http://127.0.0.1:1']}}", `f.yaml:4:15: sites[1].hosts: "A.test." is a host of the site "a" already`},
		{"origin URL", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['ftp://a/']}}]", "an origin is reached by http or https"},
		{"region", "authority: {listen: [127.0.0.1], zones: [{zone: cdn.test, file: cdn.zone}]}\nfleet: {zone: cdn.test, pops: [{name: a, region: mars, edges: []}]}", `fleet.pops[0].region: there is no region "mars"`},
		{"fleet's zone", "authority: {listen: [127.0.0.1], zones: [{zone: cdn.test, file: cdn.zone}]}\nfleet: {zone: other.test, pops: []}", "fleet: the authority holds no zone other.test"},
		{"open admin", "admin: {listen: [127.0.0.1:1]}", "admin.token_file: is missing: the admin listener never opens without a token"},
		{"empty list", "resolver: {listen: [127.0.0.1], allow: []}", "resolver.allow: the list is empty: name at least one, or leave the key out"},
		{"zero", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}, timeouts: {connect: 0s}}]", `"0s": write a duration above zero`},
		{"two sites of a name", "edge: {http: [127.0.0.1:80]}\nsites:\n  - {name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}}\n  - {name: a, hosts: [b.test], origin: {urls: ['http://127.0.0.1:1']}}", `f.yaml:4:6: sites[1].name: there is a site "a" already`},
		{"two edges of a name", "authority: {listen: [127.0.0.1], zones: [{zone: cdn.test, file: cdn.zone}]}\nfleet: {zone: cdn.test, pops: [{name: p, edges: [{name: e, addresses: [192.0.2.1]}, {name: e, addresses: [192.0.2.2]}]}]}", `there is an edge "e" already`},
		{"edge's name", "edge: {name: \"a\\r\\nb\", http: [127.0.0.1:80]}", `may not stand in an edge's name`},
		{"origin's query", "edge: {http: [127.0.0.1:80]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1/?q']}}]", "no query and no fragment"},
		{"certificate", "edge: {https: [127.0.0.1:443], certificates: [{cert: cdn.zone, key: cdn.zone}]}\nsites: [{name: a, hosts: [a.test], origin: {urls: ['http://127.0.0.1:1']}}]", "f.yaml:1:48: edge.certificates[0].cert: load certificate: cdn.zone"},
		{"too deep", "origin:\n  http: " + strings.Repeat("[", 1000), "f.yaml:2:1: nested deeper than 64 levels"},
		{"too deep by dashes", strings.Repeat("- ", 1000), "f.yaml:1:1: nested deeper than 64 levels"},
		{"anchors", "origin: &a {http: [127.0.0.1:80]}", "anchors, aliases and tags are not understood"},
	} {
		_, err := Parse("f.yaml", []byte(tt.text), readZone)
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v, want problems", tt.name, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// TestGeneratedDocs keeps the description of the configuration true.
func TestGeneratedDocs(t *testing.T) {
	schema := filepath.Join("..", "docs", "config.schema.json")
	manual := filepath.Join("..", "docs", "CONFIG.md")
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "## All keys\n\n"
	head, _, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatalf("%s has no heading %q", manual, mark)
	}
	want := map[string][]byte{manual: []byte(head + mark + Docs()), schema: Schema()}
	for path, text := range want {
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%s is not what package node says: run go test ./node -update", path)
		}
	}
	for _, k := range describe() {
		if k.doc == "" || !strings.HasSuffix(k.doc, ".") {
			t.Errorf("%s: describe it in a sentence", k.path)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("origin: {http: [127.0.0.1:80], root: /srv}")
	f.Add("edge: {http: [127.0.0.1:80]}\nsites:\n  - {name: a, hosts: [a.test], origin: {urls: [http://127.0.0.1:1]}}")
	f.Add("fleet:\n  zone: cdn.test\n  pops:\n    - name: a\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f.yaml", []byte(text), readZone)
		var problems Problems
		if err == nil && c == nil || err != nil && !errors.As(err, &problems) {
			t.Errorf("got %v and %v", c, err)
		}
		for _, p := range problems {
			if p.What == "" || p.Line < 1 {
				t.Errorf("a problem without words or place: %+v", p)
			}
		}
	})
}
