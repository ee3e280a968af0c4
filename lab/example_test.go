package lab_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"waypost/lab"
)

// Two hosts on a link with a bad stretch in it, in real time. In virtual time
// the same stands in a test's synctest.Test, or in lab.Virtual.
func Example() {
	l := lab.New(lab.Options{Seed: 1})
	defer l.Close()
	client, _ := l.Host("client", lab.HostOptions{})
	server, _ := l.Host("server", lab.HostOptions{})
	shape, _ := lab.ParseShape("1ms loss nth 4")
	link, _ := l.Connect(
		client.Port(netip.MustParsePrefix("192.0.2.1/24")),
		server.Port(netip.MustParsePrefix("192.0.2.2/24")), shape)

	ctx := context.Background()
	at := netip.MustParseAddrPort("192.0.2.2:7")
	listener, _ := server.Listen(ctx, at)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c)
		c.Close()
	}()
	c, err := client.Dial(ctx, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.WriteString(c, "hello")
	echo := make([]byte, 5)
	_, err = io.ReadFull(c, echo)
	c.Close()
	there, _ := link.Stats()
	fmt.Printf("%s %v, lost on the way there: %d\n", echo, err, there.Lost)
	// Output: hello <nil>, lost on the way there: 1
}

func ExampleParseShape() {
	shape, err := lab.ParseShape("20ms jitter 2ms loss 2% rate 10Mbit queue 64KB codel")
	fmt.Println(shape.Delay, shape.Loss, shape.Rate, err)
	fmt.Println(shape)
	_, err = lab.ParseShape("20ms loss often")
	fmt.Println(err)
	// Output:
	// 20ms 2% 10000000 <nil>
	// 20ms jitter 2ms loss 2% rate 10Mbit queue 64KB codel
	// link shape: loss "often": want a percentage such as 2%
}
