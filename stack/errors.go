package stack

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// errHostClosed is what calls on a closed host return: to those above it is
// as if each socket were closed.
var errHostClosed = net.ErrClosed

// sysError is err as the operating system's network would return it: an
// errno carries the name of the system call.
func sysError(call string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return os.NewSyscallError(call, errno)
	}
	return err
}

// opError is the error of a socket's call.
func opError(op, network string, source, addr net.Addr, err error) error {
	return &net.OpError{Op: op, Net: network, Source: source, Addr: addr, Err: err}
}

// tcpAddr is an address for an error; nil where there is none.
func tcpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(a)
}

// udpAddr is tcpAddr for UDP.
func udpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(a)
}
