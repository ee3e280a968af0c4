package journey

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
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
//
// When the operating system takes the processor away in the middle of an
// instant, the Go scheduler may let goroutines that are ready go in another
// order. A run that differs and to which that happened is not counted; one
// that differs without is a failure.
func TestOneSeed(t *testing.T) {
	if underRace {
		t.Skip("skipped: the race detector has the scheduler choose at random")
	}
	all := ready(t)
	for _, tt := range []struct {
		name   string
		rounds int
	}{
		{"00-anything", rounds()}, {"04-congestion", rounds()}, {"10-road", rounds()}, {"14-collapse", rounds()},
		{"15-edge-down", rounds()}, {"09-versions", min(2, rounds())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var first *Result // that nothing came between
			for alike, lost := 0, 0; alike < tt.rounds; {
				before := interruptions(t)
				var r *Result
				t.Run("", func(t *testing.T) { r = inBubble(t, all[tt.name], Options{Seed: 7, Hash: true}) })
				disturbed := r.Disturbed > 0 || interruptions(t) != before
				switch {
				case first != nil && r.Record == first.Record && r.Captures == first.Captures:
					alike++
				case !disturbed && first == nil:
					first, alike = r, 1
				case !disturbed:
					t.Fatalf("run %d differs: %s", alike+lost+1, difference(rowsOf(first), rowsOf(r)))
				default:
					if lost++; lost > 2*tt.rounds+alike {
						t.Skipf("skipped: the processor was taken away in %d of %d runs, which then differed: this machine is too busy", lost, alike+lost)
					}
				}
			}
			if other := inBubble(t, all[tt.name], Options{Seed: 8, Hash: true}); other.Captures == first.Captures && all[tt.name].seed == 0 {
				t.Error("another seed gives the same captures")
			}
		})
	}
}

// interruptions is how often the operating system has taken the processor
// away from this process.
func interruptions(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Nivcsw
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
