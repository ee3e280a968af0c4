package origin

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"sync"
	"time"
)

// choose returns the representation of a file that fits the request best,
// and whether another request could get another one.
func (f *Files) choose(r *Request, name string, info fs.FileInfo) (rep representation, varies bool, err error) {
	rep = representation{name: name, info: info}
	packed := map[string]fs.FileInfo{}
	for _, c := range codings {
		v, err := fs.Stat(f.FS, name+c.ending)
		// A variant that is older than its file was forgotten.
		if err == nil && v.Mode().IsRegular() && !v.ModTime().Before(info.ModTime()) {
			packed[c.name], varies = v, true
		}
	}
	if coding := chooseCoding(r.Fields, func(c string) bool { return packed[c] != nil }); coding != "" {
		rep.coding, rep.info = coding, packed[coding]
		for _, c := range codings {
			if c.name == coding {
				rep.name += c.ending
			}
		}
	}
	if rep.tag, err = f.known.tag(f.FS, rep.name, rep.info); err != nil {
		return rep, varies, err
	}
	rep.modified = rep.info.ModTime()
	if rep.modified.IsZero() {
		rep.modified = f.Modified
	}
	// Dates in HTTP have whole seconds, and none lies in the future (RFC
	// 9110 §8.8.2.1).
	rep.modified = rep.modified.UTC().Truncate(time.Second)
	if now := time.Now(); rep.modified.After(now) {
		rep.modified = now.UTC().Truncate(time.Second)
	}
	return rep, varies, nil
}

// maxKnown is how many files' tags are remembered: some hundred bytes each.
// Beyond it, some are forgotten and computed again when needed.
const maxKnown = 16 << 10

// known remembers entity tags, so that a file's content is hashed once and
// not for each request. A file is taken for the same while its size and
// modification time are.
type known struct {
	mu   sync.RWMutex
	tags map[string]tagged
}

type tagged struct {
	size     int64
	modified time.Time
	tag      string
}

func (k *known) tag(tree fs.FS, name string, info fs.FileInfo) (string, error) {
	k.mu.RLock()
	t, ok := k.tags[name]
	k.mu.RUnlock()
	if ok && t.size == info.Size() && t.modified.Equal(info.ModTime()) {
		return t.tag, nil
	}
	tag, err := hash(tree, name)
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tags == nil {
		k.tags = map[string]tagged{}
	}
	for other := range k.tags {
		if len(k.tags) < maxKnown {
			break
		}
		delete(k.tags, other)
	}
	k.tags[name] = tagged{info.Size(), info.ModTime(), tag}
	return tag, nil
}

// tagBytes of the hash make the tag: 96 bits, so that no two contents ever
// share one by accident.
const tagBytes = 12

func hash(tree fs.FS, name string) (string, error) {
	file, err := tree.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:tagBytes]) + `"`, nil
}
