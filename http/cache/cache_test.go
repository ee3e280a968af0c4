package cache

import (
	"slices"
	"strings"
	"testing"
	"time"

	"waypost/http/field"
)

// t0 is when the responses of these tests were asked for and received.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const date0 = "Date: Sun, 01 Mar 2026 12:00:00 GMT"

var (
	shared      = &Rules{Shared: true, Targeted: []string{"CDN-Cache-Control"}, HeuristicMax: 24 * time.Hour}
	privateOnly = &Rules{HeuristicMax: 24 * time.Hour}
	guarded     = &Rules{Shared: true, GuardCookies: true, Targeted: []string{"CDN-Cache-Control"}, HeuristicMax: 24 * time.Hour}
)

// lines makes fields of "Name: value" lines.
func lines(lines ...string) field.Fields {
	var f field.Fields
	for _, l := range lines {
		if l == "" {
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			panic("no field line: " + l)
		}
		f.Add(name, strings.Trim(value, " "))
	}
	return f
}

// split makes fields of "Name: value | Name: value".
func split(s string) field.Fields { return lines(strings.Split(s, " | ")...) }

func get(fields string) *Request {
	r := &Request{Method: "GET"}
	if fields != "" {
		r.Fields = split(fields)
	}
	return r
}

// response is a 200 received at t0, with a Date unless the fields have one.
func response(fields string) *Response {
	r := &Response{Status: 200, Asked: t0, Received: t0}
	if fields != "" {
		r.Fields = split(fields)
	}
	if !r.Fields.Has("Date") {
		r.Fields = append(r.Fields, lines(date0)...)
	}
	return r
}

func seconds64(n int64) time.Duration { return time.Duration(n) * time.Second }

func rfc1123(t time.Time) string { return string(AppendDate(nil, t)) }

