package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// nameOf is the name of an edge that was given none. Edges that ask each other
// must have different ones (RFC 8586 §2), and one edge the same after a restart:
// so it is made of the machine and of the addresses where it listens, of which
// two edges on a machine have different ones. Nothing of them can be read in it,
// for the name goes out with every response.
//
// A port that the system is to choose says nothing of the edge: then the name is
// new each time.
func nameOf(listen []string) string {
	h := sha256.New()
	host, _ := os.Hostname()
	machine, _ := os.ReadFile("/etc/machine-id") // machine-id(5); containers have none, and a host name of their own
	fmt.Fprintf(h, "waypost edge\n%q\n%q\n%q", host, machine, listen)
	for _, addr := range listen {
		if strings.HasSuffix(addr, ":0") {
			h.Write([]byte(rand.Text()))
		}
	}
	return "edge-" + hex.EncodeToString(h.Sum(nil)[:4])
}
