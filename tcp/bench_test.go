package tcp

import (
	"testing"
	"time"
)

// pair is two established ends that hand each other segments directly.
func pair(tb testing.TB, cfg *Config) (client, server *Conn, shuttle func(now Time)) {
	now := time.Second
	l := Listen(&ListenConfig{Config: cfg})
	client = Dial(cfg, clientAddr, serverAddr, 1000, now)
	var s Segment
	if !client.Next(now, &s) {
		tb.Fatal("no SYN")
	}
	server, _, _ = l.Segment(now, serverAddr, clientAddr, &s)
	shuttle = func(now Time) {
		for more := true; more; {
			more = false
			for client.Next(now, &s) {
				server.Segment(now, &s)
				more = true
				for server.Next(now, &s) {
					client.Segment(now, &s)
				}
			}
			for server.Next(now, &s) {
				client.Segment(now, &s)
				more = true
			}
		}
	}
	shuttle(now)
	if client.state != Established || server.state != Established {
		tb.Fatalf("client %v, server %v", client.state, server.state)
	}
	return client, server, shuttle
}

// BenchmarkTransfer moves payload from one end to the other in segments of
// 1,460 bytes: written, cut, acknowledged, read.
func BenchmarkTransfer(b *testing.B) {
	for _, bench := range []struct {
		name string
		cfg  Config
	}{
		{"plain", Config{NoTimestamps: true}},
		{"timestamps", Config{}},
		{"reno", Config{NoTimestamps: true, Congestion: Reno}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			client, server, shuttle := pair(b, &bench.cfg)
			in, out := make([]byte, 256<<10), make([]byte, 256<<10)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			now := time.Second
			for b.Loop() {
				now += 100 * time.Microsecond
				for rest := in; len(rest) > 0; {
					n, err := client.Write(now, rest)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
					shuttle(now)
					for {
						if n, _ := server.Read(now, out); n == 0 {
							break
						}
						shuttle(now)
					}
				}
			}
		})
	}
}