func TestLifetime(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, tt := range []struct {
		clause string
		fields string
		shared time.Duration
		own    time.Duration // in a private cache
	}{
		{"§4.2.1 nothing", "", 0, 0},
		{"§5.2.2.1 max-age", "Cache-Control: max-age=60", time.Minute, time.Minute},
		{"§5.2.2.10 s-maxage over max-age", "Cache-Control: max-age=60, s-maxage=10", 10 * time.Second, time.Minute},
		{"§5.2.2.10 s-maxage alone", "Cache-Control: s-maxage=10", 10 * time.Second, 0},
		{"§5.2.2.10 s-maxage=0", "Cache-Control: s-maxage=0, max-age=60", 0, time.Minute},
		{"§5.3 Expires", "Expires: Sun, 01 Mar 2026 12:01:00 GMT", time.Minute, time.Minute},
		{"§5.3 Expires minus Date, both fast", "Date: Sun, 01 Mar 2026 12:06:40 GMT | Expires: Sun, 01 Mar 2026 12:05:00 GMT", 0, 0},
		{"§5.3 max-age over Expires", "Cache-Control: max-age=60 | Expires: Sun, 01 Mar 2026 11:00:00 GMT", time.Minute, time.Minute},
		{"§5.3 max-age=0 over Expires", "Cache-Control: max-age=0 | Expires: Sun, 01 Mar 2026 13:00:00 GMT", 0, 0},
		{"§5.3 s-maxage over Expires", "Cache-Control: s-maxage=10 | Expires: Sun, 01 Mar 2026 12:01:00 GMT", 10 * time.Second, time.Minute},
		{"§5.3 Expires: 0", "Expires: 0 | Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT", 0, 0},
		{"§5.3 two Expires that differ", "Expires: Sun, 01 Mar 2026 12:01:00 GMT | Expires: Sun, 01 Mar 2026 12:02:00 GMT", 0, 0},
		{"§5.3 two Expires alike", "Expires: Sun, 01 Mar 2026 12:01:00 GMT | Expires: Sun, 01 Mar 2026 12:01:00 GMT", time.Minute, time.Minute},
		{"§5.3 Date invalid: time of receipt", "Date: foo | Expires: Sun, 01 Mar 2026 12:00:10 GMT", 10 * time.Second, 10 * time.Second},
		{"§4.2.1 two max-age that differ", "Cache-Control: max-age=1800, max-age=1", 0, 0},
		{"§4.2.1 two max-age on two lines", "Cache-Control: max-age=1 | Cache-Control: max-age=1800", 0, 0},
		{"§4.2.1 two max-age alike", "Cache-Control: max-age=60, max-age=60", time.Minute, time.Minute},
		{"§4.2.1 invalid max-age is stale", "Cache-Control: max-age=60x | Expires: Sun, 01 Mar 2026 12:01:00 GMT", 0, 0},
		{"§4.2.1 invalid s-maxage is stale", "Cache-Control: s-maxage=x, max-age=60", 0, time.Minute},
		{"§4.2.1 negative", "Cache-Control: max-age=-60", 0, 0},
		{"§4.2.1 decimal", "Cache-Control: max-age=60.0", 0, 0},
		{"§4.2.1 no argument", "Cache-Control: max-age", 0, 0},
		{"§5.2 space before =", "Cache-Control: max-age =60", 0, 0},
		{"§5.2 space after =", "Cache-Control: max-age= 60", 0, 0},
		{"§5.2 quoted", `Cache-Control: max-age="60"`, time.Minute, time.Minute},
		{"§5.2 single quotes", "Cache-Control: max-age='60'", 0, 0},
		{"§5.2 another's quoted string", `Cache-Control: extension="max-age=3600", max-age=1`, time.Second, time.Second},
		{"§5.2 another's quoted string after", `Cache-Control: max-age=1, extension="max-age=3600"`, time.Second, time.Second},
		{"§5.2 commas in a quoted string", `Cache-Control: x="a, max-age=3600, b", max-age=1`, time.Second, time.Second},
		{"§5.2 a quoted string without end", `Cache-Control: max-age=3600, x="y`, 0, 0},
		{"§5.2 case", "Cache-Control: MaX-aGe=60", time.Minute, time.Minute},
		{"§5.2.3 unknown directives", "Cache-Control: foobar, max-age=60, a=b", time.Minute, time.Minute},
		{"§1.2.2 leading zeros", "Cache-Control: max-age=00060", time.Minute, time.Minute},
		{"§1.2.2 too large", "Cache-Control: max-age=99999999999999999999", maxDelta, maxDelta},
		{"§1.2.2 2^31", "Cache-Control: max-age=2147483648", maxDelta, maxDelta},
		{"§4.2.2 a tenth of the age since the change", "Last-Modified: Sun, 01 Mar 2026 11:50:00 GMT", time.Minute, time.Minute},
		{"§4.2.2 capped", "Last-Modified: Tue, 01 Mar 2022 12:00:00 GMT", 24 * time.Hour, 24 * time.Hour},
		{"§4.2.2 changed in the future", "Last-Modified: Mon, 02 Mar 2026 12:00:00 GMT", 0, 0},
		{"§4.2.2 not when it is explicit", "Cache-Control: max-age=0 | Last-Modified: Tue, 01 Mar 2022 12:00:00 GMT", 0, 0},
		{"§5.3 far future", "Expires: Sun, 21 Nov 2286 04:46:39 GMT", 260*year + 18*time.Hour, 0},
	} {
		r := response(tt.fields)
		got := Lifetime(shared, r)
		if strings.HasSuffix(tt.clause, "far future") {
			if got < 200*year {
				t.Errorf("%s: %v", tt.clause, got)
			}
			continue
		}
		if got != tt.shared {
			t.Errorf("%s: shared lifetime of %q = %v, want %v", tt.clause, tt.fields, got, tt.shared)
		}
		if got := Lifetime(privateOnly, r); got != tt.own {
			t.Errorf("%s: private lifetime of %q = %v, want %v", tt.clause, tt.fields, got, tt.own)
		}
		r.Compile(shared)
		if got := Lifetime(shared, r); got != tt.shared {
			t.Errorf("%s: compiled, shared lifetime = %v, want %v", tt.clause, got, tt.shared)
		}
		if got := Lifetime(privateOnly, r); got != tt.own {
			t.Errorf("%s: compiled by other rules, private lifetime = %v, want %v", tt.clause, got, tt.own)
		}
	}
}

