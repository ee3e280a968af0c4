package stack

import (
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"waypost/tcp"
)

// directPair is two hosts whose devices deliver within Transmit.
func directPair(t testing.TB, a, b Config) (ha, hb *Host) {
	t.Helper()
	ha, hb = newHost(t, a), newHost(t, b)
	da, db := &direct{}, &direct{}
	ia, err := ha.Attach(da, InterfaceConfig{MAC: macA, Prefixes: prefixes("192.0.2.1/24")})
	if err != nil {
		t.Fatal(err)
	}
	ib, err := hb.Attach(db, InterfaceConfig{MAC: macB, Prefixes: prefixes("192.0.2.2/24")})
	if err != nil {
		t.Fatal(err)
	}
	da.to, db.to = ib, ia
	return ha, hb
}

// queuedPair is two hosts on a wire with a queue and a goroutine for each
// direction, as the lab has them.
func queuedPair(t testing.TB, a, b Config) (ha, hb *Host) {
	p := newPair(t, 0, a, b)
	return p.a, p.b
}

var benchmarkLinks = []struct {
	name string
	pair func(t testing.TB, a, b Config) (*Host, *Host)
}{{"direct", directPair}, {"queued", queuedPair}}

// BenchmarkTCP moves payload in writes of 64 KB from host to host.
func BenchmarkTCP(b *testing.B) {
	for _, link := range benchmarkLinks {
		b.Run(link.name, func(b *testing.B) {
			ha, hb := link.pair(b, Config{}, Config{})
			l := listenTCP(b, hb, "192.0.2.2:80")
			done := make(chan error)
			go func() {
				s, err := l.Accept()
				if err != nil {
					done <- err
					return
				}
				buf := make([]byte, 64<<10)
				for {
					if _, err := s.Read(buf); err != nil {
						if errors.Is(err, io.EOF) {
							err = nil
						}
						done <- err
						return
					}
				}
			}()
			c := dialTCP(b, ha, "192.0.2.2:80")
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			c.CloseWrite()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTCPPingPong sends one byte there and back.
func BenchmarkTCPPingPong(b *testing.B) {
	for _, link := range benchmarkLinks {
		b.Run(link.name, func(b *testing.B) {
			ha, hb := link.pair(b, Config{}, Config{})
			l := listenTCP(b, hb, "192.0.2.2:80")
			go func() {
				s, err := l.Accept()
				if err == nil {
					echo(s)
				}
			}()
			c := dialTCP(b, ha, "192.0.2.2:80")
			buf := make([]byte, 1)
			b.ReportAllocs()
			for b.Loop() {
				c.Write(buf)
				c.Read(buf)
			}
		})
	}
}

// echo writes back what it reads, without the cleverness of io.Copy.
func echo(c net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			c.Close()
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// BenchmarkUDPPingPong sends one datagram there and back.
func BenchmarkUDPPingPong(b *testing.B) {
	for _, link := range benchmarkLinks {
		b.Run(link.name, func(b *testing.B) {
			ha, hb := link.pair(b, Config{}, Config{})
			s, c := listenUDP(b, hb, "192.0.2.2:53"), listenUDP(b, ha, "")
			go func() {
				buf := make([]byte, 100)
				for {
					n, from, err := s.ReadFromUDPAddrPort(buf)
					if err != nil {
						return
					}
					s.WriteToUDPAddrPort(buf[:n], from)
				}
			}()
			buf := make([]byte, 64)
			to := addrPort("192.0.2.2:53")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.WriteToUDPAddrPort(buf, to); err != nil {
					b.Fatal(err)
				}
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDial opens and closes connections.
func BenchmarkDial(b *testing.B) {
	ha, hb := directPair(b, Config{TCP: tcp.Config{}}, Config{})
	l := listenTCP(b, hb, "192.0.2.2:80")
	go func() {
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			s.Close()
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		c, err := ha.Dial(b.Context(), addrPort("192.0.2.2:80"))
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkIdleConnections tells the memory of one connection with both of
// its ends in this process.
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 10_000
	for b.Loop() {
		ha, hb := directPair(b, Config{}, Config{})
		before := heapInUse()
		idle := openIdle(b, ha, hb, connections)
		b.ReportMetric(float64(heapInUse()-before)/connections, "B/conn")
		runtime.KeepAlive(idle)
		ha.Close()
		hb.Close()
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// openIdle opens connections on which something was said.
func openIdle(t testing.TB, ha, hb *Host, count int) []net.Conn {
	l := listenTCP(t, hb, "192.0.2.2:80")
	var all []net.Conn
	buf := make([]byte, 1000)
	for range count {
		c, err := ha.Dial(t.Context(), addrPort("192.0.2.2:80"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, way := range [][2]net.Conn{{c, s}, {s, c}} {
			way[0].Write(buf)
			if _, err := io.ReadFull(way[1], buf); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, c, s)
	}
	return all
}
