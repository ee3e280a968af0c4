package node

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"waypost/edge/store"
)

// TestDiskChanged: a line for each change, of the level that it deserves.
func TestDiskChanged(t *testing.T) {
	for want, d := range map[string]store.DiskState{
		"level=ERROR": {Failure: errors.New("no space left"), Behind: true},
		"level=WARN":  {Behind: true, Skipped: 3},
		"level=INFO":  {Skipped: 7},
	} {
		var out bytes.Buffer
		n := &Node{config: &Config{Edge: &Edge{Store: "/cache"}}, options: Options{Log: slog.New(slog.NewTextHandler(&out, nil))}}
		n.diskChanged(d)
		if got := out.String(); !strings.Contains(got, want) || !strings.Contains(got, "directory=/cache") || strings.Count(got, "\n") != 1 {
			t.Errorf("%+v: %s", d, got)
		}
	}
}
