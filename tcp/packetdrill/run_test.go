package packetdrill

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scriptsDir is a directory of scripts, or a file, to run as well: a public
// suite, read where it is.
var (
	scriptsDir  = flag.String("scripts", "", "run the scripts in `DIR` and write what became of them")
	scriptsLike = flag.String("like", string(Linux), "the `SYSTEM` that the scripts of -scripts were written for: linux, freebsd or nothing")
)

// exact is the tolerance of our own scripts: time is virtual, so what happens
// happens at its microsecond.
const exact = time.Microsecond

// TestRFCs runs our own scripts. Each says in its first lines what it shows and
// where that stands.
func TestRFCs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.pkt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Errorf("only %d scripts", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".pkt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), "// ") {
				t.Errorf("%s does not say what it shows", file)
			}
			r := RunScript(file, text, Options{Tolerance: exact, Complete: true})
			if r.Outcome != Passed {
				t.Errorf("%v", r)
			}
		})
	}
}

// TestScripts runs the scripts of -scripts. It fails only when they cannot be
// read: scripts of others are written for other implementations.
func TestScripts(t *testing.T) {
	if *scriptsDir == "" {
		t.Skip("no -scripts DIR given")
	}
	if _, err := Run(os.Stdout, []string{*scriptsDir}, Options{Like: System(*scriptsLike)}); err != nil {
		t.Fatal(err)
	}
}
