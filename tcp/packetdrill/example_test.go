package packetdrill_test

import (
	"fmt"

	"waypost/tcp/packetdrill"
)

// A script that expects the wrong thing: the SYN,ACK acknowledges 1.
func ExampleRunScript() {
	script := `
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1460>
+0 > S. 0:0(0) ack 2 <mss 1460>
`
	fmt.Print(packetdrill.RunScript("handshake.pkt", []byte(script), packetdrill.Options{}))
	// Output:
	// FAIL handshake.pkt:6: another acknowledgement number
	//   expected  0.000000 > S. 0:0(0) ack 2 <mss 1460>
	//   actual    0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
	//   before
	//     0.000000 < S 0:0(0) win 65535 <mss 1460>
	//     0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
}
