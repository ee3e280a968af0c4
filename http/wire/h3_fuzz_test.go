package wire

import (
	"errors"
	"testing"

	"github.com/quic-go/quic-go/quicvarint"
)

// FuzzH3Frame: a frame's beginning that is taken is written the same way, but
// for numbers in a longer form than needed.
func FuzzH3Frame(f *testing.F) {
	f.Add(h3Lines(h3Get...))
	f.Add([]byte{0x40, 0x01, 0x80, 0, 0, 5})
	f.Add([]byte{0xc0})
	f.Fuzz(func(t *testing.T, in []byte) {
		fr, n := parseH3Frame(in)
		if n == 0 {
			return
		}
		if n > len(in) || n > 16 {
			t.Fatalf("%d of %d bytes", n, len(in))
		}
		again, m := parseH3Frame(appendH3Frame(nil, fr.kind, int64(fr.length)))
		if again != fr || m > n || m != quicvarint.Len(uint64(fr.kind))+quicvarint.Len(fr.length) {
			t.Fatalf("%v came back as %v, %d bytes as %d", fr, again, n, m)
		}
		if short, k := parseH3Frame(in[:n-1]); k != 0 {
			t.Fatalf("without its last byte: %v", short)
		}
	})
}

// FuzzH3Settings: settings are taken or break the connection.
func FuzzH3Settings(f *testing.F) {
	f.Add([]byte{6, 0x44, 0, 8, 1})
	f.Add([]byte{8, 2})
	f.Fuzz(func(t *testing.T, in []byte) {
		_, err := parseH3Settings(in)
		var b *h3Broken
		if err != nil && !errors.As(err, &b) {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzH3Section: a section that makes a request or a response means the same
// when it is written anew and read again.
func FuzzH3Section(f *testing.F) {
	for _, b := range [][]byte{h3Lines(h3Get...), h3PostAnd("content-length: 5", "te: trailers", "cookie: a", "cookie: b"), h3Lines(":status: 200", "x: y"), h3Lines("x: y")} {
		_, n := parseH3Frame(b)
		f.Add(b[n:])
	}
	limits := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte) {
		var b, back fieldBlock
		b.beginSection(&limits)
		if err := b.decodeSection(in); err != nil {
			var broken *h3Broken
			if !errors.As(err, &broken) || broken.code != qpackDecompression {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(b.fields) > limits.HeaderCount || b.size > 2*limits.HeaderBytes+len(in)*2+64 {
			t.Fatalf("%d fields, %d bytes", len(b.fields), b.size)
		}
		malformed, bad := b.checkRequest("https")
		if malformed != "" || bad != nil {
			return
		}
		r := &Request{Method: b.method, Scheme: "https", Authority: b.authority, Path: b.path, Fields: b.fields, Upgrade: b.protocol, TakesTrailers: b.te}
		if b.method == "CONNECT" && b.protocol != "" && !validToken(b.protocol) {
			return // what a client would not send
		}
		if err := checkRequestToSend(r); err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		var w sectionWriter
		w.requestFields(r)
		again := w.appendTo(nil)
		_, n := parseH3Frame(again)
		back.beginSection(&limits)
		if err := back.decodeSection(again[n:]); err != nil {
			t.Fatalf("read again: %v", err)
		}
		if malformed, bad := back.checkRequest("https"); malformed != "" || bad != nil && bad.status != 431 {
			t.Fatalf("read again: %s %v", malformed, bad)
		}
		if back.method != b.method || back.authority != b.authority || back.path != b.path || len(back.fields) != len(b.fields) && !back.tooMany {
			t.Fatalf("came back as %+v, was %+v", back, b)
		}
	})
}
