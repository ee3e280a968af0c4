package stack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"waypost/packet"
	"waypost/stack"
	"waypost/tcp"
)

// kernel is the Linux kernel in a namespace, with a host of ours at the other
// end of a TUN device. What passes between them may be impaired.
type kernel struct {
	*namespace
	t    testing.TB
	host *stack.Host
	tun  *stack.TUN
	in   *road // from the kernel to the host
	out  *road // from the host to the kernel
}

// The two ends, by family: their addresses in the kernel and on the host.
var (
	theirs = []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd09::1")}
	ours   = []netip.Addr{netip.MustParseAddr("10.9.0.2"), netip.MustParseAddr("fd09::2")}
)

func prefixes(addrs []netip.Addr) []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(addrs[0], 24), netip.PrefixFrom(addrs[1], 64)}
}

// setup is how a kernel and a host meet.
type setup struct {
	tcp     tcp.Config
	cookies tcp.CookieMode
	mtu     int        // of both ends; 0: 1500
	in, out impairment // see kernel
	tap     bool       // Ethernet instead of IP
	seed    uint64
}

func newKernel(t testing.TB, s setup) *kernel {
	t.Helper()
	k := &kernel{namespace: newNamespace(t), t: t}
	open := stack.OpenTUN
	if s.tap {
		open = stack.OpenTAP
	}
	if s.mtu == 0 {
		s.mtu = stack.DefaultMTU
	}
	var err error
	k.do(func() {
		if k.tun, err = open(""); err == nil {
			err = k.tun.Configure(s.mtu, prefixes(theirs)...)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	k.ready(theirs[1])
	// Packets get lost where the test says so, not for want of room.
	if out, err := k.run("ip", "link", "set", k.tun.Name(), "txqueuelen", "10000"); err != nil {
		t.Logf("txqueuelen: %v: %s", err, out)
	}
	k.out = newRoad(s.out, s.seed, k.tun.Transmit)
	k.host = stack.New(stack.Config{Name: "ours", Seed: s.seed + 1, TCP: s.tcp, Cookies: s.cookies})
	config := stack.InterfaceConfig{Name: k.tun.Name(), MTU: s.mtu, Prefixes: prefixes(ours)}
	if s.tap {
		config.MAC = packet.MAC{2, 0, 0, 0, 0, 9}
	}
	i, err := k.host.Attach(transmitter(k.out.pass), config)
	if err != nil {
		t.Fatal(err)
	}
	k.in = newRoad(s.in, s.seed+1, i.Receive)
	done := make(chan error, 1)
	go func() { done <- k.tun.Run(k.in.pass) }()
	t.Cleanup(func() {
		k.host.Close()
		k.in.close()
		k.out.close()
		if err := k.tun.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return k
}

// ready waits until the kernel answers for an IPv6 address of its own: a
// work queue of the kernel puts the route in some time after the address.
func (n *namespace) ready(a netip.Addr) {
	want := fmt.Sprintf("%x 80 ", a.As16())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		var routes []byte
		n.do(func() { routes, _ = os.ReadFile("/proc/thread-self/net/ipv6_route") })
		if bytes.Contains(routes, []byte(want)) {
			return
		}
	}
}

// transmitter makes a device of a function.
type transmitter func([]byte)

func (f transmitter) Transmit(frame []byte) { f(frame) }

// patience bounds every call of these tests: what takes longer is stuck.
const patience = 30 * time.Second

// listen opens a listener in the kernel.
func (k *kernel) listen(a netip.Addr) net.Listener {
	k.t.Helper()
	var l net.Listener
	var err error
	k.do(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(a, 0).String()) })
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { l.Close() })
	return l
}

// dial opens a connection from the kernel to the host.
func (k *kernel) dial(to net.Addr) (c net.Conn, err error) {
	k.do(func() { c, err = net.DialTimeout("tcp", to.String(), patience) })
	return c, err
}

// listenOurs opens a listener on the host.
func (k *kernel) listenOurs(a netip.Addr) net.Listener {
	k.t.Helper()
	l, err := k.host.Listen(context.Background(), netip.AddrPortFrom(a, 0))
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { l.Close() })
	return l
}

// dialOurs opens a connection from the host to the kernel.
func (k *kernel) dialOurs(to net.Addr) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return k.host.Dial(ctx, netip.MustParseAddrPort(to.String()))
}

// opening says who opens a connection.
type opening struct {
	name  string
	byUs  bool
	which int // index of the address family
}

var openings = []opening{
	{"kernel dials over IPv4", false, 0},
	{"we dial over IPv4", true, 0},
	{"kernel dials over IPv6", false, 1},
	{"we dial over IPv6", true, 1},
}

// pair opens a connection and returns our end of it and the kernel's.
func (k *kernel) pair(o opening) (our, their net.Conn, err error) {
	if o.byUs {
		l := k.listen(theirs[o.which])
		defer l.Close()
		return k.meet(l, k.dialOurs, true)
	}
	l := k.listenOurs(ours[o.which])
	defer l.Close()
	return k.meet(l, k.dial, false)
}

