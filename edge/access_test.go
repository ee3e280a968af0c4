package edge

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/http/wire"
	"waypost/trace"
)

var signingKey = cdn.SigningKey{ID: "2026", Secret: []byte("a secret of thirty-two bytes, all told")}

// closed is a private site with one user and one key.
func closed(t *testing.T) setting {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte("s3cret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return ruledBy(cdn.Rules{Headers: []cdn.Header{{Action: cdn.Add, Name: "Cache-Control", Value: "s-maxage=9"}}, Access: cdn.Access{Users: []cdn.User{{Name: "anna", Hash: string(h)}}, Keys: []cdn.SigningKey{signingKey}}})
}

// TestAccess: one stored response serves all who may come in, nobody else,
// and no cache behind the edge.
func TestAccess(t *testing.T) {
	inWorld(t, replying(200, "data", "Cache-Control", "public, max-age=3600", "CDN-Cache-Control", "max-age=3600", "ETag", `"1"`), func(w *world) {
		password := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("anna:s3cret"))}
		wrong := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("anna:guess"))}
		signed := rules.Sign(signingKey, "/a?b=c", time.Now().Add(time.Minute), netip.Prefix{})
		const challenge = `Basic realm="private", charset="UTF-8"`
		for i, tt := range []struct {
			after     time.Duration
			path      string
			fields    []string
			status    int
			challenge string
			control   string
			trips     int
		}{
			{0, "/a?b=c", nil, 401, challenge, "private, no-store", 0},
			{0, "/a?b=c", wrong, 401, challenge, "private, no-store", 0},
			{0, "/a?b=c", password, 200, "", "private, max-age=3600", 1},
			{0, "/a?b=c", password, 200, "", "private, max-age=3600", 0},
			{0, "/a?b=c", append(password, "If-None-Match", `"1"`), 304, "", "private, max-age=3600", 0},
			{0, signed, nil, 200, "", "private, max-age=3600", 0},
			{0, signed + "x", nil, 403, "", "private, no-store", 0},
			{0, "/a?b=c", nil, 401, challenge, "private, no-store", 0},
			{time.Minute, signed, nil, 403, "", "private, no-store", 0},
		} {
			time.Sleep(tt.after)
			before := w.trips()
			g := w.get(tt.path, tt.fields...)
			if g.status != tt.status || g.fields.Join("WWW-Authenticate") != tt.challenge || g.fields.Join("Cache-Control") != tt.control ||
				g.fields.Has("CDN-Cache-Control") || w.trips()-before != tt.trips {
				t.Errorf("request %d: %d after %d trips: %v", i, g.status, w.trips()-before, g.fields)
			}
		}
		if in := w.lastAsked(); in.Fields.Has("Authorization") || in.Path != "/a?b=c" {
			t.Errorf("the origin was shown %s %v", in.Path, in.Fields)
		}
	}, closed(t))
}

// TestAccessToOrigin: what opened the site stays here on requests that are
// not for the cache, too.
func TestAccessToOrigin(t *testing.T) {
	inWorld(t, replying(200, "data"), func(w *world) {
		w.get(rules.Sign(signingKey, "/ws", time.Now().Add(time.Minute), netip.PrefixFrom(clientAddr, 24).Masked()), "If-Match", `"1"`)
		if in := w.lastAsked(); strings.Contains(in.Path, "wp-") {
			t.Errorf("the origin was shown %s", in.Path)
		}
	}, closed(t))
}

func TestAccessIsOnRecord(t *testing.T) {
	inWorld(t, replying(200, "data"), func(w *world) {
		for i, tt := range []struct{ target, by, who, verdict string }{
			{rules.Sign(signingKey, "/a", time.Now().Add(time.Minute), netip.Prefix{}), "signature", "2026", "allow"},
			{"/a", "none", "", "refuse"},
		} {
			parent, id := sampled(uint64(i + 1))
			w.get(tt.target, "Traceparent", parent)
			told := false
			for _, e := range w.events(id) {
				if f, ok := e.Fact.(trace.AccessDecision); ok {
					told = f.By == tt.by && f.Who == tt.who && e.Decision.Verdict == tt.verdict
				}
				if f, ok := e.Fact.(trace.EdgeLookup); ok && strings.Contains(f.URL, "wp-signature") {
					t.Errorf("the record holds what opens the site: %s", f.URL)
				}
			}
			if !told {
				t.Errorf("%s: told %v", tt.target, w.told(id))
			}
		}
	}, closed(t))
}

// TestSignedForReading: by a signed URL nothing is sent to the origin.
func TestSignedForReading(t *testing.T) {
	inWorld(t, replying(200, "done"), func(w *world) {
		signed := rules.Sign(signingKey, "/a", time.Now().Add(time.Minute), netip.Prefix{})
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if g := w.do(&wire.Request{Method: method, Path: signed}); g.status != 403 || w.trips() != 0 {
				t.Errorf("%s: %v, %d trips", method, g, w.trips())
			}
		}
		if g := w.do(&wire.Request{Method: "HEAD", Path: signed}); g.status != 200 {
			t.Errorf("HEAD: %v", g)
		}
	}, closed(t))
}
