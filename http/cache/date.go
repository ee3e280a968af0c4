package cache

import (
	"strings"
	"time"

	"waypost/http/field"
)

var (
	months   = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	weekdays = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// parseDate reads an HTTP-date in any of the three forms of RFC 9110 §5.6.7:
//
//	Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
//	Sunday, 06-Nov-94 08:49:37 GMT   rfc850-date
//	Sun Nov  6 08:49:37 1994         asctime-date
//
// Names are matched without regard to case (RFC 9111 §4.2); nothing else is
// forgiven. near is a moment not far from the present: a two-digit year is
// one that lies no more than 50 years after it. It does not allocate.
func parseDate(s string, near time.Time) (time.Time, bool) {
	if len(s) < 24 {
		return time.Time{}, false
	}
	switch {
	case len(s) == 29 && s[3] == ',':
		return parseFixdate(s)
	case len(s) == 24 && s[3] == ' ':
		return parseAsctime(s)
	}
	return parseRFC850(s, near)
}

func parseFixdate(s string) (time.Time, bool) {
	if !isWeekday(s[:3], 3) || s[4] != ' ' || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' {
		return time.Time{}, false
	}
	day, ok1 := number(s[5:7])
	year, ok2 := number(s[12:16])
	return date(year, s[8:11], day, s[17:25], s[25:], ok1 && ok2)
}

func parseRFC850(s string, near time.Time) (time.Time, bool) {
	comma := strings.IndexByte(s, ',')
	if comma < 0 || !isWeekday(s[:comma], 0) {
		return time.Time{}, false
	}
	s = s[comma+1:]
	if len(s) != len(" 06-Nov-94 08:49:37 GMT") || s[0] != ' ' || s[3] != '-' || s[7] != '-' || s[10] != ' ' {
		return time.Time{}, false
	}
	day, ok1 := number(s[1:3])
	year, ok2 := number(s[8:10])
	year += near.UTC().Year() / 100 * 100
	t, ok := date(year, s[4:7], day, s[11:19], s[19:], ok1 && ok2)
	if !ok {
		return t, false
	}
	// RFC 9110 §5.6.7: what appears to be more than 50 years in the future
	// is the most recent such year in the past.
	limit := near.AddDate(50, 0, 0)
	switch {
	case t.After(limit):
		year -= 100
	case !t.AddDate(100, 0, 0).After(limit):
		year += 100
	default:
		return t, true
	}
	return date(year, s[4:7], day, s[11:19], s[19:], true)
}

func parseAsctime(s string) (time.Time, bool) {
	if !isWeekday(s[:3], 3) || s[7] != ' ' || s[10] != ' ' || s[19] != ' ' {
		return time.Time{}, false
	}
	digits := s[8:10]
	if digits[0] == ' ' {
		digits = digits[1:]
	}
	day, ok1 := number(digits)
	year, ok2 := number(s[20:24])
	return date(year, s[4:7], day, s[11:19], " GMT", ok1 && ok2)
}

// date puts the parts together. The zone keeps its leading space.
func date(year int, month string, day int, clock, zone string, ok bool) (time.Time, bool) {
	m := 0
	for i, name := range months {
		if field.Is(month, name) {
			m = i + 1
		}
	}
	if !ok || m == 0 || clock[2] != ':' || clock[5] != ':' || !field.Is(zone, " GMT") {
		return time.Time{}, false
	}
	h, ok1 := number(clock[:2])
	min, ok2 := number(clock[3:5])
	sec, ok3 := number(clock[6:8])
	// A leap second is in the grammar; it is counted as the second after.
	if !ok1 || !ok2 || !ok3 || h > 23 || min > 59 || sec > 60 {
		return time.Time{}, false
	}
	if t := time.Date(year, time.Month(m), day, 0, 0, 0, 0, time.UTC); day < 1 || t.Day() != day {
		return time.Time{}, false // no such day in that month
	}
	return time.Date(year, time.Month(m), day, h, min, sec, 0, time.UTC), true
}

// isWeekday reports whether s is the name of a day, cut to n letters if n is
// not 0. Whether it is the right day does not matter.
func isWeekday(s string, n int) bool {
	for _, name := range weekdays {
		if n > 0 {
			name = name[:n]
		}
		if field.Is(s, name) {
			return true
		}
	}
	return false
}

// number reads digits only.
func number(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// AppendDate appends t as an IMF-fixdate, the form to send.
func AppendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
}
