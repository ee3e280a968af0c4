package stack_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"waypost/packet"
	"waypost/stack"
)

// cable is a device that hands each frame to the interface at its other end.
type cable struct{ to *stack.Interface }

// Transmit implements stack.Device.
func (c *cable) Transmit(frame []byte) { c.to.Receive(frame) }

// Two hosts on one cable speak TCP. Neither has heard of the other before:
// the SYN waits for ARP.
func Example() {
	alice, bob := stack.New(stack.Config{Name: "alice"}), stack.New(stack.Config{Name: "bob"})
	defer alice.Close()
	defer bob.Close()
	left, right := &cable{}, &cable{}
	right.to, _ = alice.Attach(left, stack.InterfaceConfig{
		MAC: packet.MAC{2, 0, 0, 0, 0, 1}, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")},
	})
	left.to, _ = bob.Attach(right, stack.InterfaceConfig{
		MAC: packet.MAC{2, 0, 0, 0, 0, 2}, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")},
	})

	l, err := bob.Listen(context.Background(), netip.MustParseAddrPort("192.0.2.2:7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.Copy(c, c)
		c.Close()
	}()

	c, err := alice.Dial(context.Background(), netip.MustParseAddrPort("192.0.2.2:7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	io.WriteString(c, "hello, bob")
	c.(*stack.TCPConn).CloseWrite()
	echoed, err := io.ReadAll(c)
	fmt.Println(string(echoed), err)
	for _, n := range alice.Neighbours() {
		fmt.Println(n.Addr, n.MAC, n.State)
	}
	// Output:
	// hello, bob <nil>
	// 192.0.2.2 02:00:00:00:00:02 reachable
}
