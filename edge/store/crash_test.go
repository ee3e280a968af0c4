package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
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

// crashing stores, replaces, purges and recalls objects until it is killed,
// and says what it does: "b KEY VERSION" and "b KEY" before it stores and
// purges, "w KEY" when what it stored last has been written, and "p KEY" when a
// purge has returned. Each key has one goroutine.
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
	const workers = 4
	for worker := range workers {
		wg.Go(func() {
			for {
				n := rand.IntN(crashKeys/workers)*workers + worker
				key := fmt.Sprint("key ", n)
				switch rand.IntN(10) {
				case 0, 1:
					fmt.Println("b", n)
					if rand.IntN(2) == 0 {
						_, err = m.Purge([]byte(key))
					} else {
						_, err = m.PurgeMatching(func(o *Object) bool { return o.Key == key })
					}
					if err == nil {
						fmt.Println("p", n)
					}
				case 2, 3:
					m.Recall([]byte(key), sharedRules)
				default:
					version := rand.Uint64()
					fmt.Println("b", n, version)
					before, _ := m.Disk()
					if !storeVersion(m, key, version) || rand.IntN(2) == 0 {
						continue
					}
					written(m)
					if after, _ := m.Disk(); after.Skipped == before.Skipped && after.Failure == nil {
						fmt.Println("w", n)
					}
				}
			}
		})
	}
	wg.Wait()
}

const crashKeys = 300

// promised is what may be found under each key after a kill, by what the
// process has said: what it stored last for sure, or began to store since; or
// nothing, for a cache may forget.
type promised [crashKeys][]uint64

// heard takes in a line. What is cut off was not said.
func (p *promised) heard(line string) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return
	}
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return
	}
	switch may := p[n]; {
	case words[0] == "p":
		p[n] = nil
	case words[0] == "w":
		p[n] = may[len(may)-1:]
	case len(words) == 3:
		if version, err := strconv.ParseUint(words[2], 10, 64); err == nil {
			p[n] = append(may, version)
		}
	}
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

func storeVersion(m *Memory, key string, version uint64) bool {
	lead := m.BeginAlone([]byte(key))
	defer lead.Abort(ErrNotShared)
	head := &cache.Response{Status: 200, Received: time.Now()}
	head.Fields.Add("ETag", strconv.FormatUint(version, 10))
	body := versionBody(key, version)
	lead.Start(head, int64(len(body)), true, nil)
	_, err := lead.Write(body)
	return err == nil && lead.Commit()
}

// TestKilled kills a process that stores at a random moment, again and again,
// and compares every object that is there afterwards with what the origin
// said, and with what may be there: what was purged is not, nor what was
// replaced by something that is on the disk.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, found := t.TempDir(), 0
	may := &promised{}
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
		lines := bufio.NewReader(out)
		if said, _ := lines.ReadString('\n'); said != "ready\n" {
			t.Fatalf("the process says %q", said)
		}
		kill := time.AfterFunc(time.Duration(rand.IntN(100_000))*time.Microsecond, func() { cmd.Process.Kill() })
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			may.heard(line)
		}
		kill.Stop()
		_ = cmd.Wait() // "killed"
		found += compareAll(t, dir, round, may)
	}
	if found < 100 {
		t.Errorf("only %d objects were compared: the test shows nothing", found)
	}
	t.Logf("%d rounds, %d objects compared", *crashRounds, found)
}

func compareAll(t *testing.T, dir string, round int, may *promised) (found int) {
	t.Helper()
	l, err := disk.Open(disk.Options{Dir: dir, Bytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemory(64 << 20)
	m.PutOn(l)
	defer closeStore(t, m)
	for i := range crashKeys {
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
			if !slices.Contains(may[i], version) {
				t.Errorf("round %d: %s has been purged or replaced, and is there", round, key)
			}
		}
	}
	return found
}
