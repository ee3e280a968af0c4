package rules

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"waypost/cdn"
	"waypost/http/field"
)

func TestChoose(t *testing.T) {
	c, err := NewCompress(cdn.Compress{Codings: Codings()})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ accept, want string }{
		{"-", ""},
		{"", ""},
		{"gzip, deflate, br, zstd", "br"},
		{"gzip, deflate", "gzip"},
		{"x-gzip", "gzip"},
		{"GZIP", "gzip"},
		{"br;q=0.5, gzip;q=0.8", "gzip"},
		{"br;q=0.5,gzip;q=0.5", "br"},
		{"br;q=0, gzip", "gzip"},
		{"br; q=0.9 , zstd", "zstd"},
		{"*", "br"},
		{"*, br;q=0", "zstd"},
		{"*;q=0", ""},
		{"gzip;q=0", ""},
		{"identity", ""},
		{"identity, gzip;q=0.5", ""},
		{"identity;q=0.5, gzip", "gzip"},
		{"identity;q=0, gzip;q=0.1", "gzip"},
		{"gzip;q=2", ""},
		{"gzip;level=1", ""},
		{"brotli", ""},
	} {
		var f field.Fields
		if tt.accept != "-" {
			f.Add("accept-encoding", tt.accept)
		}
		if got := c.Choose(f); got != tt.want {
			t.Errorf("RFC 9110 §12.5.3: Accept-Encoding: %s chooses %q, want %q", tt.accept, got, tt.want)
		}
	}
	two := field.Fields{{Name: "Accept-Encoding", Value: "gzip;q=0.5"}, {Name: "Accept-Encoding", Value: "br"}}
	if got := c.Choose(two); got != "br" {
		t.Errorf("of two lines %q was chosen", got)
	}
}

func TestFits(t *testing.T) {
	usual, _ := NewCompress(cdn.Compress{Codings: []string{"gzip"}})
	own, _ := NewCompress(cdn.Compress{Codings: []string{"gzip"}, Types: []string{"model/*", "*+cbor", "image/png"}, Minimum: 10})
	for _, tt := range []struct {
		name string
		rule *Compress
		resp string
		req  string
		size int64
		want bool
	}{
		{"text", usual, "Content-Type: text/html; charset=utf-8", "", 5000, true},
		{"JSON", usual, "Content-Type: application/json", "", 5000, true},
		{"suffix", usual, "Content-Type: image/svg+xml", "", 5000, true},
		{"image", usual, "Content-Type: image/png", "", 5000, false},
		{"font packed in itself", usual, "Content-Type: font/woff2", "", 5000, false},
		{"events", usual, "Content-Type: text/event-stream", "", 5000, false},
		{"no type", usual, "X: y", "", 5000, false},
		{"small", usual, "Content-Type: text/css", "", 1023, false},
		{"large enough", usual, "Content-Type: text/css", "", 1024, true},
		{"of unknown size", usual, "Content-Type: text/css", "", -1, true},
		{"too large", usual, "Content-Type: text/css", "", MaxCompressed + 1, false},
		{"coded already", usual, "Content-Type: text/css|Content-Encoding: br", "", 5000, false},
		{"no-transform", usual, "Content-Type: text/css|Cache-Control: max-age=5, No-Transform", "", 5000, false},
		{"no-transform asked for", usual, "Content-Type: text/css", "Cache-Control: no-transform", 5000, false},
		{"own types", own, "Content-Type: model/obj", "", 10, true},
		{"own suffix", own, "Content-Type: application/x+cbor", "", 10, true},
		{"own type", own, "Content-Type: Image/PNG", "", 10, true},
		{"not among own types", own, "Content-Type: text/html", "", 10, false},
	} {
		if got := tt.rule.Fits(fields(tt.resp), fields(tt.req), tt.size); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// fields reads "Name: value|Name: value".
func fields(text string) (f field.Fields) {
	for line := range strings.SplitSeq(text, "|") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			f.Add(name, value)
		}
	}
	return f
}

func TestEncodeFields(t *testing.T) {
	f := fields("Content-Type: text/css|Accept-Ranges: bytes|Repr-Digest: x|Content-MD5: x|Content-Length: 5|Last-Modified: y")
	Encode(&f, "br")
	if got := show(f); got != "Content-Type: text/css|Last-Modified: y|Content-Encoding: br" {
		t.Error(got)
	}
}

func show(f field.Fields) string {
	var lines []string
	for _, l := range f {
		lines = append(lines, l.Name+": "+l.Value)
	}
	return strings.Join(lines, "|")
}

func TestPress(t *testing.T) {
	var p Press
	body := [][]byte{bytes.Repeat([]byte("waypost "), 5000), []byte("end"), bytes.Repeat([]byte{7}, 300000)}
	whole := bytes.Join(body, nil)
	for range 2 { // the second time with encoders that have been used
		for _, coding := range Codings() {
			coded, err := p.Encode(coding, body)
			if err != nil || len(coded) > len(whole)/50 {
				t.Fatalf("%s: %d bytes, %v", coding, len(coded), err)
			}
			if got := decode(t, coding, coded); !bytes.Equal(got, whole) {
				t.Errorf("%s: %d bytes come back of %d", coding, len(got), len(whole))
			}
		}
	}
	if coded, err := p.Encode("gzip", [][]byte{{1, 2, 3}}); coded != nil || err != nil {
		t.Errorf("what does not get smaller became %x, %v", coded, err)
	}
	if _, err := p.Encode("deflate", body); err == nil {
		t.Error("deflate was made")
	}
}

func decode(t *testing.T, coding string, b []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "br":
		r = brotli.NewReader(bytes.NewReader(b))
	case "zstd":
		r, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderMaxWindow(zstdWindow))
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCompressRefused(t *testing.T) {
	for _, tt := range []struct {
		rule cdn.Compress
		want string
	}{
		{cdn.Compress{Codings: []string{"deflate"}}, "there are br, zstd, gzip"},
		{cdn.Compress{Codings: []string{"br"}, Types: []string{"text"}}, "text/css"},
	} {
		if _, err := NewCompress(tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
}

func TestChoosingDoesNotAllocate(t *testing.T) {
	c, _ := NewCompress(cdn.Compress{Codings: Codings()})
	req := fields("Accept-Encoding: gzip, deflate, br;q=0.9, zstd|Cache-Control: max-age=0")
	resp := fields("Content-Type: application/ld+json; charset=utf-8|Cache-Control: max-age=5, public")
	if n := testing.AllocsPerRun(100, func() {
		if !c.Fits(resp, req, 5000) || c.Choose(req) != "zstd" {
			t.Fatal("not chosen")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("gzip;q=0.5, br;q=1.000, *;q=0")
	c, _ := NewCompress(cdn.Compress{Codings: Codings()})
	f.Fuzz(func(t *testing.T, accept string) {
		got := c.Choose(field.Fields{{Name: "Accept-Encoding", Value: accept}})
		lower := strings.ToLower(accept)
		if got != "" && !strings.Contains(lower, got) && !strings.Contains(lower, "*") {
			t.Errorf("%q chooses %q", accept, got)
		}
	})
}