func TestHeuristicStatus(t *testing.T) {
	fields := "Last-Modified: Sat, 28 Feb 2026 12:00:00 GMT"
	for status := 200; status < 600; status++ {
		want := false
		switch status { // RFC 9110 §15.1
		case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501:
			want = true
		}
		r := response(fields)
		r.Status = status
		if got := Lifetime(shared, r) > 0; got != want {
			t.Errorf("%d: heuristic lifetime %v, want %v", status, got, want)
		}
		r = response(fields + " | Cache-Control: public")
		r.Status = status
		if Lifetime(shared, r) == 0 {
			t.Errorf("%d with public: no heuristic lifetime (§5.2.2.9)", status)
		}
	}
	if got := Lifetime(&Rules{DefaultTTL: time.Hour, HeuristicMax: time.Minute}, response(fields)); got != time.Hour {
		t.Errorf("DefaultTTL: %v", got)
	}
	if got := Lifetime(&Rules{}, response(fields)); got != 0 {
		t.Errorf("heuristics turned off: %v", got)
	}
}

func TestAge(t *testing.T) {
	for _, tt := range []struct {
		clause        string
		fields        string
		asked         time.Duration // before the response
		now           time.Duration // after it
		want          time.Duration
		receivedDelay time.Duration
	}{
		{"resident time", "", 0, 10 * time.Second, 10 * time.Second, 0},
		{"Age field", "Age: 30", 0, 10 * time.Second, 40 * time.Second, 0},
		{"Age counts from the request", "Age: 30", 2 * time.Second, 10 * time.Second, 42 * time.Second, 0},
		{"apparent age", "Date: Sun, 01 Mar 2026 11:00:00 GMT", 0, 0, time.Hour, 0},
		{"the greater of both", "Date: Sun, 01 Mar 2026 11:00:00 GMT | Age: 30", 0, 0, time.Hour, 0},
		{"the greater of both", "Date: Sun, 01 Mar 2026 11:59:55 GMT | Age: 30", 0, 0, 30 * time.Second, 0},
		{"origin's clock is ahead", "Date: Sun, 01 Mar 2026 13:00:00 GMT", 0, 5 * time.Second, 5 * time.Second, 0},
		{"our clock went back", "", 0, -time.Hour, 0, 0},
		{"our clock went back between", "Age: 30", -time.Hour, 0, 30 * time.Second, 0},
		{"§5.1 not a number", "Age: abc", 0, 0, 0, 0},
		{"§5.1 negative", "Age: -7200", 0, 0, 0, 0},
		{"§5.1 a fraction", "Age: 7200.0", 0, 0, 0, 0},
		{"§5.1 the first of a list", "Age: 7200, 0", 0, 0, 2 * time.Hour, 0},
		{"§5.1 the first of a list", "Age: 0, 7200", 0, 0, 0, 0},
		{"§5.1 the first of two lines", "Age: 7200 | Age: 0", 0, 0, 2 * time.Hour, 0},
		{"§5.1 with a parameter", "Age: 7200;foo=bar", 0, 0, 0, 0},
		{"§1.2.2 too large", "Age: 99999999999999999999", 0, 0, maxDelta, 0},
		{"no Date", "Date: foo | Age: 3", 0, time.Second, 4 * time.Second, 0},
		{"Date has whole seconds only", "", 0, 0, 0, 900 * time.Millisecond},
	} {
		r := response(tt.fields)
		r.Received = t0.Add(tt.receivedDelay)
		r.Asked = r.Received.Add(-tt.asked)
		now := r.Received.Add(tt.now)
		if got := Age(now, r); got != tt.want {
			t.Errorf("RFC 9111 §4.2.3 %s: Age(%q) = %v, want %v", tt.clause, tt.fields, got, tt.want)
		}
		r.Compile(shared)
		if got := Age(now, r); got != tt.want {
			t.Errorf("RFC 9111 §4.2.3 %s: compiled, Age(%q) = %v, want %v", tt.clause, tt.fields, got, tt.want)
		}
	}
}

