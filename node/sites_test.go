package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"waypost/cdn"
)

// parseSite reads a configuration with one site that says this, too.
func parseSite(lines string) (*cdn.Site, error) {
	c, err := Parse("waypost.yaml", []byte("edge: {http: [\"127.0.0.1:8080\"]}\nsites:\n  - name: shop\n    hosts: [www.shop.test]\n"+lines), readNothing)
	if err != nil {
		return nil, err
	}
	return &c.Edge.Sites[0], nil
}

func TestOrigin(t *testing.T) {
	site, err := parseSite(`    slice: 2MiB
    parents: ["https://shield-1.cdn.test", "http://192.0.2.7:8080/"]
    parents_health: {interval: 3s, down: 2}
    origin:
      urls: ["http://192.0.2.1", "http://192.0.2.2"]
      choice: turns
      weights: [3, 1]
      health: {path: /up, interval: 10s, timeout: 1s, up: 4, down: 5}
`)
	if err != nil {
		t.Fatal(err)
	}
	o := site.Origin
	if got, want := fmt.Sprint(o.Parents, o.Choice == cdn.ByTurns, o.Weights), "[https://shield-1.cdn.test http://192.0.2.7:8080] true [3 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := (cdn.Check{Path: "/up", Interval: 10 * time.Second, Timeout: time.Second, Up: 4, Down: 5}); o.Check != want {
		t.Errorf("check %+v, want %+v", o.Check, want)
	}
	if want := (cdn.ParentCheck{Host: "www.shop.test", Interval: 3 * time.Second, Down: 2}); o.ParentCheck != want {
		t.Errorf("parents' check %+v, want %+v", o.ParentCheck, want)
	}
	if site.Policy.Slice != 2<<20 {
		t.Errorf("slice of %d bytes", site.Policy.Slice)
	}
}

func TestOriginProblems(t *testing.T) {
	const urls = "    origin: {urls: [\"http://192.0.2.1\", \"http://192.0.2.2\"]"
	for _, tt := range []struct{ lines, key string }{
		{urls + ", weights: [1, 2]}\n", "sites[0].origin.weights"},
		{urls + ", choice: turns, weights: [1]}\n", "sites[0].origin.weights"},
		{urls + ", choice: random}\n", "sites[0].origin.choice"},
		{urls + ", health: {interval: 5s}}\n", "sites[0].origin.health.path"},
		{urls + ", health: {path: up}}\n", "sites[0].origin.health.path"},
		{urls + "}\n    parents: [\"http://192.0.2.7/path\"]\n", "sites[0].parents"},
		{urls + "}\n    parents_health: {}\n", "sites[0].parents_health"},
		{urls + "}\n    parents: [\"http://192.0.2.7\"]\n    parents_health: {host: other.test}\n", "sites[0].parents_health.host"},
		{urls + "}\n    parents: [\"http://192.0.2.7\"]\n    parents_health: {path: /up}\n", "sites[0].parents_health.path"},
		{urls + "}\n    slice: 1KiB\n", "sites[0].slice"},
	} {
		_, err := parseSite(tt.lines)
		var problems Problems
		if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0].Key, tt.key) {
			t.Errorf("%s: got %v, want a problem of %s", strings.TrimSpace(tt.lines), err, tt.key)
		}
	}
}
