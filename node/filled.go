package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"waypost/edge/store/disk"
)

// originsFile is a note in the directory of a store: the origins that its
// objects came from, one in a line. The keys of objects have the name of the
// site and the URL that clients ask for, so an edge whose one site is for any
// host would serve those of one origin in the place of another's.
const originsFile = "origins"

// ownStore empties a log that was filled from other origins than those of the
// configuration, where that names them, and notes these. Servers come and go:
// where one is still the same, so is the content. What has no note is taken
// for our own.
func (n *Node) ownStore(log *disk.Log) error {
	from := n.config.Edge.FilledFrom
	if len(from) == 0 {
		return nil
	}
	name := filepath.Join(n.config.Edge.Store, originsFile)
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := strings.Fields(string(text))
	if slices.Equal(before, from) {
		return nil
	}
	if len(before) > 0 && !slices.ContainsFunc(before, func(o string) bool { return slices.Contains(from, o) }) {
		n.options.Log.Warn("the cache on disk is of another origin: it is emptied", "directory", n.config.Edge.Store,
			"objects", log.Len(), "of", strings.Join(before, " "), "now", strings.Join(from, " "))
		if err := empty(log); err != nil {
			return err
		}
	}
	// Only now: what is emptied half-way is emptied again.
	if err := os.WriteFile(name+".new", []byte(strings.Join(from, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// empty deletes every record of a log.
func empty(log *disk.Log) error {
	var keys []string
	log.Keys(func(key string) bool {
		keys = append(keys, key)
		return true
	})
	for _, key := range keys {
		if _, err := log.Delete(key); err != nil {
			return fmt.Errorf("empty it: %w", err)
		}
	}
	return nil
}