func TestParseDate(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, tt := range []struct {
		in   string
		want time.Time
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", want},
		{"Sunday, 06-Nov-94 08:49:37 GMT", want},
		{"Sun Nov  6 08:49:37 1994", want},
		{"Sun Nov 06 08:49:37 1994", want},
		{"sUN, 06 nOV 1994 08:49:37 gmt", want},
		{"Mon, 06 Nov 1994 08:49:37 GMT", want}, // the wrong day does not matter
		{"Thursday, 18-Aug-50 02:01:18 GMT", time.Date(2050, 8, 18, 2, 1, 18, 0, time.UTC)},
		{"Sunday, 01-Mar-76 12:00:00 GMT", time.Date(2076, 3, 1, 12, 0, 0, 0, time.UTC)}, // 50 years and no more
		{"Sunday, 01-Mar-76 12:00:01 GMT", time.Date(1976, 3, 1, 12, 0, 1, 0, time.UTC)},
		{"Wed, 29 Feb 2024 23:59:60 GMT", time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)},
		{"Thu, 18 Aug 2050 02:01:18 UTC", time.Time{}},
		{"Thu, 18 Aug 2050 02:01:18 AEST", time.Time{}},
		{"Thu, 18 Aug 50 02:01:18 GMT", time.Time{}},
		{"Thu 18 Aug 2050 02:01:18 GMT", time.Time{}},
		{"Thu, 18  Aug  2050 02:01:18 GMT", time.Time{}},
		{"Thu, 18-Aug-2050 02:01:18 GMT", time.Time{}},
		{"Thu, 18 Aug 2050 02.01.18 GMT", time.Time{}},
		{"Thu, 18 Aug 2050 2:01:18 GMT", time.Time{}},
		{"Wed, 30 Feb 2026 00:00:00 GMT", time.Time{}},
		{"Wed, 00 Feb 2026 00:00:00 GMT", time.Time{}},
		{"Wed, 01 Feb 2026 24:00:00 GMT", time.Time{}},
		{"Wed, 01 Feb 2026 00:60:00 GMT", time.Time{}},
		{"Xyz, 01 Feb 2026 00:00:00 GMT", time.Time{}},
		{"Wed, 01 Feb 2026 00:00:00 GMT+1", time.Time{}},
		{"Sun Nov  6 08:49:37 199", time.Time{}},
		{"0", time.Time{}}, {"", time.Time{}}, {"-1", time.Time{}},
	} {
		got, ok := parseDate(tt.in, t0)
		if !got.Equal(tt.want) || ok == tt.want.IsZero() {
			t.Errorf("RFC 9110 §5.6.7: parseDate(%q) = %v, %v; want %v", tt.in, got, ok, tt.want)
		}
	}
	later := time.Date(2080, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, _ := parseDate("Sunday, 06-Nov-10 08:49:37 GMT", later); got.Year() != 2110 {
		t.Errorf("a two-digit year near 2080 = %v", got)
	}
	if got := rfc1123(want); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("AppendDate = %q", got)
	}
}

func equalFields(a, b field.Fields) bool { return slices.Equal(a, b) }

func equalStrings(a, b []string) bool { return slices.Equal(a, b) }
