package journey

import (
	"fmt"
	"time"
)

// DefaultLimit is how much virtual time a journey may take where its script
// says nothing: far more than a scenario of pages and failures.
const DefaultLimit = 24 * time.Hour

// waitAction is wait [DURATION]: time passes, or all that is in the
// background ends.
type waitAction struct {
	pause time.Duration
	all   bool
}

func parseWait(a *args) action {
	if !a.more() {
		return &waitAction{all: true}
	}
	return &waitAction{pause: a.duration("how long")}
}

func (w *waitAction) do(t *task) error {
	if !w.all {
		time.Sleep(w.pause)
		return nil
	}
	t.background.Wait()
	return nil
}

// untilAction is until 3s: time passes until the journey's clock says so.
type untilAction struct{ clock time.Duration }

func parseUntil(a *args) action { return &untilAction{a.duration("the time on the journey's clock")} }

func (u *untilAction) do(t *task) error {
	left := u.clock - time.Since(t.start)
	if left < 0 {
		return fmt.Errorf("it is %v already", time.Since(t.start))
	}
	time.Sleep(left)
	return nil
}

// sceneAction is scene "TITLE": expectations look no further back.
type sceneAction struct{ title string }

func parseScene(a *args) action {
	s := &sceneAction{}
	for _, w := range a.rest() {
		if s.title != "" {
			s.title += " "
		}
		s.title += w.text
	}
	return s
}

func (s *sceneAction) do(t *task) error {
	t.settle()
	t.begin(s.title)
	return nil
}

// limitAction is limit DURATION; it has done its work when it was read.
type limitAction struct{}

func parseLimit(a *args) action {
	a.journey.limit = a.duration("how much virtual time the journey may take")
	return limitAction{}
}

func (limitAction) do(*task) error { return nil }

// seedAction is seed N: the journey's numbers depend on chance, and it says on
// which.
type seedAction struct{}

func parseSeed(a *args) action {
	a.journey.seed = uint64(a.number("a number", 1, 1<<30))
	return seedAction{}
}

func (seedAction) do(*task) error { return nil }
