package dns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/link"
)

// parrot answers with 192.0.2.1: names below "quick" at once, names below
// "slow" after the time that their first label says, names below "silent"
// never; "huge" is longer than any packet.
type parrot struct{}

var quickName, silentName, hugeName = MustName("quick"), MustName("silent"), MustName("huge")

func (parrot) AnswerNow(dst []byte, q *Query) ([]byte, bool) {
	if !under(q.Name, quickName) {
		return nil, false
	}
	r := NewReply(dst, q)
	r.Address("", netip.AddrFrom4([4]byte{192, 0, 2, 1}), 60)
	return r.Finish(), true
}

func (parrot) ServeDNS(ctx context.Context, dst []byte, q *Query) []byte {
	name := Name(q.Name)
	switch {
	case name.Under(silentName):
		return nil
	case name.Under(hugeName):
		return append(AppendError(dst, q, 0, nil), make([]byte, 5000)...)
	}
	wait, _ := time.ParseDuration(name.Label())
	select {
	case <-time.After(wait):
		return AppendError(dst, q, mdns.RcodeSuccess, nil)
	case <-ctx.Done():
		return AppendError(dst, q, mdns.RcodeServerFailure, nil)
	}
}

var serverAddr = netip.MustParseAddrPort("198.51.100.7:53")

// serve runs a server in the bubble until the test ends.
func serve(t *testing.T, w *wire, s *Server) {
	t.Helper()
	s.Network, s.Addr = w.host("198.51.100.7"), serverAddr
	if s.Handler == nil {
		s.Handler = parrot{}
	}
	if addr, err := s.Listen(t.Context()); err != nil || addr != serverAddr {
		t.Fatalf("listen: %v, %v", addr, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func query(t testing.TB, name string) []byte {
	t.Helper()
	m := new(mdns.Msg)
	m.SetQuestion(name, mdns.TypeA)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestServerSlowHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{Limits: Limits{Readers: 1}}
		serve(t, w, s)
		var wg sync.WaitGroup
		for name, want := range map[string]time.Duration{"a.quick.": 0, "1s.slow.": time.Second, "2s.slow.": 2 * time.Second} {
			wg.Go(func() {
				m := new(mdns.Msg)
				m.SetQuestion(name, mdns.TypeA)
				_, info, err := Exchange(t.Context(), w.host("192.0.2.9"), serverAddr, m, ExchangeOptions{Timeout: 5 * time.Second})
				if err != nil || info.Took != want {
					t.Errorf("%s: took %v, %v, want %v", name, info.Took, err, want)
				}
			})
		}
		wg.Wait()
		if c := s.Counters(); c.UDP != 3 || c.Quick != 1 || c.Slow != 2 {
			t.Errorf("%+v", c)
		}
	})
}

func TestServerOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{Limits: Limits{Waiting: 2}}
		serve(t, w, s)
		client, _ := w.host("192.0.2.9").ListenPacket(t.Context(), netip.AddrPort{})
		defer client.Close()
		for range 4 {
			client.WriteToUDPAddrPort(query(t, "1s.slow."), serverAddr)
			synctest.Wait()
		}
		start, buf := time.Now(), make([]byte, 512)
		for i, want := range []struct {
			rcode int
			at    time.Duration
		}{{mdns.RcodeServerFailure, 0}, {mdns.RcodeServerFailure, 0}, {0, time.Second}, {0, time.Second}} {
			n, _, _ := client.ReadFromUDPAddrPort(buf)
			if m := unpack(t, buf[:n]); m.Rcode != want.rcode || time.Since(start) != want.at {
				t.Errorf("answer %d: %s after %v, want %+v", i, RcodeString(m.Rcode), time.Since(start), want)
			}
		}
		if c := s.Counters(); c.Overload != 2 {
			t.Errorf("%+v", c)
		}
	})
}

