package browser

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"waypost/fault"
	"waypost/http/field"
)

// pack applies one content coding; "raw-deflate" is deflate as some servers
// wrongly send it.
func pack(t testing.TB, coding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw-deflate":
		w, _ = flate.NewWriter(&b, 9)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	default:
		return text
	}
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func TestDecoder(t *testing.T) {
	text := strings.Repeat("all work and no play. ", 1000)
	tests := []struct {
		name, codings, body string
		want                string
		fault               fault.Kind
	}{
		{name: "none", body: text, want: text},
		{name: "identity", codings: "identity", body: text, want: text},
		{name: "gzip", codings: "gzip", body: pack(t, "gzip", text), want: text},
		{name: "x-gzip", codings: "X-GZip", body: pack(t, "gzip", text), want: text},
		{name: "deflate", codings: "deflate", body: pack(t, "deflate", text), want: text},
		{name: "deflate without zlib", codings: "deflate", body: pack(t, "raw-deflate", text), want: text},
		{name: "br", codings: "br", body: pack(t, "br", text), want: text},
		{name: "zstd", codings: "zstd", body: pack(t, "zstd", text), want: text},
		{name: "two", codings: "br, gzip", body: pack(t, "gzip", pack(t, "br", text)), want: text},
		{name: "empty body", codings: "gzip", body: "", want: ""},
		{name: "gzip with something after it", codings: "gzip", body: pack(t, "gzip", text) + "\x00\x00", fault: fault.HTTPResponseContentCoding},
		{name: "br with something after it", codings: "br", body: pack(t, "br", text) + "\n", fault: fault.HTTPResponseContentCoding},
		{name: "unknown", codings: "compress", body: text, fault: fault.HTTPResponseContentCoding},
		{name: "too many", codings: "gzip, gzip, gzip, gzip", body: text, fault: fault.HTTPResponseContentCoding},
		{name: "not gzip at all", codings: "gzip", body: text, fault: fault.HTTPResponseContentCoding},
		{name: "gzip cut short", codings: "gzip", body: pack(t, "gzip", text)[:30], fault: fault.HTTPResponseContentCoding},
		{name: "zstd cut short", codings: "zstd", body: pack(t, "zstd", text)[:20], fault: fault.HTTPResponseContentCoding},
		{name: "bomb", codings: "gzip", body: pack(t, "gzip", strings.Repeat("0", 1<<20)), fault: fault.HTTPResponseBodySize},
		{name: "bomb in br", codings: "br", body: pack(t, "br", strings.Repeat("0", 1<<20)), fault: fault.HTTPResponseBodySize},
	}
	for _, tt := range tests {
		var f field.Fields
		if tt.codings != "" {
			f.Add("Content-Encoding", tt.codings)
		}
		codings, err := contentCodings(f)
		var got []byte
		if err == nil {
			d := newDecoder(iotest.HalfReader(strings.NewReader(tt.body)), codings, 1<<16)
			got, err = io.ReadAll(d)
			d.Close()
		}
		if k := fault.Of(err); k != tt.fault {
			t.Errorf("%s: fault %q (%v), want %q", tt.name, k, err, tt.fault)
		}
		if tt.fault == "" && string(got) != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, len(got), len(tt.want))
		}
	}
}

// TestDecoderBrokenBody sees that the body's own fault is what is told.
func TestDecoderBrokenBody(t *testing.T) {
	broken := fault.New(fault.HTTPResponseIncomplete, "read body", errors.New("cut"))
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		packed := pack(t, coding, strings.Repeat("all work and no play. ", 1000))
		body := io.MultiReader(strings.NewReader(packed[:len(packed)/2]), iotest.ErrReader(broken))
		d := newDecoder(body, []string{coding}, 1<<20)
		if _, err := io.ReadAll(d); fault.Of(err) != fault.HTTPResponseIncomplete {
			t.Errorf("%s: %v", coding, err)
		}
		d.Close()
	}
}

func FuzzDecoder(f *testing.F) {
	for _, c := range []string{"gzip", "deflate", "br", "zstd"} {
		f.Add(c, []byte(pack(f, c, "hello, hello, hello")))
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		codings, err := contentCodings(field.Fields{{Name: "Content-Encoding", Value: coding}})
		if err != nil {
			return
		}
		d := newDecoder(bytes.NewReader(body), codings, 1<<16)
		defer d.Close()
		if n, err := io.Copy(io.Discard, d); n > 1<<16 || err != nil && fault.Of(err) == fault.ProxyInternalError {
			t.Fatalf("%d bytes, %v", n, err)
		}
	})
}
