package stack_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"waypost/packet"
	"waypost/stack"
)

// crossing makes one segment of each end cross on the road: ours with the
// flags is kept until the kernel's comes, and reaches the kernel before that
// one reaches us.
type crossing struct {
	flags packet.TCPFlags
	kept  chan packet.Flow // told of ours

	mu     sync.Mutex
	ours   []byte
	passed bool
	tun    *stack.TUN
}

func has(b []byte, flags packet.TCPFlags) bool {
	h, payload, err := packet.ParseIPv4(b)
	if err != nil || h.Protocol != packet.ProtocolTCP {
		return false
	}
	s, _, err := packet.ParseTCP(payload, h.Src, h.Dst)
	return err == nil && s.Flags.Has(flags)
}

func (c *crossing) out(_ int, b []byte) (keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed || !has(b, c.flags) {
		return false
	}
	if c.ours == nil {
		c.ours = bytes.Clone(b)
		flow, _ := packet.FlowOfIP(b)
		c.kept <- flow
	}
	return true
}

func (c *crossing) in(_ int, b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.passed && c.ours != nil && has(b, c.flags) {
		c.passed = true
		c.tun.Transmit(c.ours)
	}
	return false
}

func newCrossing(t *testing.T, flags packet.TCPFlags) (*kernel, *crossing) {
	c := &crossing{flags: flags, kept: make(chan packet.Flow, 1)}
	k := newKernel(t, setup{in: impairment{nth: c.in}, out: impairment{nth: c.out}})
	c.tun = k.tun
	return k, c
}

// dialFrom dials from a port that is chosen.
func (k *kernel) dialFrom(local, remote netip.AddrPort) (c net.Conn, err error) {
	d := net.Dialer{Timeout: patience, LocalAddr: net.TCPAddrFromAddrPort(local)}
	k.do(func() { c, err = d.Dial("tcp", remote.String()) })
	return c, err
}

// Both dial each other at once, and nobody listens: RFC 9293 §3.5, Figure 7.
func TestKernelSimultaneousOpen(t *testing.T) {
	k, c := newCrossing(t, packet.SYN)
	at := netip.AddrPortFrom(theirs[0], 7777)
	type dialled struct {
		c   net.Conn
		err error
	}
	got := make(chan dialled, 1)
	go func() {
		our, err := k.dialOurs(net.TCPAddrFromAddrPort(at))
		got <- dialled{our, err}
	}()
	flow := <-c.kept
	their, err := k.dialFrom(at, flow.Src)
	if err != nil {
		t.Fatal(err)
	}
	our := <-got
	if our.err != nil {
		t.Fatal(our.err)
	}
	our.c.SetDeadline(time.Now().Add(patience))
	their.SetDeadline(time.Now().Add(patience))
	if err := exchange(our.c, their, 100_000); err != nil {
		t.Error(err)
	}
	k.quiet()
}

