package lab

import (
	"waypost/packet"
	"waypost/report"
)

// Recording keeps what went over some links, for diagrams.
type Recording struct{}

// Record begins to keep what passes these links, at most limit frames; the
// others are counted. Stop ends it.
func (l *Lab) Record(limit int, links ...*Link) *Recording { return nil }

// Stop ends the recording.
func (r *Recording) Stop() {}

// Flows returns the conversations that were seen, by the direction that
// spoke first, in the order of their beginning.
func (r *Recording) Flows() []packet.Flow { return nil }

// Sequence is the time-sequence diagram of one conversation, both ways; with
// the zero Flow that of everything. Times count from the lab's beginning.
func (r *Recording) Sequence(f packet.Flow) report.Sequence { return report.Sequence{} }
