package store

import (
	"slices"
	"time"

	"waypost/http/cache"
	"waypost/http/field"
)

// maxVariants is how many variants of one resource are kept. A Vary over
// something as diverse as User-Agent would else fill the store with copies
// that nobody asks for again, and make each lookup walk through them.
const maxVariants = 16

// Entry is what is stored under one key: the variants of one resource. It is
// immutable: a change makes another one.
type Entry struct {
	// Variants are the objects, most recently stored first, and Responses
	// their heads in the same order, as cache.Select and cache.Validators
	// want them.
	Variants  []*Object
	Responses []*cache.Response
}

// Select returns the most recent variant that the request selects
// (RFC 9111 §4.1), or nil, and counts it as used. It may be called on nil.
func (e *Entry) Select(rules *cache.Rules, req field.Fields) *Object {
	if e == nil {
		return nil
	}
	i := cache.Select(rules, req, e.Responses)
	if i < 0 {
		return nil
	}
	e.Variants[i].Touch()
	return e.Variants[i]
}

// Lookup is Select with cache.Use: the object is nil when the request
// selects none, and the verdict then says whether there were others. It may
// be called on nil.
func (e *Entry) Lookup(now time.Time, rules *cache.Rules, req *cache.Request) (*Object, cache.Verdict) {
	if e == nil {
		return nil, cache.Use(now, rules, req, nil)
	}
	i, v := cache.Lookup(now, rules, req, e.Responses)
	if i < 0 {
		return nil, v
	}
	e.Variants[i].Touch()
	return e.Variants[i], v
}

// Varying returns the most recent variant that says how to choose (Vary), or nil.
// It may be called on nil.
func (e *Entry) Varying() *Object {
	if e == nil {
		return nil
	}
	for _, o := range e.Variants {
		if o.Fields.Has("Vary") {
			return o
		}
	}
	return nil
}

// entryOf makes an entry, nil for no variants.
func entryOf(variants []*Object) *Entry {
	if len(variants) == 0 {
		return nil
	}
	e := &Entry{Variants: variants, Responses: make([]*cache.Response, len(variants))}
	for i, o := range variants {
		e.Responses[i] = &o.Response
	}
	return e
}

// without returns an entry that lacks o. It may be called on nil.
func (e *Entry) without(o *Object) *Entry {
	if e == nil {
		return nil
	}
	i := slices.Index(e.Variants, o)
	if i < 0 {
		return e
	}
	return entryOf(slices.Delete(slices.Clone(e.Variants), i, i+1))
}

// with returns an entry that has o first, and the objects that give way to
// it: replaces, those that the same request fields select, and the oldest
// where there are too many. It may be called on nil.
func (e *Entry) with(o, replaces *Object) (next *Entry, gone []*Object) {
	variants := []*Object{o}
	if e != nil {
		for _, v := range e.Variants {
			if v == replaces || sameSelection(&v.Response, &o.Response) || len(variants) == maxVariants {
				gone = append(gone, v)
				continue
			}
			variants = append(variants, v)
		}
	}
	return entryOf(variants), gone
}

// byAge returns the entry with its variants in the order in which they came
// from the origin, the latest first: one that was recalled from the disk is
// not the latest for that.
func (e *Entry) byAge() *Entry {
	variants := slices.Clone(e.Variants)
	slices.SortStableFunc(variants, func(a, b *Object) int { return b.Received.Compare(a.Received) })
	return entryOf(variants)
}

// sameSelection reports whether two responses were chosen by the same fields
// with the same values, so that the newer takes the older's place.
func sameSelection(a, b *cache.Response) bool {
	return a.Fields.Join("Vary") == b.Fields.Join("Vary") && slices.Equal(a.Selecting, b.Selecting)
}