// The FINs cross: both ends go through CLOSING to TIME-WAIT (RFC 9293 §3.6,
// Figure 13).
func TestKernelSimultaneousClose(t *testing.T) {
	k, c := newCrossing(t, packet.FIN)
	our, their, err := k.pair(openings[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := our.Close(); err != nil {
		t.Error(err)
	}
	<-c.kept
	if err := their.Close(); err != nil {
		t.Error(err)
	}
	k.quiet()
	// Each has received a FIN before its own was acknowledged.
	if got, want := k.ourStates()["TIME-WAIT"], 1; got != want {
		t.Errorf("connections of ours in TIME-WAIT: %d, want %d", got, want)
	}
	if got, want := k.states()["TIME-WAIT"], 1; got != want {
		t.Errorf("connections of the kernel in TIME-WAIT: %d, want %d", got, want)
	}
}

// We close first and wait out our TIME-WAIT; the kernel dials again from the
// same port, and is let in (RFC 6191).
func TestKernelDialsIntoTimeWait(t *testing.T) {
	for _, timestamps := range []string{"1", "0"} {
		k := newKernel(t, setup{})
		k.sysctl(t, "net.ipv4.tcp_timestamps", timestamps)
		l := k.listenOurs(ours[0])
		for round := range 10 {
			our, their, err := k.meet(l, func(a net.Addr) (net.Conn, error) {
				return k.dialFrom(netip.AddrPortFrom(theirs[0], 7777), netip.MustParseAddrPort(a.String()))
			}, false)
			if err != nil {
				t.Fatalf("timestamps %s, round %d: %v", timestamps, round, err)
			}
			if err := steps(sendStream(our, 1, 1000), our.Close(), receiveStream(their, 1, 1000, true), their.Close()); err != nil {
				t.Errorf("timestamps %s, round %d: %v", timestamps, round, err)
			}
			k.quiet()
		}
		if got, want := k.ourStates()["TIME-WAIT"], 1; got != want {
			t.Errorf("connections of ours in TIME-WAIT: %d, want %d", got, want)
		}
	}
}

// Our keepalive is answered by the kernel while it lives, and ends the
// connection when the road is cut.
func TestKernelKeepalive(t *testing.T) {
	var mu sync.Mutex
	cut, probes := false, 0
	k := newKernel(t, setup{out: impairment{nth: func(int, []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		probes++
		return cut
	}}})
	k.sysctl(t, "net.ipv4.tcp_invalid_ratelimit", "0") // it answers one probe in 500 ms otherwise
	our, their, err := k.pair(openings[1])
	if err != nil {
		t.Fatal(err)
	}
	defer their.Close()
	const pace = 50 * time.Millisecond
	err = our.(*stack.TCPConn).SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: pace, Interval: pace, Count: 3})
	if err != nil {
		t.Fatal(err)
	}
	our.SetReadDeadline(time.Now().Add(10 * pace))
	if _, err := our.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read while the kernel answers probes: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	mu.Lock()
	if cut = true; probes < 5 {
		t.Errorf("%d packets in ten intervals, want at least 5", probes)
	}
	mu.Unlock()
	our.SetReadDeadline(time.Now().Add(patience))
	if _, err := our.Read(make([]byte, 1)); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("read after the road is cut: %v, want %v", err, syscall.ETIMEDOUT)
	}
	our.Close()
}

// Urgent bytes of the kernel are bytes like others (RFC 6093 §6).
func TestKernelUrgent(t *testing.T) {
	k := newKernel(t, setup{})
	our, their, err := k.pair(openings[0])
	if err != nil {
		t.Fatal(err)
	}
	raw, err := their.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) {
		for _, part := range []struct {
			text  string
			flags int
		}{{"be", 0}, {"fo", unix.MSG_OOB}, {"re", 0}} {
			sent = errors.Join(sent, unix.Sendto(int(fd), []byte(part.text), part.flags, nil))
		}
	}); err != nil || sent != nil {
		t.Fatal(err, sent)
	}
	b := make([]byte, 100)
	if err := their.Close(); err != nil {
		t.Error(err)
	}
	got := ""
	for {
		n, err := our.Read(b)
		got += string(b[:n])
		if err != nil {
			break
		}
	}
	if want := "before"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
	our.Close()
	k.quiet()
}

// A transfer goes on while ICMP tells lies about it: errors that do not name
// a byte on the way are not believed (RFC 5927 §4.1).
func TestKernelForgedErrors(t *testing.T) {
	k := newKernel(t, setup{})
	our, their, err := k.pair(openings[1])
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort(our.LocalAddr().String())
	to := netip.MustParseAddrPort(our.RemoteAddr().String())
	quoted := packet.TCP{SrcPort: from.Port(), DstPort: to.Port(), Seq: 12345, Flags: packet.ACK}.Append(
		packet.IPv4{TTL: 64, Protocol: packet.ProtocolTCP, Src: from.Addr(), Dst: to.Addr()}.Append(nil, packet.TCPSize), from.Addr(), to.Addr(), nil)
	for code := range uint8(14) {
		message := packet.ICMP{Type: packet.ICMPv4Unreachable, Code: code, Rest: 68}.AppendV4(nil, quoted)
		k.in.pass(append(packet.IPv4{TTL: 64, Protocol: packet.ProtocolICMP, Src: to.Addr(), Dst: from.Addr()}.Append(nil, len(message)), message...))
	}
	if err := exchange(our, their, 100_000); err != nil {
		t.Error(err)
	}
	if info, _ := our.(*stack.TCPConn).TCPInfo(); info.MSS != 1448 {
		t.Errorf("MSS after forged errors: %d, want 1448", info.MSS)
	}
	k.quiet()
}
