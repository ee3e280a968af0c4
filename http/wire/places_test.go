package wire

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"waypost/internal/memnet"
	"waypost/link"
)

// TestClientOf: whom a bound for each client counts.
func TestClientOf(t *testing.T) {
	for _, tt := range []struct{ addr, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::", "2001:db8:1:2::"},
		{"2001:db8:1:3::1", "2001:db8:1:3::"},
		{"fe80::1%eth0", "fe80::"},
		{"", "invalid IP"},
	} {
		var addr netip.Addr
		if tt.addr != "" {
			addr = netip.MustParseAddr(tt.addr)
		}
		if got := ClientOf(addr).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.addr, got, tt.want)
		}
	}
}

// crowd is a server with hosts around it.
type crowd struct {
	t     *testing.T
	inet  *memnet.Net
	held  chan struct{} // requests for /held are answered when it is closed
	mu    sync.Mutex
	told  []BadRequest
	peers []net.Conn
}

const crowdPort = 80

// gather serves with a bound of per connections for each client.
func gather(t *testing.T, per int, s Server) *crowd {
	t.Helper()
	g := &crowd{t: t, inet: &memnet.Net{}, held: make(chan struct{})}
	s.Limits.ConnectionsPerClient = per
	s.Bad = func(b BadRequest) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.told = append(g.told, b)
	}
	s.Handler = HandlerFunc(func(x Exchange) {
		if x.Request().Path == "/held" {
			select {
			case <-g.held:
			case <-x.Context().Done():
			}
		}
		echo(x)
	})
	g.serve(&s, crowdPort)
	t.Cleanup(func() {
		close(g.held)
		for _, c := range g.peers {
			c.Close()
		}
	})
	return g
}

func (g *crowd) serve(s *Server, port uint16) {
	g.t.Helper()
	l, err := g.inet.Host(h3ServerAddr.Addr()).Listen(g.t.Context(), netip.AddrPortFrom(h3ServerAddr.Addr(), port))
	if err != nil {
		g.t.Fatal(err)
	}
	startServer(g.t, s, l)
}

// comes opens a connection from an address, says something on it, and
// reports whether it is still open when all has come to rest.
func (g *crowd) comes(from string, port uint16, say string) (net.Conn, bool) {
	g.t.Helper()
	c, err := g.inet.Host(netip.MustParseAddr(from)).Dial(g.t.Context(), netip.AddrPortFrom(h3ServerAddr.Addr(), port))
	if err != nil {
		g.t.Fatal(err)
	}
	g.peers = append(g.peers, c)
	synctest.Wait()
	_, _ = io.WriteString(c, say)
	return c, g.open(c)
}

func (g *crowd) open(c net.Conn) bool {
	synctest.Wait()
	_ = c.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := c.Read(make([]byte, 4<<10))
	return err == nil || isTimeout(err)
}

func (g *crowd) refused() []BadRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told
}

const heldGet = "GET /held HTTP/1.1\r\nHost: h\r\n\r\n"

// TestConnectionsPerClient: whose connections are all busy gets no more than
// its number, others get theirs, and what is one too many is told and costs no
// goroutine.
func TestConnectionsPerClient(t *testing.T) {
	const per = 3
	for _, tt := range []struct {
		name  string
		from  []string // in turn
		other string
	}{
		{"IPv4", []string{"192.0.2.1"}, "192.0.2.2"},
		{"IPv4 in IPv6", []string{"192.0.2.1", "::ffff:192.0.2.1"}, "192.0.2.2"},
		{"a /64", []string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"}, "2001:db8:0:1::1"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gather(t, per, Server{})
				var first net.Conn
				for n := range per {
					c, open := g.comes(tt.from[n%len(tt.from)], crowdPort, heldGet)
					if !open {
						t.Fatalf("connection %d is closed", n)
					}
					if first == nil {
						first = c
					}
				}
				for n := range 10 {
					if _, open := g.comes(tt.from[n%len(tt.from)], crowdPort, heldGet); open {
						t.Error("a connection beyond the bound is open")
					}
				}
				told := g.refused()
				if len(told) != 10 || told[0].Reason != "more than 3 connections of one client" || told[0].Remote.Addr() != netip.MustParseAddr(tt.from[0]) {
					t.Errorf("told %v", told)
				}
				if _, open := g.comes(tt.other, crowdPort, heldGet); !open {
					t.Error("another client's connection is closed")
				}
				first.Close()
				synctest.Wait()
				if _, open := g.comes(tt.from[0], crowdPort, heldGet); !open {
					t.Error("after one has left, the next is closed")
				}
			})
		})
	}
}

