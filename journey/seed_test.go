package journey

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// rounds is how often a journey is run with one seed; JOURNEY_ROUNDS says
// otherwise.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("JOURNEY_ROUNDS")); err == nil {
		return n
	}
	return 20
}

// TestOneSeed: the same seed gives the same run. Over plain HTTP the captures
// are the same byte for byte; over TLS, and everywhere, so is what the
// stations say and when.
func TestOneSeed(t *testing.T) {
	all := ready(t)
	for _, name := range []string{"00-anything", "04-congestion", "10-road", "14-collapse", "15-edge-down", "09-versions"} {
		t.Run(name, func(t *testing.T) {
			n := rounds()
			if testing.Short() {
				n = 3
			}
			var first *Result
			var rows []string
			for i := range n {
				var r *Result
				t.Run("", func(t *testing.T) { r = inBubble(t, all[name], Options{Seed: 7, Hash: true}) })
				if first == nil {
					first, rows = r, rowsOf(r)
					continue
				}
				if r.Record != first.Record {
					t.Fatalf("run %d differs in the record: %s", i+1, difference(rows, rowsOf(r)))
				}
				if r.Captures != first.Captures {
					t.Errorf("run %d differs in the captures, not in the record", i+1)
				}
			}
			if other := inBubble(t, all[name], Options{Seed: 8, Hash: true}); other.Captures == first.Captures && all[name].seed == 0 {
				t.Error("another seed gives the same captures")
			}
		})
	}
}

func rowsOf(r *Result) []string {
	var b bytes.Buffer
	sum(&writer{&b}, r.Events, r.Start)
	return strings.Split(b.String(), "\n")
}

// writer is a hash that keeps what it is given.
type writer struct{ *bytes.Buffer }

func (w *writer) Sum([]byte) []byte { return nil }
func (w *writer) Size() int         { return 0 }
func (w *writer) BlockSize() int    { return 1 }

// difference shows where two records part.
func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%d of %d and %d events are alike; then\n%s\n%s", i, len(a), len(b), strings.Join(a[i:min(i+4, len(a))], "\n"), strings.Join(b[i:min(i+4, len(b))], "\n"))
		}
	}
	return fmt.Sprintf("one has %d events, the other %d", len(a), len(b))
}
