package cache

import (
	"slices"
	"testing"
	"time"

	"waypost/http/field"
)

func TestValidators(t *testing.T) {
	const lm = "Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT"
	gone := response(`ETag: "gone"`)
	gone.Status = 410
	for _, tt := range []struct {
		name   string
		stored []*Response
		want   field.Fields
	}{
		{"both", []*Response{response(`ETag: "a" | ` + lm)},
			lines(`If-None-Match: "a"`, "If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT")},
		{"weak", []*Response{response(`ETag: W/"a"`)}, lines(`If-None-Match: W/"a"`)},
		{"date only", []*Response{response(lm)}, lines("If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT")},
		{"no date at all", []*Response{response("Last-Modified: x")}, nil},
		{"nothing", []*Response{response("")}, nil},
		{"several", []*Response{response(`ETag: "a" | ` + lm), response(`ETag: "b"`), response(`ETag: "a"`), response(""), gone},
			lines(`If-None-Match: "a", "b"`)},
		{"not a 200", []*Response{gone}, nil},
		{"none", nil, nil},
	} {
		if got := Validators(tt.stored...); !equalFields(got, tt.want) {
			t.Errorf("RFC 9111 §4.3.1 %s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFreshened(t *testing.T) {
	const feb, jan = "Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT", "Last-Modified: Thu, 01 Jan 2026 12:00:00 GMT"
	old := "Date: Sun, 01 Mar 2026 11:00:00 GMT"
	for _, tt := range []struct {
		name      string
		nominated []string
		answer    string
		want      []int
	}{
		{"strong", []string{`ETag: "a"`, `ETag: "b"`}, `ETag: "b"`, []int{1}},
		{"strong, all that match", []string{`ETag: "a"`, `ETag: "a"`}, `ETag: "a"`, []int{0, 1}},
		{"strong, none", []string{`ETag: "a"`}, `ETag: "c"`, nil},
		{"strong against weak", []string{`ETag: W/"a"`}, `ETag: "a"`, nil},
		{"weak, the most recent", []string{`ETag: W/"a" | ` + old, `ETag: W/"a"`}, `ETag: W/"a"`, []int{1}},
		{"weak, none", []string{`ETag: W/"a"`}, `ETag: W/"b"`, nil},
		{"date", []string{feb, jan}, jan, []int{1}},
		{"date, none", []string{feb}, jan, nil},
		{"nothing, one nominated", []string{`ETag: "a"`}, "", []int{0}},
		{"nothing, one without validators", []string{""}, "", []int{0}},
		{"nothing, two nominated", []string{`ETag: "a"`, `ETag: "b"`}, "", nil},
	} {
		var nominated []*Response
		for _, n := range tt.nominated {
			nominated = append(nominated, response(n))
		}
		if got := Freshened(nominated, response(tt.answer)); !slices.Equal(got, tt.want) {
			t.Errorf("RFC 9111 §4.3.4 %s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRefresh(t *testing.T) {
	stored := Stored(shared, get("Foo: 1"), response(`Cache-Control: max-age=60 | ETag: "a" | A: 1 | A: 2 | B: 1 | `+
		`Content-Length: 36 | Content-Encoding: gzip | Content-Type: text/plain | Age: 1000 | Vary: Foo`))
	confirmed := response(`Date: Sun, 01 Mar 2026 13:00:00 GMT | Cache-Control: max-age=90, no-cache="secret" | a: 3 | C: 1 | ` +
		`Content-Length: 0 | Content-Encoding: br | Content-Range: bytes 0-1/2 | Content-Type: text/html | Vary: Bar | ` +
		`Connection: x-hop | X-Hop: 1 | Proxy-Authenticate: x | Transfer-Encoding: chunked | Secret: 1`)
	confirmed.Status = 304
	confirmed.Asked, confirmed.Received = t0.Add(time.Hour), t0.Add(time.Hour)
	before := stored.Fields.Clone()
	got := Refresh(shared, stored, confirmed)
	want := lines(`ETag: "a"`, "B: 1", "Content-Length: 36", "Content-Encoding: gzip", "Vary: Foo",
		"Date: Sun, 01 Mar 2026 13:00:00 GMT", `Cache-Control: max-age=90, no-cache="secret"`, "a: 3", "C: 1", "Content-Type: text/html")
	if !equalFields(got.Fields, want) {
		t.Errorf("RFC 9111 §3.2: after the 304\n%v, want\n%v", got.Fields, want)
	}
	if got.Status != 200 || !equalFields(got.Selecting, stored.Selecting) || !equalFields(stored.Fields, before) {
		t.Errorf("status %d, selecting %v", got.Status, got.Selecting)
	}
	now := t0.Add(time.Hour + 10*time.Second)
	if v := Use(now, shared, get("Foo: 1"), got); v.Action != Hit || v.Age != 10*time.Second || v.Lifetime != 90*time.Second {
		t.Errorf("after the 304: %v, age %v of %v", v.Action, v.Age, v.Lifetime)
	}

	// A 304 without Date or Age must not leave the response as old as before.
	bare := &Response{Status: 304, Asked: t0.Add(time.Hour), Received: t0.Add(time.Hour)}
	got = Refresh(shared, stored, bare)
	if v := Use(now, shared, get("Foo: 1"), got); v.Age != 10*time.Second || v.Action != Hit {
		t.Errorf("after a bare 304: %v, age %v", v.Action, v.Age)
	}
}

func TestRefreshHead(t *testing.T) {
	const lm = "Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT"
	for _, tt := range []struct {
		name   string
		stored string
		head   string
		want   bool
	}{
		{"the same", `ETag: "a" | Content-Length: 5 | ` + lm, `ETag: "a" | Content-Length: 5 | X: 1 | ` + lm, true},
		{"no validators", "", "X: 1", true},
		{"fewer validators", `ETag: "a" | ` + lm, "X: 1", true},
		{"another tag", `ETag: "a"`, `ETag: "b"`, false},
		{"a tag that was not there", "", `ETag: "b"`, false},
		{"another date", lm, "Last-Modified: Sun, 01 Feb 2026 12:00:01 GMT", false},
		{"another length", "Content-Length: 5", "Content-Length: 6", false},
		{"a length, stored without", "", "Content-Length: 6", true},
	} {
		got, ok := RefreshHead(shared, response(tt.stored), response(tt.head))
		if ok != tt.want || ok && tt.head == "X: 1" && got.Fields.Get("X") != "1" {
			t.Errorf("RFC 9111 §4.3.5 %s: %v", tt.name, ok)
		}
	}
	gone := response("")
	gone.Status = 410
	if _, ok := RefreshHead(shared, response(""), gone); ok {
		t.Error("RFC 9111 §4.3.5: a 410 updates a stored 200")
	}
}

func TestPrecondition(t *testing.T) {
	modified := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	strong := Validator{ETag: `"a"`, LastModified: modified, Exists: true, Date: t0}
	weak := Validator{ETag: `W/"a"`, Exists: true, Date: t0}
	const (
		before = "Sun, 01 Feb 2026 11:59:59 GMT"
		same   = "Sun, 01 Feb 2026 12:00:00 GMT"
		after  = "Sun, 01 Feb 2026 12:00:01 GMT"
	)
	for _, tt := range []struct {
		clause  string
		method  string
		fields  string
		current Validator
		want    int
	}{
		{"none", "GET", "", strong, 0},
		{"§13.1.1 If-Match", "PUT", `If-Match: "b", "a"`, strong, 0},
		{"§13.1.1 If-Match fails", "PUT", `If-Match: "b"`, strong, 412},
		{"§13.1.1 If-Match on two lines", "PUT", `If-Match: "b" | If-Match: "a"`, strong, 0},
		{"§13.1.1 If-Match compares strongly", "PUT", `If-Match: W/"a"`, weak, 412},
		{"§13.1.1 If-Match: *", "PUT", "If-Match: *", strong, 0},
		{"§13.1.1 If-Match: * without representation", "PUT", "If-Match: *", Validator{}, 412},
		{"§13.1.4 If-Unmodified-Since", "PUT", "If-Unmodified-Since: " + same, strong, 0},
		{"§13.1.4 If-Unmodified-Since fails", "PUT", "If-Unmodified-Since: " + before, strong, 412},
		{"§13.1.4 not a date", "PUT", "If-Unmodified-Since: x", strong, 0},
		{"§13.1.4 no date known", "PUT", "If-Unmodified-Since: " + before, weak, 0},
		{"§13.2.2 If-Match before If-Unmodified-Since", "PUT", `If-Match: "a" | If-Unmodified-Since: ` + before, strong, 0},
		{"§13.1.2 If-None-Match", "GET", `If-None-Match: "a"`, strong, 304},
		{"§13.1.2 If-None-Match, HEAD", "HEAD", `If-None-Match: "a"`, strong, 304},
		{"§13.1.2 If-None-Match, PUT", "PUT", `If-None-Match: "a"`, strong, 412},
		{"§13.1.2 If-None-Match compares weakly", "GET", `If-None-Match: W/"a"`, strong, 304},
		{"§13.1.2 first of a list", "GET", `If-None-Match: "a", "1", "2"`, strong, 304},
		{"§13.1.2 middle of a list", "GET", `If-None-Match: "1","a","2"`, strong, 304},
		{"§13.1.2 last of a list", "GET", `If-None-Match: "1", "2", W/"a"`, strong, 304},
		{"§13.1.2 other tags", "GET", `If-None-Match: "b"`, strong, 0},
		{"§13.1.2 unquoted", "GET", `If-None-Match: a`, strong, 0},
		{"§13.1.2 If-None-Match: *", "PUT", "If-None-Match: *", strong, 412},
		{"§13.1.2 If-None-Match: * without representation", "PUT", "If-None-Match: *", Validator{}, 0},
		{"§8.8.3 commas and backslashes in a tag", "GET", `If-None-Match: "x,\", "a"`, strong, 304},
		{"§8.8.3 commas in a tag hide nothing", "GET", `If-None-Match: "x,"a",y"`, strong, 0},
		{"§13.1.3 If-Modified-Since", "GET", "If-Modified-Since: " + same, strong, 304},
		{"§13.1.3 later", "GET", "If-Modified-Since: " + after, strong, 304},
		{"§13.1.3 modified", "GET", "If-Modified-Since: " + before, strong, 0},
		{"§13.1.3 rfc850-date", "GET", "If-Modified-Since: Sunday, 01-Feb-26 12:00:00 GMT", strong, 304},
		{"§13.1.3 not a date", "GET", "If-Modified-Since: x", strong, 0},
		{"§13.1.3 two dates", "GET", "If-Modified-Since: " + same + " | If-Modified-Since: " + same, strong, 0},
		{"§13.1.3 other methods ignore it", "PUT", "If-Modified-Since: " + same, strong, 0},
		{"§13.1.3 no date known", "GET", "If-Modified-Since: " + same, weak, 0},
		{"§13.2.2 If-None-Match before If-Modified-Since", "GET", `If-None-Match: "b" | If-Modified-Since: ` + same, strong, 0},
		{"§13.2.2 If-None-Match before If-Modified-Since", "GET", `If-None-Match: "a" | If-Modified-Since: ` + before, strong, 304},
		{"§13.2.2 If-Match before If-None-Match", "GET", `If-Match: "b" | If-None-Match: "a"`, strong, 412},
		{"§13.2.2 both hold", "GET", `If-Match: "a" | If-None-Match: "a"`, strong, 304},
	} {
		got, clause, because := Precondition(tt.method, get(tt.fields).Fields, tt.current)
		if got != tt.want || (got != 0) != (clause != "" && because != "") {
			t.Errorf("RFC 9110 %s: %s %q = %d (%s, %s), want %d", tt.clause, tt.method, tt.fields, got, clause, because, tt.want)
		}
	}
}

func TestNotModified(t *testing.T) {
	dated := ValidatorOf(response(`ETag: "a" | Last-Modified: Sun, 01 Feb 2026 12:00:00 GMT`))
	undated := ValidatorOf(response(""))
	for _, tt := range []struct {
		fields  string
		current Validator
		want    string
	}{
		{"", dated, ""},
		{`If-None-Match: "a"`, dated, "If-None-Match"},
		{`If-None-Match: "b" | If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT`, dated, ""},
		{`If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT | If-None-Match: W/"a"`, dated, "If-None-Match"},
		{"If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT", dated, "If-Modified-Since"},
		{"If-Modified-Since: Sun, 01 Feb 2026 11:00:00 GMT", dated, ""},
		{"If-Modified-Since: Sun, 01 Mar 2026 12:00:00 GMT", undated, "If-Modified-Since"},
		{"If-Modified-Since: Sun, 01 Mar 2026 11:59:59 GMT", undated, ""},
		{"If-None-Match: *", undated, "If-None-Match"},
	} {
		yes, because := NotModified(get(tt.fields).Fields, tt.current)
		if because != tt.want || yes != (tt.want != "") {
			t.Errorf("RFC 9111 §4.3.2: %q = %v, %q; want %q", tt.fields, yes, because, tt.want)
		}
	}
	fields := get(`If-Modified-Since: Sun, 01 Feb 2026 12:00:00 GMT | If-None-Match: "b", "a"`).Fields
	if n := testing.AllocsPerRun(100, func() {
		NotModified(fields, dated)
		Precondition("GET", fields, dated)
	}); n != 0 {
		t.Errorf("preconditions allocate %v times", n)
	}
}

func TestIfRange(t *testing.T) {
	modified := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	current := Validator{ETag: `"a"`, LastModified: modified, Exists: true, Date: t0}
	hasty := Validator{LastModified: modified, Exists: true, Date: modified}
	for _, tt := range []struct {
		fields  string
		current Validator
		want    bool
	}{
		{"", current, true},
		{`If-Range: "a"`, current, true},
		{`If-Range: "b"`, current, false},
		{`If-Range: W/"a"`, Validator{ETag: `W/"a"`, Exists: true}, false},
		{"If-Range: Sun, 01 Feb 2026 12:00:00 GMT", current, true},
		{"If-Range: Sun, 01 Feb 2026 12:00:01 GMT", current, false},
		{"If-Range: Sun, 01 Feb 2026 12:00:00 GMT", hasty, false},
		{"If-Range: a", current, false},
		{`If-Range: "a" | If-Range: "a"`, current, false},
		{`If-Range: "a"`, Validator{}, false},
	} {
		if got := IfRange(get(tt.fields).Fields, tt.current); got != tt.want {
			t.Errorf("RFC 9110 §13.1.5: %q = %v", tt.fields, got)
		}
	}
}
