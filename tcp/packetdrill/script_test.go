package packetdrill

import (
	"flag"
	"os"
	"testing"
)

// scriptsDir is a directory of scripts, or a file, to run as well: a public
// suite, read where it is.
var scriptsDir = flag.String("scripts", "", "run the scripts in `DIR` and write what became of them")

// TestScripts runs the scripts of -scripts. It fails only when they cannot be
// read: scripts of others are written for other implementations.
func TestScripts(t *testing.T) {
	if *scriptsDir == "" {
		t.Skip("no -scripts DIR given")
	}
	if _, err := Run(os.Stdout, []string{*scriptsDir}, Options{IgnorePush: true}); err != nil {
		t.Fatal(err)
	}
}
