package stack_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace of a test's own: a kernel TCP/IP without
// any of the machine's interfaces. Sockets that are opened in it stay in it.
type namespace struct {
	own, machine int // descriptors of the two namespaces
}

// newNamespace makes a namespace, or skips the test and says why.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: no TUN device against the Linux kernel")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("no TUN device against the Linux kernel: %v", err)
	}
	n, made := &namespace{}, make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		made <- n.enter()
	}()
	if err := <-made; err != nil {
		t.Skipf("no network namespace to test in: %v", err)
	}
	t.Cleanup(func() {
		unix.Close(n.own)
		unix.Close(n.machine)
	})
	if out, err := n.run("ip", "link", "set", "lo", "up"); err != nil {
		t.Skipf("ip link set lo up: %v: %s", err, out)
	}
	return n
}

const threadNamespace = "/proc/thread-self/ns/net"

func (n *namespace) enter() (err error) {
	if n.machine, err = unix.Open(threadNamespace, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", threadNamespace, err)
	}
	if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if n.own, err = unix.Open(threadNamespace, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", threadNamespace, err)
	}
	return nil
}

// do calls f on a thread that is in the namespace, and waits for it. f must
// not end the test.
func (n *namespace) do(f func()) {
	done := make(chan any)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(n.own, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("setns: %w", err)
			return
		}
		f()
		if unix.Setns(n.machine, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends here
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		panic(err)
	}
}

// run runs a program in the namespace and returns what it prints.
func (n *namespace) run(name string, args ...string) (out []byte, err error) {
	n.do(func() { out, err = exec.Command(name, args...).CombinedOutput() })
	return out, err
}

// sysctl sets a variable of the namespace, such as net.ipv4.tcp_sack.
func (n *namespace) sysctl(t testing.TB, name, value string) {
	t.Helper()
	var err error
	n.do(func() { err = os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0) })
	if err != nil {
		t.Skipf("set %s to %s: %v", name, value, err)
	}
}
