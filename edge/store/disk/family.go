package disk

import "strings"

// FamilyMark parts the key of one of a family in two: what stands before it is
// the family's name, as with the slices of one file. A family is found without
// a walk over all keys.
const FamilyMark = " slice "

// Families are the keys there are of each family. The zero value is none.
type Families struct {
	keys map[string]map[string]struct{}
}

// FamilyOf is the name of the family that a key belongs to; false for none.
func FamilyOf(key string) (name string, ok bool) {
	name, _, ok = strings.Cut(key, FamilyMark)
	return name, ok
}

// Add enters a key, where it is of a family.
func (f *Families) Add(key string) {
	name, ok := FamilyOf(key)
	if !ok {
		return
	}
	if f.keys == nil {
		f.keys = map[string]map[string]struct{}{}
	}
	if f.keys[name] == nil {
		f.keys[name] = map[string]struct{}{}
	}
	f.keys[name][key] = struct{}{}
}

// Remove takes a key out, where it is there.
func (f *Families) Remove(key string) {
	name, ok := FamilyOf(key)
	if !ok {
		return
	}
	if delete(f.keys[name], key); len(f.keys[name]) == 0 {
		delete(f.keys, name)
	}
}

// Of returns the keys of a family in any order.
func (f *Families) Of(name string) []string {
	all := make([]string, 0, len(f.keys[name]))
	for key := range f.keys[name] {
		all = append(all, key)
	}
	return all
}
