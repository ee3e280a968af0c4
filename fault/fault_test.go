package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestOf(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want Kind
	}{
		{"nothing failed", nil, ""},
		{"our own, wrapped", fmt.Errorf("load: %w", New(TLSCertificateError, "handshake", nil)), TLSCertificateError},
		{"outermost name wins", New(DNSError, "resolve", New(ConnectionRefused, "connect", nil)), DNSError},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ConnectionRefused},
		{"dial timeout", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, ConnectionTimeout},
		{"dial unanswered", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}, ConnectionTimeout},
		{"write timeout", &net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, ConnectionWriteTimeout},
		{"read timeout", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, ConnectionReadTimeout},
		{"context deadline", context.DeadlineExceeded, ConnectionReadTimeout},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, ConnectionTerminated},
		{"closed early", io.ErrUnexpectedEOF, ConnectionTerminated},
		{"unroutable", &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, DestinationIPUnroutable},
		{"name not found", &net.DNSError{Err: "no such host", IsNotFound: true}, DNSError},
		{"anything else", errors.New("boom"), ProxyInternalError},
	}
	for _, tt := range tests {
		if got := Of(tt.err); got != tt.want {
			t.Errorf("%s: Of(%v) = %q, want %q", tt.name, tt.err, got, tt.want)
		}
	}
}

func ExampleError() {
	err := New(ConnectionTimeout, "connect 203.0.113.10:443", errors.New("no SYN+ACK after 3s"))
	fmt.Println(err)
	fmt.Println(Of(err), Of(err).Status())
	// Output:
	// connect 203.0.113.10:443: no SYN+ACK after 3s
	// connection_timeout 504
}
