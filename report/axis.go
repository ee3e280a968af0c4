package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ticks returns round numbers from 0 to limit, at most want of them after
// the 0: steps of 1, 2 or 5 times a power of ten.
func ticks(limit float64, want int) []float64 {
	if !(limit > 0) || math.IsInf(limit, 0) || want < 1 {
		return []float64{0}
	}
	step := math.Pow(10, math.Floor(math.Log10(limit/float64(want))))
	for _, m := range [...]float64{1, 2, 5, 10} {
		if limit/(step*m) <= float64(want) {
			step *= m
			break
		}
	}
	var at []float64
	for i := 0; float64(i)*step <= limit*1.0001; i++ {
		at = append(at, float64(i)*step)
	}
	return at
}

// clockUnit is a unit in which an axis of time is written.
type clockUnit struct {
	upTo  time.Duration // axes that end before are written in it
	unit  time.Duration
	name  string
	steps []float64 // in units; empty: 1, 2, 5 times a power of ten
}

var clockUnits = [...]clockUnit{
	{2 * time.Millisecond, time.Microsecond, "µs", nil},
	{2 * time.Second, time.Millisecond, "ms", nil},
	{2 * time.Minute, time.Second, "s", nil},
	{2 * time.Hour, time.Minute, "min", []float64{1, 2, 5, 10, 15, 30, 60}},
	{math.MaxInt64, time.Hour, "h", nil},
}

func clockUnitOf(end time.Duration) clockUnit {
	for _, u := range clockUnits {
		if end < u.upTo {
			return u
		}
	}
	return clockUnits[len(clockUnits)-1]
}

// timeTicks returns the moments that an axis from 0 to end marks, and their
// labels; the last label has the unit.
func timeTicks(end time.Duration, want int) (at []time.Duration, labels []string) {
	u := clockUnitOf(end)
	limit := float64(end) / float64(u.unit)
	values := ticks(limit, want)
	for _, step := range u.steps {
		if limit/step <= float64(want) {
			values = values[:0]
			for v := 0.0; v <= limit; v += step {
				values = append(values, v)
			}
			break
		}
	}
	for _, v := range values {
		at = append(at, time.Duration(v*float64(u.unit)))
		labels = append(labels, trimmed(v, 3))
	}
	labels[len(labels)-1] += " " + u.name
	return at, labels
}

// clock writes a moment of a diagram that ends at end: in milliseconds up to
// ten seconds, then in seconds, and as m:ss or h:mm:ss after two minutes.
func clock(at, end time.Duration) string {
	switch {
	case end < 2*time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(at)/float64(time.Microsecond))
	case at < 10*time.Second:
		return fmt.Sprintf("%.2f ms", float64(at)/float64(time.Millisecond))
	case at < 2*time.Minute:
		return fmt.Sprintf("%.3f s", at.Seconds())
	case at < time.Hour:
		return fmt.Sprintf("%d:%06.3f", int(at.Minutes()), (at % time.Minute).Seconds())
	}
	return fmt.Sprintf("%d:%02d:%06.3f", int(at.Hours()), int(at.Minutes())%60, (at % time.Minute).Seconds())
}

// lapse writes a duration for people: "980 ms", "60 s", "2 h 12 min".
func lapse(d time.Duration) string {
	switch {
	case d >= 2*time.Hour:
		return join(" ", strconv.Itoa(int(d.Hours()))+" h", zeroless(int(d.Minutes())%60, " min"))
	case d >= 2*time.Minute:
		return join(" ", strconv.Itoa(int(d.Minutes()))+" min", zeroless(int(d.Seconds())%60, " s"))
	case d >= time.Second:
		return trimmed(d.Seconds(), 2) + " s"
	case d >= time.Millisecond:
		return trimmed(float64(d)/float64(time.Millisecond), 1) + " ms"
	}
	return trimmed(float64(d)/float64(time.Microsecond), 1) + " µs"
}

func zeroless(n int, unit string) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + unit
}

// quantity writes a value of a unit with the digits that matter.
func quantity(u Unit, v float64) string {
	if v == 0 {
		return "0"
	}
	switch u {
	case Bytes:
		return scaled(v, " B", " KB", " MB", " GB")
	case Bits:
		return scaled(v, " bit/s", " kbit/s", " Mbit/s", " Gbit/s")
	case Seconds:
		return lapse(time.Duration(v * float64(time.Second)))
	}
	return trimmed(v, 2)
}

func scaled(v float64, units ...string) string {
	i := 0
	for ; i+1 < len(units) && math.Abs(v) >= 1000; i++ {
		v /= 1000
	}
	digits := 1
	if math.Abs(v) >= 100 || i == 0 {
		digits = 0
	}
	return trimmed(v, digits) + units[i]
}

// trimmed writes v with at most so many digits after the point.
func trimmed(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
