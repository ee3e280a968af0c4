package lab

import (
	crand "crypto/rand"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

// This file is all that the lab uses of package testing: synctest is where
// virtual time comes from.

// waitForAll returns when every other goroutine of the bubble waits.
func waitForAll() { synctest.Wait() }

// bubble runs each function in virtual time and ends the process with the
// largest exit code.
//
// testing.Main is told of one test, and sees no argument of ours. When a
// function leaves goroutines behind, or all of them wait for ever, synctest
// panics with their stacks.
func bubble(seed uint64, functions []func() int) {
	os.Args = os.Args[:1]
	flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	code := 0
	test := func(t *testing.T) {
		for i, f := range functions {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) {
				seedRandom(t, seed)
				synctest.Test(t, func(*testing.T) { code = max(code, f()) })
			})
		}
		if !t.Failed() {
			os.Exit(code)
		}
	}
	all := func(_, _ string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "virtual time", F: test}}, nil, nil)
}

// seedRandom makes crypto/rand give the same numbers every time. In an
// ordinary program the runtime allows that only for whoever calls it; what
// crypto/tls draws for its keys is then by chance, and the sizes and times of
// what it sends are the same all the same.
func seedRandom(t *testing.T, seed uint64) {
	if testing.Testing() {
		cryptotest.SetGlobalRandom(t, seed)
		return
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	crand.Reader = &lockedRandom{random: rand.NewChaCha8(key)}
}

// lockedRandom is a source of random bytes for many goroutines.
type lockedRandom struct {
	mu     sync.Mutex
	random *rand.ChaCha8
}

func (r *lockedRandom) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.Read(b)
}
