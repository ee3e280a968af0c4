package fetch_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/wire"
	"waypost/link"
	"waypost/url"
)

func ExampleClient_Do() {
	var internet link.Loopback
	server := netip.MustParseAddrPort("198.51.100.7:80")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	listener, err := internet.Host(server.Addr()).Listen(ctx, server)
	if err != nil {
		fmt.Println(err)
		return
	}
	go (&wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		x.Respond(200, nil, 5)
		x.Write([]byte("hello"))
	})}).Serve(ctx, listener)

	client := &fetch.Client{Network: internet.Host(netip.MustParseAddr("192.0.2.1"))}
	defer client.Close()
	for _, text := range []string{"http://198.51.100.7/", "http://198.51.100.7/again", "http://198.51.100.7:81/"} {
		u, err := url.Parse(text, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		r, err := client.Do(ctx, u, &wire.Request{})
		if err != nil {
			fmt.Println(fault.Of(err))
			continue
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%d from %v, reused %v, framed by %s: %s\n", r.Status, r.Remote, r.Reused, r.FramedBy, body)
	}
	// Output:
	// 200 from 198.51.100.7:80, reused false, framed by content-length: hello
	// 200 from 198.51.100.7:80, reused true, framed by content-length: hello
	// connection_refused
}
