package tcp

// Sequence numbers are compared modulo 2³² (RFC 9293 §3.4): a is before b
// when the way from a up to b is shorter than half the circle.

func before(a, b uint32) bool  { return int32(a-b) < 0 }
func atMost(a, b uint32) bool  { return int32(a-b) <= 0 }
func after(a, b uint32) bool   { return int32(a-b) > 0 }
func atLeast(a, b uint32) bool { return int32(a-b) >= 0 }

// later returns the higher of two sequence numbers.
func later(a, b uint32) uint32 {
	if after(a, b) {
		return a
	}
	return b
}

// earlier returns the lower of two sequence numbers.
func earlier(a, b uint32) uint32 {
	if before(a, b) {
		return a
	}
	return b
}