// TestOwnIdleConnectionsMakeRoom: a client at its bound with connections that
// carry nothing has one of them closed for each that it opens; nobody else's.
func TestOwnIdleConnectionsMakeRoom(t *testing.T) {
	const per = 4
	synctest.Test(t, func(t *testing.T) {
		g := gather(t, per, Server{})
		other, _ := g.comes("192.0.2.2", crowdPort, "")
		var own []net.Conn
		for range 5 * per {
			c, open := g.comes("192.0.2.1", crowdPort, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if !open {
				t.Fatal("a client whose connections are idle gets no more")
			}
			own = append(own, c)
		}
		left := 0
		for _, c := range own {
			if g.open(c) {
				left++
			}
		}
		if left != per || !g.open(other) || len(g.refused()) > 0 {
			t.Errorf("%d of its own are left, want %d; the other's is open: %v; told %v", left, per, g.open(other), g.refused())
		}
	})
}

// TestConnectionsBehindBalancers: those whom a balancer speaks for are counted,
// and not the balancer.
func TestConnectionsBehindBalancers(t *testing.T) {
	const per, balancer = 2, "198.51.100.1"
	header := func(client string) string { return "PROXY TCP4 " + client + " 192.0.2.80 50000 80\r\n" }
	synctest.Test(t, func(t *testing.T) {
		g := gather(t, per, Server{ProxyFrom: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
		for n, tt := range []struct {
			from, say string
			open      bool
		}{
			{balancer, "", true}, {balancer, "", true}, {balancer, "", true}, // it has not said for whom
			{balancer, "PROXY UNKNOWN\r\n" + heldGet, true}, {balancer, "PROXY UNKNOWN\r\n" + heldGet, true}, {balancer, "PROXY UNKNOWN\r\n" + heldGet, true},
			{balancer, header("192.0.2.1") + heldGet, true}, {balancer, header("192.0.2.1") + heldGet, true},
			{balancer, header("192.0.2.1") + heldGet, false},
			{balancer, header("192.0.2.2") + heldGet, true}, {balancer, header("192.0.2.2") + heldGet, true},
			{"198.51.100.9", header("192.0.2.2") + heldGet, false},
			{"192.0.2.2", heldGet, false}, // itself
			{"192.0.2.3", heldGet, true},
		} {
			if _, open := g.comes(tt.from, crowdPort, tt.say); open != tt.open {
				t.Errorf("connection %d (%s, %q): open %v, want %v", n, tt.from, tt.say, open, tt.open)
			}
		}
		if told := g.refused(); len(told) != 3 || told[0].Remote.String() != "192.0.2.1:50000" {
			t.Errorf("told %v", told)
		}
	})
}

// TestPlacesAreShared: servers with the same Places count together, for each
// client and in all.
func TestPlacesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &Places{}
		s := Server{Places: shared, Limits: Limits{Connections: 5}}
		g := gather(t, 3, s)
		second := Server{Places: shared, Limits: Limits{Connections: 5, ConnectionsPerClient: 3}, Handler: HandlerFunc(echo)}
		g.serve(&second, 81)
		for n, tt := range []struct {
			from string
			port uint16
			say  string
			open bool
		}{
			{"192.0.2.1", 80, heldGet, true}, {"192.0.2.1", 81, "", true}, {"192.0.2.1", 80, heldGet, true},
			{"192.0.2.1", 81, "", true}, // for which the idle one goes
			{"192.0.2.1", 80, heldGet, true}, {"192.0.2.1", 81, "", false},
			{"192.0.2.2", 81, "", true}, {"192.0.2.2", 80, heldGet, true}, // five, one of them idle
			{"192.0.2.3", 80, heldGet, true},
		} {
			if _, open := g.comes(tt.from, tt.port, tt.say); open != tt.open {
				t.Errorf("connection %d: open %v, want %v", n, open, tt.open)
			}
		}
		shared.mu.Lock()
		if len(shared.conns) != 5 || len(shared.clients) != 3 {
			t.Errorf("%d connections of %d clients", len(shared.conns), len(shared.clients))
		}
		shared.mu.Unlock()
	})
}

