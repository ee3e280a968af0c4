package stack

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Configure gives the kernel's end of the interface its MTU (0: as it is) and
// addresses, each with the length of the prefix that is on the link, and
// brings it up. It acts in the network namespace of the calling thread,
// which must be that of OpenTUN. The kernel begins to answer for an IPv6
// address some milliseconds later.
func (t *TUN) Configure(mtu int, prefixes ...netip.Prefix) error {
	fail := func(err error) error { return fmt.Errorf("configure the interface %s: %w", t.name, err) }
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = unix.Close(fd) }()
	index, err := t.index()
	if err != nil {
		return fail(err)
	}
	link := binary.NativeEndian.AppendUint32(make([]byte, 4, 32), index) // struct ifinfomsg
	link = binary.NativeEndian.AppendUint32(link, unix.IFF_UP)
	link = binary.NativeEndian.AppendUint32(link, unix.IFF_UP)
	if mtu > 0 {
		link = appendAttribute(link, unix.IFLA_MTU, binary.NativeEndian.AppendUint32(nil, uint32(mtu)))
	}
	if err := tell(fd, unix.RTM_NEWLINK, 0, link); err != nil {
		return fail(fmt.Errorf("mtu %d and up: %w", mtu, err))
	}
	for _, p := range prefixes {
		family, flags := byte(unix.AF_INET), byte(0)
		if p.Addr().Is6() {
			// Who else could have the address on this link?
			family, flags = unix.AF_INET6, unix.IFA_F_NODAD
		}
		addr := []byte{family, byte(p.Bits()), flags, unix.RT_SCOPE_UNIVERSE} // struct ifaddrmsg
		addr = binary.NativeEndian.AppendUint32(addr, index)
		addr = appendAttribute(addr, unix.IFA_LOCAL, p.Addr().AsSlice())
		addr = appendAttribute(addr, unix.IFA_ADDRESS, p.Addr().AsSlice())
		if err := tell(fd, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, addr); err != nil {
			return fail(fmt.Errorf("address %v: %w", p, err))
		}
	}
	return nil
}

// index is the interface's number in the namespace of the calling thread.
func (t *TUN) index() (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq(t.name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return request.Uint32(), nil
}

// appendAttribute appends a struct rtattr with its value, padded to 4 bytes.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// tell sends one request over the netlink socket fd and reads whether it was
// done.
func tell(fd int, kind, flags uint16, body []byte) error {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body))) // struct nlmsghdr
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = append(b, make([]byte, 8)...)
	b = append(b, body...)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	answer := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	// A header and struct nlmsgerr, which begins with a negative errno or 0.
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("netlink answers with %d bytes that are no acknowledgement", n)
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}
