//go:build !linux

package wire

// boundUnsent is for Linux.
func (t *transport) boundUnsent(int) {}
