//go:build !unix

package lab

import "time"

// realTime is not known in a bubble here.
func realTime() time.Duration { return 0 }