// meet dials l and accepts.
func (k *kernel) meet(l net.Listener, dial func(net.Addr) (net.Conn, error), byUs bool) (our, their net.Conn, err error) {
	type accepted struct {
		c   net.Conn
		err error
	}
	got := make(chan accepted, 1)
	go func() {
		c, err := l.Accept()
		got <- accepted{c, err}
	}()
	dialled, err := dial(l.Addr())
	if err != nil {
		return nil, nil, err
	}
	a := <-got
	if a.err != nil {
		return nil, nil, a.err
	}
	dialled.SetDeadline(time.Now().Add(patience))
	a.c.SetDeadline(time.Now().Add(patience))
	if byUs {
		return dialled, a.c, nil
	}
	return a.c, dialled, nil
}

// sendStream writes n bytes of the stream that seed names.
func sendStream(w io.Writer, seed byte, n int) error {
	source := rand.NewChaCha8([32]byte{seed})
	b := make([]byte, 16<<10)
	for sent := 0; sent < n; {
		part := b[:min(len(b), n-sent)]
		source.Read(part)
		m, err := w.Write(part)
		sent += m
		if err != nil {
			return fmt.Errorf("write after %d of %d bytes: %w", sent, n, err)
		}
	}
	return nil
}

// receiveStream reads the n bytes of the stream that seed names. With
// whole, the end must follow.
func receiveStream(r io.Reader, seed byte, n int, whole bool) error {
	source := rand.NewChaCha8([32]byte{seed})
	b, want := make([]byte, 16<<10), make([]byte, 16<<10)
	for got := 0; got < n || whole; {
		m, err := r.Read(b[:min(len(b), max(n-got, 1))])
		if got+m > n {
			return fmt.Errorf("read more than %d bytes", n)
		}
		source.Read(want[:m])
		if !bytes.Equal(b[:m], want[:m]) {
			return fmt.Errorf("another byte than was sent, within %d of %d", got, got+m)
		}
		got += m
		if err == io.EOF && got == n {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read after %d of %d bytes: %w", got, n, err)
		}
	}
	return nil
}

// closeWrite ends a connection's one direction.
func closeWrite(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }

// exchange sends n bytes each way at once, ends both directions, and closes.
func exchange(our, their net.Conn, n int) error {
	errs := make(chan error, 4)
	send := func(who string, c net.Conn, seed byte) {
		err := sendStream(c, seed, n)
		if err == nil {
			err = closeWrite(c)
		}
		errs <- label(who, err)
	}
	receive := func(who string, c net.Conn, seed byte) { errs <- label(who, receiveStream(c, seed, n, true)) }
	go send("we", our, 1)
	go send("kernel", their, 2)
	go receive("kernel", their, 1)
	go receive("we", our, 2)
	err := errors.Join(<-errs, <-errs, <-errs, <-errs)
	return errors.Join(err, our.Close(), their.Close())
}

func label(who string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", who, err)
}

// tcpStates are the kernel's, by their number in /proc/net/tcp.
var tcpStates = map[string]string{
	"01": "ESTABLISHED", "02": "SYN-SENT", "03": "SYN-RECEIVED", "04": "FIN-WAIT-1", "05": "FIN-WAIT-2",
	"06": "TIME-WAIT", "07": "CLOSED", "08": "CLOSE-WAIT", "09": "LAST-ACK", "0A": "LISTEN", "0B": "CLOSING", "0C": "SYN-RECEIVED",
}

// states counts the kernel's TCP sockets by state.
func (k *kernel) states() map[string]int {
	counts := map[string]int{}
	for _, table := range []string{"tcp", "tcp6"} {
		var text []byte
		var err error
		k.do(func() { text, err = os.ReadFile("/proc/thread-self/net/" + table) })
		if err != nil {
			k.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[0] != "sl" {
				counts[tcpStates[fields[3]]]++
			}
		}
	}
	return counts
}

// ourStates counts the host's TCP sockets by state.
func (k *kernel) ourStates() map[string]int {
	counts := map[string]int{}
	for _, s := range k.host.Sockets() {
		if s.Protocol == "tcp" {
			counts[s.State]++
		}
	}
	return counts
}

// eventually waits until done says so.
func (k *kernel) eventually(what string, done func() bool) {
	k.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(end) {
			k.t.Fatalf("%s: not within %v; kernel %v, host %v\n%v", what, patience, k.states(), k.ourStates(), k.host.Sockets())
		}
	}
}

// quiet waits until nothing stands at either end but listeners and what
// waits out its TIME-WAIT.
func (k *kernel) quiet() {
	k.t.Helper()
	k.eventually("all connections are gone", func() bool {
		for _, counts := range []map[string]int{k.states(), k.ourStates()} {
			for state := range counts {
				if state != "LISTEN" && state != "TIME-WAIT" {
					return false
				}
			}
		}
		return true
	})
}

// reset reports whether an error says that the peer reset the connection.
func reset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
