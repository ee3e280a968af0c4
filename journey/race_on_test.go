//go:build race

package journey

const underRace = true
