package wire

import (
	"fmt"
	"testing"
	"testing/synctest"
	"unsafe"

	"golang.org/x/net/http2"

	"waypost/http/field"
)

// TestH2FieldsAreCopied: a handler may use the memory of its fields again once
// Respond has returned, whatever the table of the connection keeps of them.
func TestH2FieldsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory [2][64]byte // in which each response writes its own
		text := func(at int, format string, args ...any) string {
			b := fmt.Appendf(memory[at][:0], format, args...)
			return unsafe.String(unsafe.SliceData(b), len(b))
		}
		n := 0
		s := &Server{Handler: HandlerFunc(func(x Exchange) {
			_ = x.Respond(204, field.Fields{
				{Name: text(0, "x-name-%d", n%7), Value: text(1, "value %d", n%40)},
				{Name: "Cache-Status", Value: text(1, "value %d", n%40)},
			}, 0)
			n++
		})}
		p := dialH2(t, s)
		for i := range 2000 {
			p.headers(uint32(2*i+1), true, h2Get...)
			f, err := p.fr.ReadFrame()
			p.must(err)
			h, ok := f.(*http2.HeadersFrame)
			if !ok {
				t.Fatalf("response %d is %v", i, f)
			}
			fields, err := p.dec.DecodeFull(h.HeaderBlockFragment())
			p.must(err)
			got := map[string]string{}
			for _, hf := range fields {
				got[hf.Name] = hf.Value
			}
			want := fmt.Sprint("value ", i%40)
			if name := fmt.Sprint("x-name-", i%7); got[name] != want || got["cache-status"] != want {
				t.Fatalf("response %d has %v, want %s and cache-status to be %q", i, got, name, want)
			}
		}
	})
}
