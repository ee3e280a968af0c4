package stack

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"waypost/packet"
)

// TUN is a network interface of the Linux kernel with a host of ours behind
// it, as if the two were joined by a wire: what the kernel sends over the
// interface is read here, and what is written here the kernel receives. It
// is a [Device]. Opening one needs CAP_NET_ADMIN.
//
// A device opened by [OpenTUN] carries IP packets: attach it without a MAC.
// One opened by [OpenTAP] carries Ethernet frames. The kernel's end begins
// without addresses and down; see [TUN.Configure].
//
// Transmit and Run may go on at once; Close ends them.
type TUN struct {
	file *os.File
	name string
}

// OpenTUN makes a TUN interface in the network namespace of the calling
// thread. The name may be empty, or end in "%d", for the kernel to choose.
func OpenTUN(name string) (*TUN, error) { return openTUN(name, unix.IFF_TUN) }

// OpenTAP is OpenTUN for Ethernet frames instead of IP packets.
func OpenTAP(name string) (*TUN, error) { return openTUN(name, unix.IFF_TAP) }

const (
	tunPath = "/dev/net/tun"
	// tunFrame is the largest frame: an IP packet of 65,535 bytes in Ethernet.
	tunFrame = packet.EthernetSize + 65535
)

func openTUN(name string, kind uint16) (*TUN, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunPath, err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make the interface %q: %w", name, err)
	}
	// Without IFF_VNET_HDR the kernel completes checksums and cuts segments
	// to the MTU before it hands a packet over.
	request.SetUint16(kind | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make the interface %q: %w", name, err)
	}
	// Only now may the runtime's poller have the descriptor: before it
	// belongs to an interface it polls as an error.
	return &TUN{file: os.NewFile(uintptr(fd), tunPath), name: request.Name()}, nil
}

// Name is the interface's name in the kernel.
func (t *TUN) Name() string { return t.name }

// Transmit implements [Device]: it gives the kernel one frame. One that the
// kernel does not take, for it has no room or its end is down, is lost as on
// any link.
func (t *TUN) Transmit(frame []byte) { _, _ = t.file.Write(frame) }

// Run hands each frame that the kernel sends to receive, which borrows it
// during the call, until Close; it then returns nil. It may be called once.
// Frames that nobody reads in time wait in the kernel, as many as the
// interface's txqueuelen allows.
func (t *TUN) Run(receive func(frame []byte)) error {
	frame := make([]byte, tunFrame)
	for {
		n, err := t.file.Read(frame)
		switch {
		case errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("read from the interface %s: %w", t.name, err)
		}
		receive(frame[:n])
	}
}

// Close ends Run and removes the interface from the kernel.
func (t *TUN) Close() error { return t.file.Close() }
