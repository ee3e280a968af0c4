package lab

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// transfer sends data from a to b over a new connection and returns what
// arrived.
func transfer(t *testing.T, a, b *Host, data []byte) []byte {
	t.Helper()
	ctx := context.Background()
	listener := must(b.Listen(ctx, port("192.0.2.2:80")))
	defer listener.Close()
	received := make(chan []byte)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			t.Error(err)
			close(received)
			return
		}
		defer c.Close()
		got, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		received <- got
	}()
	c := must(a.Dial(ctx, port("192.0.2.2:80")))
	defer c.Close()
	must(c.Write(data))
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	return <-received
}

// two makes two hosts on a link.
func two(l *Lab, there LinkShape, back ...LinkShape) (a, b *Host, k *Link) {
	a = must(l.Host("a", HostOptions{}))
	b = must(l.Host("b", HostOptions{}))
	k = must(l.Connect(a.Port(prefix("192.0.2.1/24")), b.Port(prefix("192.0.2.2/24")), there, back...))
	return a, b, k
}

func TestTCPTakesWhatItShould(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a, b, _ := two(l, LinkShape{Delay: 10 * time.Millisecond})
		var c net.Conn
		listener := must(b.Listen(context.Background(), port("192.0.2.2:80")))
		defer listener.Close()
		go func() {
			c, err := listener.Accept()
			if err == nil {
				io.Copy(c, c)
				c.Close()
			}
		}()
		c = must(a.Dial(context.Background(), port("192.0.2.2:80")))
		if got, want := l.Now(), 40*time.Millisecond; got != want {
			t.Errorf("connected after %s, want %s: a round trip for ARP and one for the handshake", got, want)
		}
		c.Write([]byte("ping"))
		io.ReadFull(c, make([]byte, 4))
		if got, want := l.Now(), 60*time.Millisecond; got != want {
			t.Errorf("answered after %s, want %s", got, want)
		}
		c.Close()
	})
}

func TestTCPOverBadLinks(t *testing.T) {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, shape := range []string{
		"", "20ms", "20ms loss 3%", "20ms jitter 5ms reorder 5% by 7ms", "5ms duplicate 10% corrupt 2%",
		"10ms rate 5Mbit queue 30KB", "10ms rate 5Mbit queue 500KB codel", "10ms loss burst 0.5% 30% rate 20Mbit",
	} {
		t.Run(shape, func(t *testing.T) {
			inVirtualTime(t, func(l *Lab) {
				s := must(ParseShape(shape))
				a, b, k := two(l, s)
				if got := transfer(t, a, b, data); !bytes.Equal(got, data) {
					t.Errorf("%d bytes arrived, not the %d that were sent", len(got), len(data))
				}
				there, _ := k.Stats()
				t.Logf("%s: %+v", l.Now(), there)
			})
		})
	}
}