func TestServerAnswersOverUDP(t *testing.T) {
	tests := []struct {
		name  string
		query []byte
		check func(m *mdns.Msg) bool // nil: no answer
	}{
		{"silent", query(t, "a.silent."), nil},
		{"a response", answerTo(t, query(t, "a.quick."), nil), nil},
		{"short", []byte("abc"), nil},
		{"malformed", query(t, "a.quick.")[:20], func(m *mdns.Msg) bool { return m.Rcode == mdns.RcodeFormatError && len(m.Question) == 0 }},
		{"too long", append(query(t, "a.quick."), make([]byte, 9000)...), func(m *mdns.Msg) bool { return m.Rcode == 0 && len(m.Answer) == 1 }},
		{"huge", query(t, "a.huge."), func(m *mdns.Msg) bool { return m.Truncated && len(m.Question) == 1 }},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{}
		serve(t, w, s)
		client, _ := w.host("192.0.2.9").ListenPacket(t.Context(), netip.AddrPort{})
		defer client.Close()
		buf := make([]byte, 9000)
		for _, tt := range tests {
			client.WriteToUDPAddrPort(tt.query, serverAddr)
			client.SetReadDeadline(time.Now().Add(time.Second))
			n, _, err := client.ReadFromUDPAddrPort(buf)
			if (err == nil) != (tt.check != nil) {
				t.Errorf("%s: %d octets, %v", tt.name, n, err)
			} else if err == nil && !tt.check(unpack(t, buf[:n])) {
				t.Errorf("%s: got %v", tt.name, unpack(t, buf[:n]))
			}
		}
		if c := s.Counters(); c.Malformed != 3 || c.Dropped != 3 {
			t.Errorf("%+v", c)
		}
	})
}

// dial opens a connection and reads whatever comes into answers, by the name
// asked for and the moment.
func dial(t *testing.T, w *wire, from string) (net.Conn, chan string) {
	t.Helper()
	c, err := w.host(from).Dial(t.Context(), serverAddr)
	if err != nil {
		t.Fatal(err)
	}
	answers, start := make(chan string, 100), time.Now()
	go func() {
		defer close(answers)
		for {
			b, err := readFrame(c)
			if err != nil {
				answers <- fmt.Sprintf("%v %v", err, time.Since(start))
				return
			}
			m := unpack(t, b)
			answers <- fmt.Sprintf("%s %s %v", m.Question[0].Name, RcodeString(m.Rcode), time.Since(start))
		}
	}()
	return c, answers
}

func all(answers chan string) string {
	var s []string
	for a := range answers {
		s = append(s, a)
	}
	return strings.Join(s, "; ")
}

func TestServerPipelines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		serve(t, w, &Server{Limits: Limits{Pipeline: 2}})
		c, answers := dial(t, w, "192.0.2.9")
		// The third slow query is read when one of the first two is done.
		for _, name := range []string{"3s.slow.", "1s.slow.", "a.silent.", "1001ms.slow.", "a.quick."} {
			if _, err := c.Write(frame(query(t, name))); err != nil {
				t.Fatal(err)
			}
		}
		const want = "1s.slow. NOERROR 1s; a.quick. NOERROR 1s; 1001ms.slow. NOERROR 2.001s; 3s.slow. NOERROR 3s; EOF 13s"
		if got := all(answers); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

func TestServerTCPEnds(t *testing.T) {
	tests := []struct {
		name string
		send func(c net.Conn)
		want string
	}{
		{"silent", func(net.Conn) {}, "EOF 10s"},
		{"a trickle", func(c net.Conn) {
			for _, b := range frame(query(t, "a.quick.")) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, "EOF 10s"},
		{"a query of 5000 octets", func(c net.Conn) { c.Write([]byte{0x13, 0x88, 0}) }, "EOF 0s"},
		{"garbage", func(c net.Conn) { c.Write(frame([]byte("abc"))) }, "EOF 10s"},
		{"idle after an answer", func(c net.Conn) {
			time.Sleep(4 * time.Second)
			c.Write(frame(query(t, "a.quick.")))
		}, "a.quick. NOERROR 4s; EOF 14s"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			serve(t, w, &Server{})
			c, answers := dial(t, w, "192.0.2.9")
			tt.send(c)
			if got := all(answers); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
			}
		})
	}
}

func TestServerTCPOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{Limits: Limits{Waiting: 1}}
		serve(t, w, s)
		c, answers := dial(t, w, "192.0.2.9")
		c.Write(frame(query(t, "1s.slow.")))
		c.Write(frame(query(t, "2s.slow.")))
		c.Write(frame(query(t, "a.huge.")))
		if got := all(answers); got != "2s.slow. SERVFAIL 0s; a.huge. SERVFAIL 0s; 1s.slow. NOERROR 1s; EOF 11s" {
			t.Errorf("got %s", got)
		}
		if s.Counters().Overload != 2 {
			t.Errorf("%+v", s.Counters())
		}
	})
}

