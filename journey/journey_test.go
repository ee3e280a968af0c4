package journey

import (
	"io/fs"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"waypost/lab/journeys"
)

// ready returns the ready journeys, by name.
func ready(t testing.TB) map[string]*Journey {
	t.Helper()
	names, err := fs.Glob(journeys.Files, "*.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*Journey{}
	for _, name := range names {
		text, err := journeys.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse("lab/journeys/"+name, text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		all[j.Name] = j
	}
	return all
}

// inBubble runs a journey in a bubble of its own.
func inBubble(t *testing.T, j *Journey, o Options) *Result {
	t.Helper()
	cryptotest.SetGlobalRandom(t, o.Seed)
	var r *Result
	synctest.Test(t, func(t *testing.T) { r = j.Run(t.Context(), o) })
	return r
}

// tell says what a journey came to.
func tell(t *testing.T, r *Result) {
	t.Helper()
	for _, f := range r.Failures {
		t.Errorf("%v", f)
	}
	if r.Err != nil {
		t.Error(r.Err)
	}
}

// TestReadyJourneys runs all that lab/journeys holds.
func TestReadyJourneys(t *testing.T) {
	for name, j := range ready(t) {
		t.Run(name, func(t *testing.T) {
			if j.Title == "" || len(strings.Fields(j.About)) < 20 {
				t.Errorf("the journey begins with no comment that teaches: title %q", j.Title)
			}
			r := inBubble(t, j, Options{Seed: 1})
			tell(t, r)
			if r.Missed > 0 {
				t.Errorf("%d events did not fit", r.Missed)
			}
		})
	}
}
