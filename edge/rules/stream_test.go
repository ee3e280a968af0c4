package rules

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"waypost/http/field"
)

func decoder(t *testing.T, coding string, r io.Reader) io.Reader {
	t.Helper()
	switch coding {
	case "gzip":
		d, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return d
	case "br":
		return brotli.NewReader(r)
	}
	d, err := zstd.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestStream: what was flushed can be read before the rest is there, and an
// encoder that was given back, in the middle of a body too, begins anew.
func TestStream(t *testing.T) {
	var all Streams
	for _, coding := range Codings() {
		for round := range 3 {
			var out bytes.Buffer
			s := all.Open(coding, &out)
			if s == nil {
				t.Fatalf("%s: not opened", coding)
			}
			s.Write([]byte("first "))
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			flushed := bytes.Clone(out.Bytes())
			got := make([]byte, 6)
			if _, err := io.ReadFull(decoder(t, coding, bytes.NewReader(flushed)), got); err != nil || string(got) != "first " {
				t.Errorf("%s: flushed %q, %v", coding, got, err)
			}
			if round == 1 {
				s.Release() // its client has left
				continue
			}
			s.Write([]byte("second"))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if whole, err := io.ReadAll(decoder(t, coding, &out)); string(whole) != "first second" || err != nil {
				t.Errorf("%s, round %d: %q, %v", coding, round, whole, err)
			}
			s.Release()
		}
	}
	if all.Open("x-own", io.Discard) != nil || all.open.Load() != 0 {
		t.Errorf("%d are open", all.open.Load())
	}
}

// TestStreamsAreBounded: no more than so many at once, and what they take.
func TestStreamsAreBounded(t *testing.T) {
	text := []byte(strings.Repeat("All work and no play makes Jack a dull boy. ", 800)) // what the edge reads at a time
	for _, coding := range Codings() {
		var all Streams
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools held a moment ago
		runtime.ReadMemStats(&before)
		var open []*Stream
		for s := all.Open(coding, io.Discard); s != nil; s = all.Open(coding, io.Discard) {
			for range 30 {
				s.Write(text)
			}
			open = append(open, s)
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if len(open) != MaxStreams {
			t.Errorf("%s: %d are open at once, want %d", coding, len(open), MaxStreams)
		}
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / MaxStreams; each > 3<<20 {
			t.Errorf("%s: an encoder takes %d bytes", coding, each)
		} else {
			t.Logf("%s: an encoder takes %d KiB", coding, each>>10)
		}
		for _, s := range open {
			s.Release()
		}
		if s := all.Open(coding, io.Discard); s == nil {
			t.Errorf("%s: none is free again", coding)
		}
	}
}

func TestGuessable(t *testing.T) {
	for _, tt := range []struct {
		fields string
		want   bool
	}{
		{"", false},
		{"Cookie: a=b", true},
		{"Cookie: a=b | Sec-Fetch-Site: cross-site", true},
		{"Cookie: a=b | Sec-Fetch-Site: same-site", true},
		{"Cookie: a=b | Sec-Fetch-Site: same-origin", false},
		{"Cookie: a=b | Sec-Fetch-Site: none", false},
		{"Cookie: a=b | Sec-Fetch-Site: none | Sec-Fetch-Site: cross-site", true},
		{"Sec-Fetch-Site: cross-site", false},
		{"Authorization: Basic YTpi", true},
		{"Authorization: bearer x", false},
		{"Authorization: Bearer x | Cookie: a=b", true},
	} {
		var f field.Fields
		for line := range strings.SplitSeq(tt.fields, " | ") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				f.Add(name, value)
			}
		}
		if got := Guessable(f); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.fields, got, tt.want)
		}
	}
}
