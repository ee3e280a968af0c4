package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/http/cache"
	"waypost/http/field"
)

// TestPurgeThatTheDiskDoesNotTake: the receipt says what has been done, and
// the command fails.
func TestPurgeThatTheDiskDoesNotTake(t *testing.T) {
	dir := t.TempDir()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: disk.MinBytes})
	if err != nil {
		t.Fatal(err)
	}
	m := store.NewMemory(1 << 20)
	m.PutOn(l)
	// A key so long that its deletion does not fit into the segment.
	f := m.BeginAlone([]byte("site http://www.shop.test/" + strings.Repeat("k", 40<<10)))
	f.Start(&cache.Response{Status: 200, Received: time.Now(), Fields: field.Fields{{Name: "Cache-Tag", Value: "news"}}}, 0, true, nil)
	if !f.Commit() {
		t.Fatal("not stored")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	token, at, admin := file(t, "token", "sixteen letters!\n"), freePort(t), freePort(t)
	running(t, "edge", "--listen", at, "--origin", "http://127.0.0.1:9", "--admin", admin, "--token-file", token, "--store", dir, "--store-size", "1MiB")
	if err := os.Mkdir(filepath.Join(dir, "0000000000000002.segment"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, errs, code := waypost(t, "purge", "--ask", "http://"+admin, "--token-file", token, "--tag", "news")
	if code != exitFailed || !strings.Contains(out, "1 object dropped") || !strings.Contains(errs, "until a restart only") {
		t.Errorf("exit %d, %q %q", code, out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "0000000000000002.segment")); err != nil {
		t.Fatal(err)
	}
	out, errs, code = waypost(t, "purge", "--ask", "http://"+admin, "--token-file", token, "--tag", "news")
	if code != exitOK || !strings.Contains(out, "dropped") {
		t.Errorf("once more: exit %d, %q %q", code, out, errs)
	}
}
