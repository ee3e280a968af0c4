//go:build race

package lab_test

// raceDetector makes everything slower and larger than what is promised.
const raceDetector = true