// TestPlacesOverQUIC: a client's connections over TCP and QUIC count together.
// Handshakes from an address that nobody answers at, which anybody may have
// forged, take no place from whose it is.
func TestPlacesOverQUIC(t *testing.T) {
	const per = 3
	forged := netip.MustParseAddr("192.0.2.66")
	synctest.Test(t, func(t *testing.T) {
		shared := &Places{}
		g := gather(t, per, Server{Places: shared})
		g.inet.Lose = func(_, to netip.AddrPort, _ []byte) bool { return to.Addr() == forged }
		w := serveQUICOn(t, g.inet, &Server{Places: shared, Limits: Limits{ConnectionsPerClient: per}, Handler: HandlerFunc(func(x Exchange) {
			<-x.Context().Done()
			x.Abort()
		})})
		ask := func() error {
			d := H3Dialer{TLS: w.client}
			c, err := d.Dial(t.Context(), w.socket(t), h3ServerAddr)
			if err != nil {
				return err
			}
			t.Cleanup(func() { c.Close() })
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			go func() {
				r := get("/")
				r.Scheme = "https"
				_, _ = c.Do(ctx, r)
			}()
			time.Sleep(time.Second)
			return c.Err()
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		client := h3ClientAddr.String()
		for range per - 1 {
			if _, open := g.comes(client, crowdPort, heldGet); !open {
				t.Error("a connection within the bound is closed")
			}
		}
		if _, open := g.comes(client, crowdPort, heldGet); open {
			t.Error("a fourth over TCP is open")
		}
		if err := ask(); err == nil {
			t.Error("a fourth over QUIC is open")
		}
		for range 2 * per {
			pc, err := g.inet.Host(forged).ListenPacket(t.Context(), netip.AddrPort{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			d := H3Dialer{TLS: w.client}
			if _, err := d.Dial(ctx, pc, h3ServerAddr); err == nil {
				t.Error("a handshake without answers is complete")
			}
			cancel()
		}
		for range per {
			if _, open := g.comes(forged.String(), crowdPort, heldGet); !open {
				t.Error("a connection of whose address was forged is closed")
			}
		}
	})
}

// TestOneClientLeavesPlaces: slow bodies from one address take its share, and
// a visitor does not wait for them.
func TestOneClientLeavesPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gather(t, siege/2, Server{Limits: Limits{Connections: siege}})
		open := 0
		for range 2 * siege {
			if _, ok := g.comes("192.0.2.1", crowdPort, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"); ok {
				open++
			}
		}
		start := time.Now()
		for n := range siege / 4 {
			c, _ := g.comes(fmt.Sprintf("192.0.3.%d", n), crowdPort, "")
			_ = c.SetReadDeadline(time.Time{})
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
				t.Errorf("a visitor got %q, %v", b, err)
			}
		}
		if took := time.Since(start); open != siege/2 || took > time.Millisecond {
			t.Errorf("the attacker has %d, visitors waited %v", open, took)
		}
	})
}

// idleConnection is one that can always be closed, or never.
type idleConnection struct{ idle *atomic.Bool }

func (c *idleConnection) closeIfIdle() bool { return c.idle.Load() }
func (c *idleConnection) drain()            {}
func (c *idleConnection) cut()              {}

// TestPlacesTable: the table holds whom it counts and nobody else, and to
// count costs no memory beyond it.
func TestPlacesTable(t *testing.T) {
	const conns, clients = 4096, 1024
	p, v := &Places{}, &serving{}
	p.ready()
	v.places = p
	limits := Limits{ConnectionsPerClient: conns / clients}
	var idle atomic.Bool
	all := make([]*idleConnection, conns)
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	come := func() {
		for i := range all {
			client, ok := p.claim(addr(i%clients), &limits)
			if !ok {
				t.Fatalf("connection %d is refused", i)
			}
			p.enter(v, all[i], client)
		}
	}
	for i := range all {
		all[i] = &idleConnection{&idle}
	}
	come()
	if len(p.conns) != conns || len(p.clients) != clients || v.open != conns {
		t.Errorf("%d connections, %d clients, %d of the server", len(p.conns), len(p.clients), v.open)
	}
	if _, ok := p.claim(addr(0), &limits); ok {
		t.Error("one too many is counted")
	}
	for _, c := range all {
		v.forget(c)
		v.forget(c) // evicted first, for instance
	}
	if len(p.conns) != 0 || len(p.clients) != 0 || v.open != 0 {
		t.Errorf("afterwards %d connections, %d clients, %d of the server", len(p.conns), len(p.clients), v.open)
	}
	remote := link.AddrPort(net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::1]:50000")))
	if n := testing.AllocsPerRun(100, func() {
		client, _ := p.claim(remote.Addr(), &limits)
		p.enter(v, all[0], client)
		v.forget(all[0])
	}); n != 0 {
		t.Errorf("%v allocations for a connection", n)
	}
}

// TestPlaceOfWhoTurnsIdle: a connection that has become idle makes room for
// one that came while all were busy.
func TestPlaceOfWhoTurnsIdle(t *testing.T) {
	for _, proto := range []string{"HTTP1", "HTTP2"} {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const busy = 3 * time.Second
				l := serveMem(t, &Server{Limits: Limits{Connections: 2}, Handler: HandlerFunc(func(x Exchange) {
					if x.Request().Path == "/busy" {
						time.Sleep(busy)
					}
					echo(x)
				})})
				for range 2 {
					if proto == "HTTP2" {
						greeted(t, l).headers(1, true, ":method: GET", ":scheme: http", ":authority: h", ":path: /busy")
						continue
					}
					c, err := l.dial(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					send(t, c, "GET /busy HTTP/1.1\r\nHost: h\r\n\r\n")
				}
				synctest.Wait()
				if took := visit(t, l); took > busy+evictTime {
					t.Errorf("a visitor waited %v although two connections are idle after %v", took, busy)
				}
			})
		})
	}
}
