package node

import (
	"strings"
	"testing"
	"time"

	"waypost/tls/cert"
)

// TestFitting: what an edge and a site make impossible between them is refused,
// and what is odd is warned of, each with its line and the mend.
func TestFitting(t *testing.T) {
	ca, err := cert.NewCA("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	www, err := ca.Issue("www.shop.test", "*.img.shop.test")
	if err != nil {
		t.Fatal(err)
	}
	chain, key := pemOf(t, www)
	read := func(name string) ([]byte, error) {
		if name == "www.pem" {
			return []byte(chain), nil
		}
		return []byte(key), nil
	}
	edge := func(more string) string {
		return "edge:\n  https: [\"127.0.0.1:8443\", \"192.0.2.1:8444\"]\n  http: [\"0.0.0.0:8080\"]\n  certificates: [{cert: www.pem, key: www.key}]\n" + more
	}
	site := func(hosts, origin, more string) string {
		return "sites:\n  - name: shop\n    hosts: [" + hosts + "]\n    origin:\n      urls: [\"" + origin + "\"]\n" + more
	}
	const other = "http://127.0.0.1:8000"
	for _, tt := range []struct {
		name, text string
		problem    string // "" for none
		warning    string
	}{
		{"all is well", edge("") + site(`www.shop.test, "*.img.shop.test"`, other, ""), "", ""},
		{"every host", edge("") + site(`"*"`, other, ""), "", ""},
		{"an address", edge("") + site(`192.0.2.1`, other, ""), "", ""},
		{"hosts without a certificate", edge("") + site(`www.shop.test, shop.test, "*.eu.shop.test"`, other, ""), "",
			`test.yaml:7:5: sites[0].hosts: no certificate of the edge is for shop.test, *.eu.shop.test: over HTTPS every client is refused (unrecognized_name); the certificates are for *.img.shop.test, www.shop.test: add one`},
		{"one name of many", edge("") + site(`"*.shop.test"`, other, ""), "", ""},
		{"its own listener", edge("") + site("www.shop.test", "https://127.0.0.1:8443", ""), "test.yaml:9:7: sites[0].origin.urls: https://127.0.0.1:8443 is this edge's own listener", ""},
		{"its own address", edge("") + site("www.shop.test", "https://192.0.2.1:8444", ""), "is this edge's own listener", ""},
		{"another port there", edge("") + site("www.shop.test", "https://192.0.2.1:8443", ""), "", ""},
		{"a listener for all addresses", edge("") + site("www.shop.test", "http://127.0.0.9:8080/app", ""), "is this edge's own listener", ""},
		{"localhost", edge("") + site("www.shop.test", "http://localhost:8080", ""), "", "http://localhost:8080 is this edge's own listener"},
		{"parents and no name", edge("") + site("www.shop.test", other, "    parents: [\"http://192.0.2.9\"]\n"), "", `test.yaml:10:5: sites[0].parents: this edge has the name "edge", which every edge has`},
		{"parents and a name", edge("  name: fra1\n") + site("www.shop.test", other, "    parents: [\"http://192.0.2.9\"]\n"), "", ""},
		{"a slice too large", edge("  memory: 4MiB\n") + site("www.shop.test", other, "    slice: 1MiB\n"), "sites[0].slice: no slice of 1048576 bytes is ever kept: one object may take a quarter of the memory, here", ""},
		{"the memory that it says", edge("  memory: 5MiB\n") + site("www.shop.test", other, "    slice: 1MiB\n"), "", ""},
		{"a slice too large for the disk", edge("  store: d\n  store_size: 8MiB\n") + site("www.shop.test", other, "    slice: 1MiB\n"), "is ever kept on disk", ""},
		{"no memory", edge("  memory: 1\n") + site("www.shop.test", other, ""), "edge.memory: 1 bytes are too few: the least is 1MiB", ""},
	} {
		c, err := Parse("test.yaml", []byte(tt.text), read)
		switch {
		case tt.problem == "" && err != nil, tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.problem)
		case err == nil && (tt.warning == "") != (len(c.Warnings) == 0), tt.warning != "" && !strings.Contains(c.Warnings.Error(), tt.warning):
			t.Errorf("%s: warnings %v, want %q", tt.name, c.Warnings, tt.warning)
		}
	}
	if _, err := Parse("test.yaml", []byte(edge("  memory: 4MiB\n")+site("www.shop.test", other, "    slice: 1MiB\n")), read); !strings.Contains(err.Error(), "or the memory 5MiB") {
		t.Errorf("the mend: %v", err)
	}
}
