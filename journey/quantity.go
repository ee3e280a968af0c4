package journey

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads 75s, 1h30m, 20ms, 2d; negative ones are refused.
func parseDuration(s string) (time.Duration, error) {
	text, days := s, time.Duration(0)
	if n, rest, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration such as 20ms, 75s or 1h30m", s)
		}
		if days, text = time.Duration(v)*24*time.Hour, rest; text == "" {
			return days, nil
		}
	}
	if text == "0" {
		return days, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 20ms, 75s or 1h30m", s)
	}
	return days + d, nil
}

// units of sizes: those of people (powers of a thousand) and of memory.
var units = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// parseNumber reads a number: 3, 1.5, 100KiB, 2%.
func parseNumber(s string) (float64, error) {
	text, unit := s, 1.0
	if t, ok := strings.CutSuffix(s, "%"); ok {
		text, unit = t, 0.01
	}
	for _, u := range units {
		if t, ok := strings.CutSuffix(s, u.name); ok {
			text, unit = t, u.size
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("%q is no number or size such as 3, 100KiB or 2%%", s)
	}
	return v * unit, nil
}

// maxSize bounds what a script may have made of nothing: bodies and sends.
const maxSize = 1 << 30

// parseSize reads a number of bytes.
func parseSize(s string) (int64, error) {
	v, err := parseNumber(s)
	if err != nil || v < 0 || v != math.Trunc(v) || strings.HasSuffix(s, "%") {
		return 0, fmt.Errorf("%q is no size such as 512, 100KiB or 4MB", s)
	}
	if v > maxSize {
		return 0, fmt.Errorf("%s is more than 1 GiB", s)
	}
	return int64(v), nil
}

// span is a range of numbers, both ends included.
type span struct{ low, high float64 }

func (s span) holds(v float64) bool { return s.low <= v && v <= s.high }

// parseSpan reads 3, 3..5, 3.. and ..5 with the given reader of numbers.
func parseSpan(s string, number func(string) (float64, error)) (span, error) {
	low, high, isRange := strings.Cut(s, "..")
	if !isRange {
		v, err := number(s)
		return span{v, v}, err
	}
	r := span{math.Inf(-1), math.Inf(1)}
	var err error
	if low != "" {
		if r.low, err = number(low); err != nil {
			return r, err
		}
	}
	if high != "" {
		if r.high, err = number(high); err != nil {
			return r, err
		}
	}
	if low == "" && high == "" || r.low > r.high {
		return r, fmt.Errorf("%q is no range such as 3..5, 3.. or ..5", s)
	}
	return r, nil
}

// durationNumber is parseDuration for parseSpan.
func durationNumber(s string) (float64, error) {
	d, err := parseDuration(s)
	return float64(d), err
}

// parseCount reads how often: 3, 3..5, >=2, <4.
func parseCount(s string) (span, error) {
	for _, op := range []string{">=", "<=", ">", "<", "="} {
		text, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		v, err := parseNumber(text)
		if err != nil {
			return span{}, err
		}
		switch op {
		case ">=":
			return span{v, math.Inf(1)}, nil
		case "<=":
			return span{0, v}, nil
		case ">":
			return span{math.Nextafter(v, math.Inf(1)), math.Inf(1)}, nil
		case "<":
			return span{0, math.Nextafter(v, math.Inf(-1))}, nil
		}
		return span{v, v}, nil
	}
	return parseSpan(s, parseNumber)
}
