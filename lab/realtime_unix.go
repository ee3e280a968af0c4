//go:build unix

package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

// realTime is the real time since some moment; in a bubble package time tells
// the virtual one.
func realTime() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
