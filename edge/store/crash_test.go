package store

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"waypost/edge/store/disk"
	"waypost/http/cache"
)

var crashRounds = flag.Int("crash-rounds", 20, "how often TestKilled kills the process that writes")

// crashDir makes the test binary the process that is killed.
const crashDir = "WAYPOST_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashing(dir)
	}
	os.Exit(m.Run())
}

// crashing stores, replaces, purges and recalls objects until it is killed.
func crashing(dir string) {
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 8 << 20})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	m := NewMemory(1 << 20)
	m.PutOn(l)
	fmt.Println("ready")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				key := fmt.Sprint("key ", rand.IntN(300))
				switch rand.IntN(10) {
				case 0:
					m.Purge([]byte(key))
				case 1, 2:
					m.Recall([]byte(key), sharedRules)
				default:
					storeVersion(m, key, rand.Uint64())
				}
			}
		})
	}
	wg.Wait()
}

// versionBody is what the origin says for a version of a key: up to 100 KB
// that nothing else has.
func versionBody(key string, version uint64) []byte {
	h := fnv.New64a()
	h.Write([]byte(key))
	rnd := rand.New(rand.NewPCG(h.Sum64(), version))
	b := make([]byte, 0, 100<<10)
	for range rnd.IntN(cap(b) / 8) {
		b = binary.LittleEndian.AppendUint64(b, rnd.Uint64())
	}
	return b
}

func storeVersion(m *Memory, key string, version uint64) {
	lead, _ := m.Begin([]byte(key))
	if lead == nil {
		return
	}
	defer lead.Abort(ErrNotShared)
	head := &cache.Response{Status: 200, Received: time.Now()}
	head.Fields.Add("ETag", strconv.FormatUint(version, 10))
	body := versionBody(key, version)
	lead.Start(head, int64(len(body)), true, nil)
	if _, err := lead.Write(body); err == nil {
		lead.Commit()
	}
}

// TestKilled kills a process that stores at a random moment, again and again,
// and compares every object that is there afterwards with what the origin
// said.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, found := t.TempDir(), 0
	for round := range *crashRounds {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 100)
		n, _ := out.Read(said)
		if !strings.HasPrefix(string(said[:n]), "ready") {
			t.Fatalf("the process says %q", said[:n])
		}
		<-time.After(time.Duration(rand.IntN(100_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // "killed"
		found += compareAll(t, dir, round)
	}
	if found < 100 {
		t.Errorf("only %d objects were compared: the test shows nothing", found)
	}
	t.Logf("%d rounds, %d objects compared", *crashRounds, found)
}

func compareAll(t *testing.T, dir string, round int) (found int) {
	t.Helper()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemory(64 << 20)
	m.PutOn(l)
	defer closeStore(t, m)
	for i := range 300 {
		key := fmt.Sprint("key ", i)
		if !m.Recall([]byte(key), sharedRules) {
			continue
		}
		for _, o := range m.Get([]byte(key)).Variants {
			version, err := strconv.ParseUint(o.Fields.Get("ETag"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if !bytes.Equal(bytes.Join(o.Chunks(), nil), versionBody(key, version)) {
				t.Errorf("round %d: %s is not what the origin said", round, key)
			}
		}
	}
	return found
}
