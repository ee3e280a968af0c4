package journey

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"waypost/trace"
)

// story makes subjects of TCP states: each word is a state, a comma lets a
// millisecond pass.
func story(states ...string) []*subject {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []*subject
	for i, s := range states {
		if s == "," {
			at = at.Add(time.Millisecond)
			continue
		}
		all = append(all, &subject{at: at, station: "host", id: i, value: reflect.ValueOf(trace.TCPState{To: s})})
	}
	return all
}

// TestTry holds expectations against stories, one after the other.
func TestTry(t *testing.T) {
	tests := []struct {
		name    string
		story   []*subject
		expects []string
		want    []bool
	}{
		{"in order", story("A", ",", "B", ",", "C"), []string{"tcp.state to=A", "tcp.state to=C"}, []bool{true, true}},
		{"out of order", story("A", ",", "B", ",", "C"), []string{"tcp.state to=C", "tcp.state to=A"}, []bool{true, false}},
		{"one moment has no order", story("A", "B", "C"), []string{"tcp.state to=C", "tcp.state to=A"}, []bool{true, true}},
		{"none twice", story("A", "B"), []string{"tcp.state to=A", "tcp.state to=A"}, []bool{true, false}},
		{"twice where it is", story("A", "A"), []string{"tcp.state to=A", "tcp.state to=A"}, []bool{true, true}},
		{"count", story("A", ",", "A", ",", "B"), []string{"count 2 tcp.state to=A", "count 3 tcp.state to=A", "count >=1 tcp.state to=B"}, []bool{true, false, true}},
		{"count afterwards", story("A", ",", "A", ",", "B"), []string{"tcp.state to=A", "count 1 afterwards tcp.state to=A"}, []bool{true, true}},
		{"never", story("A", ",", "B"), []string{"never tcp.state to=C", "never tcp.state to=A"}, []bool{true, false}},
		{"never between", story("A", ",", "B", ",", "C", ",", "A"),
			[]string{"tcp.state to=A", "never tcp.state to=A until tcp.state to=C", "tcp.state to=A"}, []bool{true, true, true}},
		{"something between", story("A", ",", "B", ",", "C"),
			[]string{"tcp.state to=A", "never tcp.state to=B until tcp.state to=C"}, []bool{true, false}},
		{"no end", story("A"), []string{"never tcp.state to=B until tcp.state to=C"}, []bool{false}},
		{"every", story("A", ",", "A"), []string{"every tcp.state to=A", "every tcp.state to=B"}, []bool{true, false}},
		{"every of none", nil, []string{"every tcp.state to=A"}, []bool{false}},
		{"later", story("A", ",", "B", ",", ",", "C"), []string{"tcp.state to=B", "tcp.state to=C later=2ms"}, []bool{true, true}},
	}
	for _, tt := range tests {
		start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		th := &thread{time: start, used: map[int]bool{}}
		m := moment{clock: start, scene: start}
		for i, text := range tt.expects {
			j, err := Parse("j", []byte("expect "+text))
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			f := j.steps[0].do.(*expectation).try(tt.story, tt.story, th, m)
			if f.ok != tt.want[i] {
				t.Errorf("%s: expect %s: got %t", tt.name, text, f.ok)
			}
			if f.found != nil {
				th.pass(f.found)
				m.last = f.found.at
			}
		}
	}
}

// TestNamesCanBeTyped: a failure names attributes as a script writes them.
func TestNamesCanBeTyped(t *testing.T) {
	fact := trace.OriginFetch{Status: 200, FirstByte: trace.Millis(20 * time.Millisecond)}
	got := attributesOf(&subject{value: reflect.ValueOf(fact)})
	if !strings.Contains(got, "first_byte=20ms") || strings.Contains(got, "_ms") {
		t.Errorf("got %q", got)
	}
}
