package report

import "time"

// Chart is panels of curves one under the other on one axis of time.
// [Curves] draws it in a terminal.
type Chart struct {
	Title, Summary string
	End            time.Duration // the axis runs from 0 to End; 0: to the last thing drawn
	// Trail is drawn as the first panel, as time against sequence number:
	// data, acknowledgements, the edge of the window, what was sent again
	// or lost. nil: none. Its states are a panel of their own.
	Trail  *Sequence
	Panels []Panel
	Notes  []Note // lines through all panels, explained below them
}

// Panel is curves with one unit.
type Panel struct {
	Title  string
	Unit   Unit
	Series []Series
}

// Series is one value over time.
type Series struct {
	Name   string
	Points []Point // in the order of time
	// Dots draws measurements as points. Otherwise the value holds until
	// the next point: steps.
	Dots bool
	// Fill tints the ground under the curve: an amount more than a bound.
	Fill bool
}

// Point is a value at a moment. NaN ends the curve until the next point: the
// value is not set.
type Point struct {
	At    time.Duration
	Value float64 // in the panel's unit
}

// Unit is the unit of a panel's values.
type Unit string

// The units.
const (
	Bytes   Unit = "bytes"
	Seconds Unit = "seconds"
	Bits    Unit = "bits per second"
	Count   Unit = ""
)

// Format writes a value of the unit with the digits that matter: "65.5 KB",
// "8.9 Mbit/s", "43 ms".
func (u Unit) Format(v float64) string { return quantity(u, v) }
