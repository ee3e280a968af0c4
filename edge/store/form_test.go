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

// TestFormOnDisk: a form comes back with its body, whatever the object is
// called then, and with no other body.
func TestFormOnDisk(t *testing.T) {
	dir := t.TempDir()
	m := onDisk(t, dir, 1<<20)
	get := func(key string) *Object {
		t.Helper()
		m.Recall([]byte(key), sharedRules)
		e := m.Get([]byte(key))
		if e == nil {
			t.Fatalf("%s is not there", key)
		}
		return e.Variants[0]
	}
	kept(t, m, "a", "the body")
	if _, known := m.RecallForm(get("a"), "br"); known {
		t.Error("a form that nobody gave")
	}
	if !m.SetForm(get("a"), "br", []byte("coded")) || !m.SetForm(get("a"), "gzip", nil) {
		t.Error("a form was not taken")
	}
	closeStore(t, m)
	m = onDisk(t, dir, 1<<20)
	o := get("a")
	if _, known := o.Form("br"); known {
		t.Error("the form is there unasked")
	}
	if b, known := m.RecallForm(o, "br"); !known || string(b) != "coded" {
		t.Errorf("recalled %q, %v", b, known)
	}
	if b, known := o.Form("br"); !known || string(b) != "coded" {
		t.Errorf("then held: %q, %v", b, known)
	}
	if b, known := m.RecallForm(o, "gzip"); !known || b != nil {
		t.Errorf("recalled %q, %v of what is of no use", b, known)
	}
	if _, known := m.RecallForm(o, "zstd"); known {
		t.Error("a coding that nobody gave")
	}
	kept(t, m, "a", "the other body")
	if b, known := m.RecallForm(get("a"), "br"); known {
		t.Errorf("%q goes with another body", b)
	}
	// A walk that matches what it cannot see into leaves forms alone.
	m.PurgeMatching(func(*Object) bool { return true })
	kept(t, m, "b", "the body")
	if b, known := m.RecallForm(get("b"), "br"); !known || string(b) != "coded" {
		t.Errorf("after a purge: %q, %v", b, known)
	}
	if m.Recall([]byte("a"), sharedRules) {
		t.Error("what was purged is there")
	}
}
