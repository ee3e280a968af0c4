package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// lottery says which frames a direction loses.
type lottery struct {
	loss  Loss
	count int  // frames so far
	bad   bool // the state of Gilbert and Elliott
}

// draw decides about the next frame: why it is lost, or "".
func (l *lottery) draw(r *rand.Rand) string {
	switch b := l.loss.Burst; {
	case l.loss.Random > 0:
		if r.Float64() < l.loss.Random {
			return "By lot, " + percent(l.loss.Random) + " of the frames."
		}
	case len(l.loss.Nth) > 0:
		l.count++
		if _, ok := slices.BinarySearch(l.loss.Nth, l.count); ok {
			return fmt.Sprintf("Frame %d on this way was to be lost.", l.count)
		}
	case b != GilbertElliott{}:
		turn := b.Enter
		if l.bad {
			turn = b.Leave
		}
		if r.Float64() < turn {
			l.bad = !l.bad
		}
		bad, good := b.chances()
		switch {
		case l.bad && r.Float64() < bad:
			return "The link is in its bad state (Gilbert–Elliott)."
		case !l.bad && good > 0 && r.Float64() < good:
			return "By lot, in the good state of the link (Gilbert–Elliott)."
		}
	}
	return ""
}
