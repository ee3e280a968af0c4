package journey

import (
	"strings"
	"testing"
	"time"
)

// parsed reads a script that is right.
func parsed(t *testing.T, script string) *Journey {
	t.Helper()
	j, err := Parse("j.txt", []byte(script))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestLimit: a journey that takes longer than it may fails, wherever the time
// went, and one that just fits passes.
func TestLimit(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"within", "limit 5s\nwait 3s", ""},
		{"between", "limit 5s\nwait 10s\nwait 1s", "j.txt:3: wait 1s: the journey has taken 10s, and its limit is 5s"},
		{"the last one", "limit 5s\nwait 10s", "j.txt:2: wait 10s: the journey has taken 10s, and its limit is 5s"},
	}
	for _, tt := range tests {
		r := inBubble(t, parsed(t, tt.script), Options{Seed: 1})
		if got := errorText(r.Err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSeed: the result tells the seed that was used.
func TestSeed(t *testing.T) {
	for _, tt := range []struct {
		script string
		want   uint64
	}{{"wait 1s", 7}, {"seed 42\nwait 1s", 42}} {
		if r := inBubble(t, parsed(t, tt.script), Options{Seed: 7}); r.Seed != tt.want {
			t.Errorf("%q: seed %d, want %d", tt.script, r.Seed, tt.want)
		}
	}
}

// TestDiagramsOfClientsFirst: what the client began, and what that caused,
// is drawn before the checks of health, under the names of the hosts.
func TestDiagramsOfClientsFirst(t *testing.T) {
	r := inBubble(t, ready(t)["10-road"], Options{Seed: 1, Diagrams: true})
	tell(t, r)
	var titles []string
	for _, q := range r.Sequences {
		titles = append(titles, q.Title)
	}
	checks, late := 0, 0
	for _, title := range titles {
		switch {
		case strings.HasPrefix(title, "cdn:"):
			checks++
		case checks > 0:
			late++
		}
	}
	if checks == 0 || late > 0 || len(titles) != maxSequences {
		t.Errorf("%d diagrams, %d of checks, %d behind them, in the order\n%s", len(titles), checks, late, strings.Join(titles, "\n"))
	}
	for _, want := range []string{"client:", "american:", "fra1:", "nyc1:"} {
		if !strings.Contains("\n"+strings.Join(titles, "\n"), "\n"+want) {
			t.Errorf("no diagram of what %s began", want)
		}
	}
	if r.Virtual < time.Minute {
		t.Errorf("it took %v", r.Virtual)
	}
}
