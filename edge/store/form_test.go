package store

import (
	"bytes"
	"testing"
)

// A form stays with its body through a refresh, is counted, and goes with it.
func TestForm(t *testing.T) {
	m := NewMemory(1 << 20)
	o := keep(t, m, "k", 1000)
	before := m.Bytes()
	if _, known := o.Form("br"); known {
		t.Error("a form that nobody gave")
	}
	if !m.SetForm(o, "br", bytes.Repeat([]byte("b"), 300)) || !m.SetForm(o, "gzip", nil) {
		t.Error("a form was not taken")
	}
	if m.SetForm(o, "br", []byte("again")) {
		t.Error("a form was taken twice")
	}
	counted := m.Bytes() - before
	if counted < 300 || counted > 300+2*formCost+64 {
		t.Errorf("%d bytes counted", counted)
	}
	fresh := m.Refresh([]byte("k"), o, response(nil))
	if b, known := fresh.Form("br"); !known || len(b) != 300 {
		t.Errorf("after a refresh: %d bytes, known %v", len(b), known)
	}
	if b, known := fresh.Form("gzip"); !known || b != nil {
		t.Errorf("after a refresh: %d bytes, known %v", len(b), known)
	}
	if m.SetForm(o, "zstd", []byte("late")) {
		t.Error("a form was taken for an object that is no longer stored")
	}
	if m.SetForm(fresh, "zstd", make([]byte, 4<<20)) {
		t.Error("a form was taken that is larger than the store")
	}
	m.Purge([]byte("k"))
	if m.Bytes() != 0 {
		t.Errorf("%d bytes left", m.Bytes())
	}
}
