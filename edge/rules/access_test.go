package rules

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"waypost/cdn"
	"waypost/http/field"
)

func hash(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func basicField(name, password string) field.Fields {
	return field.Fields{{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))}}
}

func TestPasswords(t *testing.T) {
	a, err := newAccess(&cdn.Access{Users: []cdn.User{{Name: "anna", Hash: hash(t, "s3cret:x")}, {Name: "ben", Hash: strings.Replace(hash(t, "b"), "$2a$", "$2y$", 1)}}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Challenge != `Basic realm="private", charset="UTF-8"` {
		t.Error(a.Challenge)
	}
	for range 2 { // the second time from memory
		for _, tt := range []struct {
			req  field.Fields
			want string
		}{
			{basicField("anna", "s3cret:x"), "anna"},
			{basicField("ben", "b"), "ben"},
			{basicField("anna", "b"), ""},
			{basicField("anna", ""), ""},
			{basicField("carl", "decoy"), ""},
			{basicField("", ""), ""},
			{basicField("ben", strings.Repeat("b", 73)), ""},
			{basicField("ben", strings.Repeat("b", 1000)), ""},
			{fields("Authorization: Basic !!!"), ""},
			{fields("Authorization: Bearer x"), ""},
			{fields("Authorization: Basic"), ""},
			{append(basicField("ben", "b"), basicField("ben", "b")...), ""},
			{nil, ""},
			{fields("authorization: bAsIc  " + strings.TrimPrefix(basicField("ben", "b")[0].Value, "Basic ")), "ben"},
		} {
			e := a.Enter(time.Now(), "GET", "/x", tt.req, visitor)
			if e.Allowed != (tt.want != "") || e.Who != tt.want || e.Target != "/x" || e.Allowed == (e.Reason != "") {
				t.Errorf("%v: %+v, want %q", tt.req, e, tt.want)
			}
		}
	}
	req := basicField("ben", "b")
	if n := testing.AllocsPerRun(100, func() { a.Enter(time.Time{}, "GET", "/x", req, visitor) }); n != 0 {
		t.Errorf("a known password costs %v allocations", n)
	}
	for i := range maxKnown + 10 { // what is remembered is bounded
		a.passwords.remember([32]byte{byte(i), byte(i >> 8), 1}, "x", i%2 == 0)
		a.passwords.remember([32]byte{byte(i), byte(i >> 8), 2}, "x", false)
	}
	if len(a.passwords.known) > maxKnown || len(a.passwords.bad) > maxKnown {
		t.Errorf("%d and %d remembered", len(a.passwords.known), len(a.passwords.bad))
	}
}

func TestPasswordsRefused(t *testing.T) {
	for _, tt := range []struct {
		in   cdn.Access
		want string
	}{
		{cdn.Access{Users: []cdn.User{{Name: "a", Hash: "plain"}}}, "htpasswd -nB"},
		{cdn.Access{Users: []cdn.User{{Name: "a:b", Hash: hash(t, "x")}}}, "no colon"},
		{cdn.Access{Users: []cdn.User{{Name: "a", Hash: hash(t, "x")}, {Name: "a", Hash: hash(t, "x")}}}, "two users"},
		{cdn.Access{Users: []cdn.User{{Name: "a", Hash: strings.Replace(hash(t, "x"), "$04$", "$15$", 1)}}}, "the bound is 14"},
		{cdn.Access{Realm: `a"b`, Users: []cdn.User{{Name: "a", Hash: hash(t, "x")}}}, "without quotes"},
		{cdn.Access{Keys: []cdn.SigningKey{{ID: "a", Secret: make([]byte, 31)}}}, "at least 32"},
		{cdn.Access{Keys: []cdn.SigningKey{{ID: "a b", Secret: make([]byte, 32)}}}, "write a word"},
		{cdn.Access{Keys: []cdn.SigningKey{{ID: "a&b", Secret: make([]byte, 32)}}}, "write a word"},
		{cdn.Access{Keys: []cdn.SigningKey{{ID: "a", Secret: make([]byte, 32)}, {ID: "a", Secret: make([]byte, 32)}}}, "two keys"},
	} {
		if _, err := newAccess(&tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

var (
	oldKey = cdn.SigningKey{ID: "2025", Secret: []byte("an old secret of thirty-two bytes")}
	newKey = cdn.SigningKey{ID: "2026", Secret: []byte("a new secret of thirty-two bytes!")}
)

func TestSigned(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	hour := now.Add(time.Hour)
	a, err := newAccess(&cdn.Access{Keys: []cdn.SigningKey{newKey, oldKey}})
	if err != nil {
		t.Fatal(err)
	}
	good := Sign(newKey, "/v/1.mp4?q=hd", hour, netip.Prefix{})
	mine := Sign(newKey, "/v", hour, netip.MustParsePrefix("192.0.2.0/24"))
	for _, tt := range []struct {
		name, target string
		now          time.Time
		reason       string
		kept         string
	}{
		{"right", good, now, "", "/v/1.mp4?q=hd"},
		{"by the old key", Sign(oldKey, "/v", hour, netip.Prefix{}), now, "", "/v"},
		{"to the last second", good, hour.Add(-1), "", "/v/1.mp4?q=hd"},
		{"over", good, hour, "no longer valid", "/v/1.mp4?q=hd"},
		{"in another spelling", strings.Replace(good, "/v/", "/%76/", 1), now, "", "/%76/1.mp4?q=hd"},
		{"signed with dots, which are gone when it comes here", strings.Replace(Sign(newKey, "/x/../v/%2e/1.mp4?q=hd", hour, netip.Prefix{}), "/x/../v/%2e", "/v", 1), now, "", "/v/1.mp4?q=hd"},
		{"for this client", mine, now, "", "/v"},
		{"for another client", Sign(newKey, "/v", hour, netip.MustParsePrefix("198.51.100.0/24")), now, "for another client", "/v"},
		{"path changed", strings.Replace(good, "/v/1", "/v/2", 1), now, "does not fit", "/v/2.mp4?q=hd"},
		{"query changed", strings.Replace(good, "q=hd", "q=uhd", 1), now, "does not fit", "/v/1.mp4?q=uhd"},
		{"query added", good + "&x=1", now, "does not fit", "/v/1.mp4?q=hd&x=1"},
		{"time changed", strings.Replace(good, fmt.Sprint(hour.Unix()), fmt.Sprint(hour.Unix()+1), 1), now, "does not fit", "/v/1.mp4?q=hd"},
		{"client left out", strings.Replace(mine, "&wp-client=192.0.2.0/24", "", 1), now, "does not fit", "/v"},
		{"by a key that there is not", strings.Replace(good, "wp-key=2026", "wp-key=2027", 1), now, "does not fit", "/v/1.mp4?q=hd"},
		{"by the wrong key", strings.Replace(good, "wp-key=2026", "wp-key=2025", 1), now, "does not fit", "/v/1.mp4?q=hd"},
		{"twice", good + "&wp-expires=9999999999", now, "does not fit", "/v/1.mp4?q=hd"},
		{"nonsense", "/v?wp-signature=%%%", now, "does not fit", "/v"},
		{"without", "/v?wp-key=2026", now, "nothing was shown", "/v?wp-key=2026"},
		{"name encoded", strings.Replace(good, "wp-signature", "wp%2Dsignature", 1), now, "nothing was shown", strings.Replace(good, "wp-signature", "wp%2Dsignature", 1)},
	} {
		e := a.Enter(tt.now, "GET", tt.target, nil, visitor)
		if e.Allowed != (tt.reason == "") || !strings.Contains(e.Reason, tt.reason) || e.Target != tt.kept {
			t.Errorf("%s: %s: %+v, want %q", tt.name, tt.target, e, tt.reason)
		}
	}
}

// TestSignedMethods: who was given a URL to look at something changes nothing.
func TestSignedMethods(t *testing.T) {
	a, err := newAccess(&cdn.Access{Keys: []cdn.SigningKey{newKey}})
	if err != nil {
		t.Fatal(err)
	}
	target := Sign(newKey, "/v", time.Unix(2_000_000_000, 0), netip.Prefix{})
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "POST": false, "PUT": false, "DELETE": false, "PATCH": false, "OPTIONS": false, "get": false, "LOOK": false} {
		e := a.Enter(time.Unix(1_900_000_000, 0), method, target, nil, visitor)
		if e.Allowed != want || !want && !strings.Contains(e.Reason, "GET and HEAD alone") || e.Target != "/v" {
			t.Errorf("%s: %+v, want %v", method, e, want)
		}
	}
}

func TestAppendPrivate(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "private"},
		{"Cache-Control: public, max-age=60, s-maxage=600", "private, max-age=60"},
		{"Cache-Control: no-store", "private, no-store"},
		{`cache-control: private="a, b", max-age=5|Cache-Control: immutable`, "private, max-age=5, immutable"},
		{"Cache-Control: Public=x , , proxy-revalidate, must-revalidate", "private, must-revalidate"},
	} {
		if got := string(AppendPrivate(nil, fields(tt.in))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
}

// FuzzSigned: no target opens a site but one that Sign has made.
func FuzzSigned(f *testing.F) {
	good := Sign(newKey, "/v?x=1", time.Unix(2_000_000_000, 0), netip.Prefix{})
	f.Add(good)
	f.Add("/v?wp-expires=2000000000&wp-key=2026&wp-signature=")
	a, err := newAccess(&cdn.Access{Keys: []cdn.SigningKey{newKey}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if e := a.Enter(time.Unix(1_900_000_000, 0), "GET", target, nil, visitor); e.Allowed && e.Target != "/v?x=1" && !strings.Contains(e.Target, "%") {
			t.Errorf("%q opens it", target)
		}
	})
}

func FuzzBasic(f *testing.F) {
	f.Add("Basic YTpi")
	a, err := newAccess(&cdn.Access{Users: []cdn.User{{Name: "a", Hash: hash(f, "b")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		e := a.Enter(time.Time{}, "GET", "/", field.Fields{{Name: "Authorization", Value: authorization}}, visitor)
		if e.Allowed && !strings.Contains(authorization, "YTpi") {
			t.Errorf("%q opens it", authorization)
		}
	})
}

func ExampleSign() {
	key := cdn.SigningKey{ID: "2026a", Secret: []byte("at least thirty-two bytes of randomness")}
	fmt.Println(Sign(key, "/film.mp4", time.Unix(1_800_000_000, 0), netip.Prefix{}))
	// Output: /film.mp4?wp-expires=1800000000&wp-key=2026a&wp-signature=YqD4vm06xnXKJo4moJaBg07FB88ZJ1Yt82CPkatyfZ0
}
