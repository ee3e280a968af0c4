package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// virtualEnv tells a process that it is the one in which the time is
// virtual.
const virtualEnv = "WAYPOST_VIRTUAL_TIME"

// Virtual runs f in virtual time and returns its exit code. Inside f a lab
// with Options.Virtual can be made, time stands still while anybody works,
// and jumps when all wait; seed fixes what crypto/rand gives to its callers.
// Of several functions each has a bubble of its own, one after the other, in
// which time and random numbers begin anew; the exit code is the largest.
//
// The process runs itself again, with the same arguments, input and output,
// and returns here with the exit code of the second one, which has come the
// same way to this same call: there Virtual runs f and does not return. So
// whatever comes before the call is done twice; make it little. What was
// made before the call is outside of f's time: f must not wait for it, nor
// for a context or channel made there.
//
// An interrupt ends the second process at once, and so does the death of the
// first.
func Virtual(seed uint64, f ...func() int) int {
	if os.Getenv(virtualEnv) != "" {
		os.Unsetenv(virtualEnv) //nolint:errcheck // a name without = cannot fail
		bubble(seed, f)
	}
	code, err := again()
	if err != nil {
		fmt.Fprintf(os.Stderr, "virtual time: %v\n", err)
		return 1
	}
	return code
}

// again runs this program again and returns its exit code.
func again() (int, error) {
	path, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	child := exec.Command(path, os.Args[1:]...) //nolint:noctx // it ends as this process ends
	child.Args[0] = os.Args[0]
	child.Env = append(os.Environ(), virtualEnv+"=1")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	unlock := dieWithParent(child)
	defer unlock()
	if err := child.Start(); err != nil {
		return 0, fmt.Errorf("run %s again: %w", path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case s := <-signals:
		child.Process.Kill() //nolint:errcheck // it has ended by itself
		<-ended              //nolint:errcheck // it was killed
		return signalled + int(s.(syscall.Signal)), nil
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return 0, fmt.Errorf("run %s again: %w", path, err)
		}
		if w, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			return signalled + int(w.Signal()), nil
		}
		return child.ProcessState.ExitCode(), nil
	}
}

// signalled is what a shell adds to the number of a signal to tell that it
// ended a process.
const signalled = 128
