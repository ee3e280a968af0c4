package tcp_test

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"waypost/tcp"
)

// Two ends without a network between them: whatever one has to send is handed
// to the other. The listener's end explains what it does.
func Example() {
	local := netip.MustParseAddrPort("192.0.2.10:49152")
	remote := netip.MustParseAddrPort("203.0.113.80:80")
	l := tcp.Listen(&tcp.ListenConfig{Config: &tcp.Config{Observe: func(e *tcp.Event) {
		if e.Kind == tcp.StateChange {
			fmt.Printf("%v: %v → %v: %s (%s)\n", e.Time, e.From, e.To, e.Reason, e.Clause)
		}
	}}})
	client := tcp.Dial(nil, local, remote, 1, 0)
	var server *tcp.Conn

	now := tcp.Time(0)
	exchange := func() { // until nobody has anything to send
		var s tcp.Segment
		for more := true; more; {
			more = false
			for client.Next(now, &s) {
				more = true
				now += time.Millisecond
				if server == nil {
					server, _, _ = l.Segment(now, remote, local, &s)
				} else {
					server.Segment(now, &s)
				}
			}
			for server.Next(now, &s) {
				more = true
				now += time.Millisecond
				client.Segment(now, &s)
			}
		}
	}
	exchange()
	_, _ = client.Write(now, []byte("hello"))
	_ = client.CloseWrite(now)
	exchange()
	b := make([]byte, 10)
	n, err := server.Read(now, b)
	fmt.Printf("read %q, %v\n", b[:n], err)
	if _, err := server.Read(now, b); errors.Is(err, io.EOF) {
		_ = server.CloseWrite(now)
	}
	exchange()
	fmt.Println("client:", client.State())

	// Output:
	// 1ms: LISTEN → SYN-RECEIVED: a SYN came for a listening port, so a SYN,ACK is sent (RFC 9293 §3.10.7.2)
	// 3ms: SYN-RECEIVED → ESTABLISHED: our SYN,ACK was acknowledged (RFC 9293 §3.10.7.4)
	// 4ms: ESTABLISHED → CLOSE-WAIT: the peer's FIN came: it sends no more, we still may (RFC 9293 §3.10.7.4)
	// read "hello", <nil>
	// 5ms: CLOSE-WAIT → LAST-ACK: both users have nothing more to send: our FIN follows the last byte (RFC 9293 §3.10.4)
	// 7ms: LAST-ACK → CLOSED: our FIN was acknowledged: both directions are closed, and the peer waits in our stead (RFC 9293 §3.10.7.4)
	// client: TIME-WAIT
}
