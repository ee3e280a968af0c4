//go:build !linux

package stack_test

import "testing"

func TestKernel(t *testing.T) {
	t.Skip("not Linux: no TUN device against the Linux kernel")
}
