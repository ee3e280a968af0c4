//go:build !race

package stack

// raceEnabled tells that the race detector watches.
const raceEnabled = false
