package store

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"unsafe"
)

// maxForms is how many forms a body is held in besides its own: one for each
// content coding that browsers take, and one to spare.
const maxForms = 4

// form is a body in a content coding. No bytes mean that the coding does not
// make it smaller.
type form struct {
	coding string
	bytes  []byte
}

const formCost = int64(unsafe.Sizeof(form{})) + allocSlack

// Form returns the body of a complete object in a content coding, as
// [Memory.SetForm] gave it; known is false where nobody has yet. It takes no
// lock and does not allocate. The bytes must not be written to.
func (o *Object) Form(coding string) (b []byte, known bool) {
	all := o.body.forms.Load()
	if all == nil {
		return nil, false
	}
	for i := range *all {
		if (*all)[i].coding == coding {
			return (*all)[i].bytes, true
		}
	}
	return nil, false
}

// SetForm gives a stored object its body in a content coding; nil says that
// there is no use in it. The bytes are the store's from then on. They are
// counted, stay as long as the body does, through Refresh too, and are
// written to the disk, for RecallForm. The first call for a coding wins. It
// reports whether the form is kept: not where the object is no longer stored,
// or the bytes do not fit.
func (m *Memory) SetForm(o *Object, coding string, b []byte) bool {
	if !m.setForm(o, coding, b) {
		return false
	}
	if m.shelf != nil {
		m.shelf.enqueue(shelved{object: o, form: formKey(o, coding), bytes: b})
	}
	return true
}

// RecallForm brings a complete object's body in a content coding back from the
// disk, where it is there, and keeps it as SetForm does: known is as with Form.
func (m *Memory) RecallForm(o *Object, coding string) (b []byte, known bool) {
	if m.shelf == nil || !o.Complete() {
		return nil, false
	}
	for r := range m.shelf.log.Get(formKey(o, coding), nil) {
		if r.Size > 0 {
			b = make([]byte, r.Size)
		}
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, false
		}
		if _, err := r.Read(nil); err != io.EOF { //nolint:errorlint // an end is io.EOF itself
			return nil, false
		}
		m.setForm(o, coding, b)
		return b, true
	}
	return nil, false
}

// formPrefix begins the keys of forms on disk, and that of no object: those
// begin with the name of a site.
const formPrefix = " form "

func isForm(key string) bool { return strings.HasPrefix(key, formPrefix) }

// formKey is the key of a form on disk. It hangs on the bytes of the body
// alone: whatever becomes of the object, the form never goes with another body,
// so nothing has to be purged with it.
func formKey(o *Object, coding string) string {
	digest := sha256.New()
	for _, chunk := range o.Chunks() {
		digest.Write(chunk)
	}
	return formPrefix + coding + " " + hex.EncodeToString(digest.Sum(nil))
}

func (m *Memory) setForm(o *Object, coding string, b []byte) bool {
	n := int64(cap(b)) + formCost
	if !o.Complete() || !m.reserve(n) {
		return false
	}
	// The shard's lock keeps Refresh, which counts the body anew, away.
	s := m.shard(o.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	var forms []form
	if all := o.body.forms.Load(); all != nil {
		forms = *all
	}
	had := slices.ContainsFunc(forms, func(f form) bool { return f.coding == coding })
	if had || len(forms) == maxForms || !m.queues.grow(o, n) {
		m.release(n)
		return false
	}
	forms = append(slices.Clone(forms), form{coding, b})
	o.body.forms.Store(&forms)
	return true
}

// formsCost is what the forms of a body are charged with.
func (b *body) formsCost() (n int64) {
	if all := b.forms.Load(); all != nil {
		for i := range *all {
			n += int64(cap((*all)[i].bytes)) + formCost
		}
	}
	return n
}
