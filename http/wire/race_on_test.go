//go:build race

package wire

// underRace tells that sync.Pool forgets at random.
const underRace = true
