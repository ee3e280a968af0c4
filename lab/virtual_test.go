package lab_test

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"waypost/lab"
)

// The test binary is also the program that enters virtual time.
func TestMain(m *testing.M) {
	if what := os.Getenv("LAB_TEST_PROGRAM"); what != "" {
		os.Exit(lab.Virtual(3, func() int { return program(what) }))
	}
	os.Exit(m.Run())
}

// program is what runs in virtual time.
func program(what string) int {
	switch what {
	case "pages":
		input, _ := io.ReadAll(os.Stdin)
		key := make([]byte, 4)
		_, _ = rand.Read(key)
		start := time.Now()
		s := openShop(lab.Options{Seed: 7, Virtual: true})
		defer s.stop()
		time.Sleep(1000 * time.Hour)
		err := s.visit(s.clients[0], s.servers[0], "/page")
		fmt.Printf("%s %v args %q input %s lot %x\n", time.Since(start).Round(time.Hour), err, os.Args, input, key)
		return 3
	case "http/1.1", "h2", "h3":
		o, err := secureHour(5, what)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Printf("%d %x\n", o.disturbed, sha256.Sum256([]byte(o.what)))
		return 0
	case "capture":
		hash := sha256.New()
		disturbed, err := capturedHour(hash, 7)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Printf("%d %x\n", disturbed, hash.Sum(nil))
		return 0
	case "panic":
		panic("as planned")
	case "leak":
		go func() { select {} }()
		return 0
	case "forever":
		fmt.Println("ready")
		for {
			_, _ = os.Stdout.WriteString("") // work without end
		}
	}
	return 99
}

func start(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), "LAB_TEST_PROGRAM="+what)
	return c
}

func TestVirtualRunsAnOrdinaryProgram(t *testing.T) {
	var first string
	for range 2 {
		c := start(t, "pages", "-made-up-flag", "word")
		c.Stdin = strings.NewReader("typed")
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("ended with %v, want exit code 3", err)
		}
		if !strings.HasPrefix(string(out), "1000h0m0s <nil> args ") || !strings.Contains(string(out), " input typed lot ") || strings.Count(string(out), "\n") != 1 {
			t.Errorf("said %q", out)
		}
		if first != "" && string(out) != first {
			t.Errorf("said %q the second time, %q the first", out, first)
		}
		first = string(out)
	}
}

func TestVirtualTellsOfPanicsAndLeaks(t *testing.T) {
	for what, want := range map[string]string{
		"panic": "panic: as planned",
		"leak":  "main bubble goroutine has exited but blocked goroutines remain",
	} {
		out, err := start(t, what).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, said %q, want %q in it", what, err, out, want)
		}
	}
}

func TestVirtualIsInterrupted(t *testing.T) {
	c := start(t, "forever")
	out := must(c.StdoutPipe())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("ended with %v, want exit code 130", err)
	}
}
