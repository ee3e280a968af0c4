package edge

import (
	"strings"
	"testing"

	"waypost/cdn"
	"waypost/edge/store"
)

// TestStoredIsSaidOfWhatIsKept: "stored" stands where the response is kept, or
// is being kept, and nowhere else (RFC 9211 §2.5): what is longer than the
// store keeps of one object is sent without it, each time anew.
func TestStoredIsSaidOfWhatIsKept(t *testing.T) {
	const memory = 4 * mib
	most := store.LargestBody(memory)
	for _, tt := range []struct {
		name   string
		size   int64
		slice  int64
		asked  string // Range; "" for the whole
		first  string
		second string
	}{
		{"the largest", most, 0, "", "; fwd=uri-miss; ttl=60; stored", "; hit; ttl=60"},
		{"one byte more", most + 1, 0, "", "; fwd=uri-miss; ttl=60", "; fwd=uri-miss; ttl=60"},
		{"a part", 4 * mib, 0, "bytes=0-99", "; fwd=uri-miss; ttl=60; stored", "; hit; ttl=60"},
		{"a part too large", 4 * mib, 0, "bytes=0-1999999", "; fwd=uri-miss; ttl=60", "; fwd=uri-miss; ttl=60"},
		{"slices", 4 * mib, mib / 2, "bytes=0-99", "; fwd=uri-miss; ttl=60; stored", "; hit; ttl=60"},
		{"the next slice", 4 * mib, mib / 2, "bytes=600000-600099", "; fwd=uri-miss; ttl=60; stored", "; hit; ttl=60"},
		{"slices too large", 4 * mib, mib, "bytes=0-99", "; fwd=uri-miss; ttl=60", "; fwd=partial; ttl=60"},
	} {
		f := &file{size: tt.size}
		inWorld(t, f.serve, func(w *world) {
			var fields []string
			if tt.asked != "" {
				fields = []string{"Range", tt.asked}
			}
			for i, want := range []string{tt.first, tt.second} {
				g := w.get("/file", fields...)
				if got := strings.TrimPrefix(g.fields.Get("Cache-Status"), "waypost-t1"); got != want {
					t.Errorf("%s, request %d: Cache-Status %q, want %q", tt.name, i+1, got, want)
				}
			}
		}, setting{site: func(s *cdn.Site) { s.Policy.Slice = tt.slice },
			config: func(c *Config) { c.Store = store.NewMemory(memory) }})
	}
}
