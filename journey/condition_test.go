package journey

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"waypost/http/field"
	"waypost/trace"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true},
		{"a*c", "abbc", true}, {"a*c", "abcd", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*.css", "/site.css", true}, {"*a*b*", "xxaxxbxx", true}, {`a\*b`, "a*b", true}, {`a\*b`, "axb", false},
		{`a\?`, "a?", true}, {`a\b`, `a\b`, true}, {"§*", "§ 4", true}, {strings.Repeat("*a", 40) + "b", strings.Repeat("a", 2000), false},
	}
	for _, tt := range tests {
		if got := globMatch(tt.pattern, tt.s); got != tt.want {
			t.Errorf("%q on %q: got %t", tt.pattern, tt.s, got)
		}
	}
}

// TestConditions holds conditions against facts.
func TestConditions(t *testing.T) {
	at := time.Date(2000, 1, 1, 0, 0, 2, 0, time.UTC)
	pick := &subject{
		at: at, took: 3 * time.Millisecond, station: "cdn ns",
		value:    reflect.ValueOf(trace.GSLBPick{Edge: "fra1", TTL: 20, Ranked: []trace.GSLBGrade{{Edge: "fra1", POP: "fra"}, {Edge: "nyc1", POP: "nyc"}}}),
		decision: &trace.Decision{Verdict: "nearest", Reason: "It is near.", Clause: "RFC 7871 §7.1"},
	}
	lookup := &subject{at: at, value: reflect.ValueOf(trace.EdgeLookup{Age: trace.Millis(1500 * time.Millisecond), Method: "GET"})}
	response := &subject{value: reflect.ValueOf(Response{Status: 200, Body: "hello", Header: field.Fields{{Name: "Age", Value: "17"}, {Name: "Vary", Value: "a"}, {Name: "vary", Value: "b"}}})}
	m := moment{clock: at.Add(-2 * time.Second), scene: at.Add(-500 * time.Millisecond), last: at.Add(-75 * time.Millisecond)}
	tests := []struct {
		on   *subject
		cond string
		want bool
	}{
		{pick, "edge=fra1", true}, {pick, "edge=nyc1", false}, {pick, "edge!=nyc1", true}, {pick, "edge=f*", true},
		{pick, "ranked.edge=nyc1", true}, {pick, "ranked.0.edge=nyc1", false}, {pick, "ranked.1.edge=nyc1", true}, {pick, "ranked.7.edge=nyc1", false},
		{pick, "ranked.edge!=nyc1", false}, {pick, "ranked.edge~^ny", true}, {pick, "ranked.edge!~^x", true},
		{pick, "ttl=20", true}, {pick, "ttl=10..30", true}, {pick, "ttl<20", false}, {pick, "ttl<=20", true}, {pick, "ttl>19", true}, {pick, "ttl=..19", false},
		{pick, "region", false}, {pick, "!region", true}, {pick, "edge", true}, {pick, "!edge", false},
		{pick, "verdict=nearest", true}, {pick, "decision.verdict=nearest", true}, {pick, "clause=RFC\\ 7871*", false}, {pick, `clause~^RFC.7871`, true},
		{pick, "because", false}, {pick, "!because", true}, {pick, "reason~near", true},
		{pick, "took=3ms", true}, {pick, "took=1ms..2ms", false}, {pick, "station=cdn*", true},
		{pick, "time=500ms", true}, {pick, "clock=2s", true}, {pick, "later=75ms", true}, {pick, "later>75ms", false},
		{lookup, "age_ms=1.5s", true}, {lookup, "age=1500ms", true}, {lookup, "age=1s..2s", true}, {lookup, "verdict=hit", false}, {lookup, "!verdict", true},
		{response, "status=200", true}, {response, "header.age>=10", true}, {response, "header.age=17", true}, {response, "header.Vary=b", true},
		{response, "header.set-cookie", false}, {response, "!header.set-cookie", true}, {response, "body=hel*", true}, {response, "size=0", true},
	}
	for _, tt := range tests {
		c, err := parseCondition(word{text: tt.cond}, tt.on.value.Type())
		if err != nil {
			t.Errorf("%s: %v", tt.cond, err)
			continue
		}
		if got := c.holds(tt.on.values(&c, m)); got != tt.want {
			t.Errorf("%s on %s: got %t", tt.cond, attributesOf(tt.on), got)
		}
	}
}

func TestQuantities(t *testing.T) {
	for s, want := range map[string]time.Duration{"20ms": 20 * time.Millisecond, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1d2h": 26 * time.Hour, "0": 0} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for s, want := range map[string]int64{"512": 512, "100KiB": 100 << 10, "4MB": 4_000_000, "1.5KiB": 1536, "1GiB": 1 << 30} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "5", "-5s", "x", "1dd", "1e3s"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("duration %q: got %v, want an error", s, got)
		}
	}
	for _, s := range []string{"", "-1", "1.5", "2GiB", "0x10", "5%", "inf", "1_0"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("size %q: got %v, want an error", s, got)
		}
	}
	for s, want := range map[string]span{"3": {3, 3}, "3..5": {3, 5}, ">=2": {low: 2}, "<=4": {0, 4}} {
		got, err := parseCount(s)
		if err != nil || got.low != want.low || want.high != 0 && got.high != want.high {
			t.Errorf("count %s: got %v, %v", s, got, err)
		}
	}
}