// grenade panics: at once for names below "quick", slowly for those below
// "slow". Names below "huge" are parrot's.
type grenade struct{ parrot }

func (grenade) AnswerNow(dst []byte, q *Query) ([]byte, bool) {
	if under(q.Name, quickName) {
		_ = append(dst, "half an answer"...)
		panic("now")
	}
	return nil, false
}

func (g grenade) ServeDNS(ctx context.Context, dst []byte, q *Query) []byte {
	if Name(q.Name).Under(hugeName) {
		return g.parrot.ServeDNS(ctx, dst, q)
	}
	_ = append(dst, "half an answer"...)
	panic(fmt.Errorf("later"))
}

// TestServerPanicked: a panic costs its query, and neither the server nor the
// other queries of its connection.
func TestServerPanicked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, told := newWire(), make(chan string, 10)
		s := &Server{
			Handler: grenade{},
			// One reader and one place to wait: were either lost, the next
			// query would show it.
			Limits: Limits{Readers: 1, Waiting: 1, Pipeline: 1},
			Panicked: func(value any, stack []byte) {
				told <- fmt.Sprint(value, " ", strings.Contains(string(stack), "grenade"))
			},
		}
		serve(t, w, s)
		client, _ := w.host("192.0.2.9").ListenPacket(t.Context(), netip.AddrPort{})
		defer client.Close()
		buf := make([]byte, 512)
		for _, name := range []string{"a.quick.", "a.slow.", "b.quick.", "b.slow."} {
			client.WriteToUDPAddrPort(query(t, name), serverAddr)
			client.SetReadDeadline(time.Now().Add(time.Second))
			n, _, err := client.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m := unpack(t, buf[:n]); m.Rcode != mdns.RcodeServerFailure || m.Question[0].Name != name {
				t.Errorf("%s: got %v", name, m)
			}
			synctest.Wait()
		}
		c, answers := dial(t, w, "192.0.2.9")
		for _, name := range []string{"c.quick.", "c.slow.", "d.slow.", "a.huge."} {
			c.Write(frame(query(t, name)))
			synctest.Wait()
		}
		const want = "c.quick. SERVFAIL 0s; c.slow. SERVFAIL 0s; d.slow. SERVFAIL 0s; a.huge. NOERROR 0s; EOF 10s"
		if got := all(answers); got != want {
			t.Errorf("over TCP:\n got %s\nwant %s", got, want)
		}
		close(told)
		if got := all(told); got != "now true; later true; now true; later true; now true; later true; later true" {
			t.Errorf("Panicked was told %s", got)
		}
		if c := s.Counters(); c.Panicked != 7 || c.Quick != 0 || c.Slow != 5 || c.Dropped != 0 || c.Overload != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestServerSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		serve(t, w, &Server{})
		c, _ := w.host("192.0.2.9").Dial(t.Context(), serverAddr)
		start := time.Now()
		c.Write(frame(query(t, "a.quick.")))
		time.Sleep(20 * time.Second) // takes nothing
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after %v: %v, want a closed connection", time.Since(start), err)
		}
	})
}

func TestServerBoundsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{Limits: Limits{Conns: 3, ConnsPerAddr: 2}}
		serve(t, w, s)
		var got []string
		var kept []chan string
		for _, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			_, answers := dial(t, w, from)
			synctest.Wait()
			select {
			case a := <-answers:
				got = append(got, from+" "+a)
			default:
				kept = append(kept, answers)
			}
		}
		if want := "192.0.2.1 EOF 0s, 192.0.2.3 EOF 0s"; strings.Join(got, ", ") != want || s.Counters().Refused != 2 {
			t.Errorf("closed %s, want %s", strings.Join(got, ", "), want)
		}
		for _, k := range kept {
			all(k)
		}
		synctest.Wait()
		if _, answers := dial(t, w, "192.0.2.1"); all(answers) != "EOF 10s" {
			t.Error("there is no room although all have left")
		}
	})
}

func TestServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := &Server{Network: w.host("198.51.100.7"), Addr: serverAddr, Handler: parrot{}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		start := time.Now()
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		_, idle := dial(t, w, "192.0.2.8")
		c, answers := dial(t, w, "192.0.2.9")
		c.Write(frame(query(t, "2s.slow.")))
		c.Write(frame(query(t, "9s.slow.")))
		client, _ := w.host("192.0.2.9").ListenPacket(t.Context(), netip.AddrPort{})
		defer client.Close()
		client.WriteToUDPAddrPort(query(t, "2s.slow."), serverAddr)
		time.Sleep(time.Second)
		stop()
		if got := all(idle); got != "EOF 1s" {
			t.Errorf("idle connection: %s", got)
		}
		if err := <-done; err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("Run: %v after %v, want 3s", err, time.Since(start))
		}
		got := all(answers)
		if !strings.HasPrefix(got, "2s.slow. NOERROR 2s; ") || !strings.HasSuffix(got, "EOF 3s") {
			t.Errorf("got %s", got)
		}
		buf := make([]byte, 512)
		if n, _, err := client.ReadFromUDPAddrPort(buf); err != nil || unpack(t, buf[:n]).Rcode != 0 {
			t.Errorf("over UDP: %v", err)
		}
	})
}

// TestServerOnSockets runs a server on the operating system's network, with
// the library's client.
func TestServerOnSockets(t *testing.T) {
	s := &Server{Network: link.OS{}, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Handler: parrot{}}
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(t.Context()); err == nil {
		t.Error("it listens twice")
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for _, transport := range []string{"udp", "tcp"} {
		for _, name := range []string{"a.quick.", "1ms.slow."} {
			m := new(mdns.Msg)
			m.SetQuestion(name, mdns.TypeA)
			c := mdns.Client{Net: transport}
			if r, _, err := c.Exchange(m, addr.String()); err != nil || r.Rcode != 0 {
				t.Errorf("%s over %s: %v, %v", name, transport, r, err)
			}
			if r, info, err := Exchange(t.Context(), link.OS{}, addr, m, ExchangeOptions{TCP: transport == "tcp"}); err != nil || r.Rcode != 0 || info.Transport != transport {
				t.Errorf("%s over %s: %v, %+v, %v", name, transport, r, info, err)
			}
		}
	}
	m := new(mdns.Msg)
	m.SetQuestion("a.huge.", mdns.TypeA)
	if _, info, err := Exchange(t.Context(), link.OS{}, addr, m, ExchangeOptions{}); err != nil || !info.Truncated || info.Transport != TCP || info.Size < 5000 {
		t.Errorf("huge: %+v, %v", info, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	// The address is taken as long as somebody has it.
	other, err := link.OS{}.ListenPacket(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := &Server{Network: link.OS{}, Addr: link.AddrPort(other.LocalAddr()), Handler: parrot{}}
	// The number is free for TCP as a rule; where somebody has that too, TCP is named.
	if err := taken.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "dns server: listen ") {
		t.Errorf("Run on a port that is taken: %v", err)
	}
}

// TestServerOnLoopback: on an internet of hosts the source address that the
// client checks is the server's own.
func TestServerOnLoopback(t *testing.T) {
	inet := new(link.Loopback)
	s := &Server{Network: inet.Host(serverAddr.Addr()), Addr: serverAddr, Handler: parrot{}}
	if addr, err := s.Listen(t.Context()); err != nil || addr != serverAddr {
		t.Fatalf("%v, %v", addr, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	m := new(mdns.Msg)
	m.SetQuestion("a.quick.", mdns.TypeA)
	for _, tcp := range []bool{false, true} {
		if _, info, err := Exchange(t.Context(), inet.Host(netip.MustParseAddr("192.0.2.9")), serverAddr, m, ExchangeOptions{TCP: tcp}); err != nil || info.Strangers != 0 {
			t.Errorf("%+v, %v", info, err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// pingPong starts a server on real sockets and returns one quick answer over
// UDP, there and back, with a client that does not allocate.
func pingPong(tb testing.TB) func() {
	s := &Server{Network: link.OS{}, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Handler: parrot{}, Panicked: func(any, []byte) {}}
	addr, err := s.Listen(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	client, err := link.OS{}.ListenPacket(tb.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		client.Close()
		stop()
		<-done
	})
	q, buf := query(tb, "www.quick."), make([]byte, 512)
	return func() {
		if _, err := client.WriteToUDPAddrPort(q, addr); err != nil {
			tb.Error(err)
		}
		if _, _, err := client.ReadFromUDPAddrPort(buf); err != nil {
			tb.Error(err)
		}
	}
}

func TestServerQuickAllocatesNothing(t *testing.T) {
	if got := testing.AllocsPerRun(200, pingPong(t)); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkServerUDP(b *testing.B) {
	once := pingPong(b)
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}
