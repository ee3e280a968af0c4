package lab_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/lab"
	"waypost/packet"

	"github.com/gopacket/gopacket/pcapgo"
)

// tshark runs it over a capture, or skips.
func tshark(t *testing.T, file []byte, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: the capture is not read by it")
	}
	name := filepath.Join(t.TempDir(), "lab.pcapng")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), path, append([]string{"-r", name}, args...)...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("tshark %q: %v\n%s", args, err, &complaints)
	}
	return string(out)
}

// checksums makes tshark check what it does not check by default.
var checksums = []string{"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}

// captured runs f with two hosts and captures the link between them.
func captured(t *testing.T, at string, shape string, f func(l *lab.Lab, a, b *lab.Host, c *lab.Capture)) []byte {
	t.Helper()
	var file bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		l := lab.New(lab.Options{Seed: 1, Virtual: true})
		defer l.Close()
		a := must(l.Host("a", lab.HostOptions{}))
		b := must(l.Host("b", lab.HostOptions{}))
		k := must(l.Connect(
			a.Port(netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")),
			b.Port(netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("2001:db8::2/64")),
			must(lab.ParseShape(shape))))
		c := must(l.Capture(&file, lab.CaptureOptions{Links: []*lab.Link{k}, At: at}))
		f(l, a, b, c)
		time.Sleep(5 * time.Minute) // until TIME-WAIT is over
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return file.Bytes()
}

// exchange sends so many bytes from a to b over TCP and a few back, and
// closes.
func exchange(t *testing.T, a, b *lab.Host, to netip.AddrPort, bytes int) {
	t.Helper()
	ctx := context.Background()
	listener := must(b.Listen(ctx, to))
	go func() {
		c, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, c)
		_, _ = io.WriteString(c, "thanks")
		c.Close()
	}()
	c := must(a.Dial(ctx, to))
	must(c.Write(make([]byte, bytes)))
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(c); string(got) != "thanks" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	c.Close()
	listener.Close()
}

func TestCaptureIsReadByTshark(t *testing.T) {
	for _, test := range []struct{ name, at, shape string }{
		{"at a good link", "", "20ms"},
		{"at the sender of a lossy link", "a", "20ms loss 2%"},
		{"at the receiver of a lossy link", "b", "20ms loss 2%"},
		{"what a lossy link was given", "", "20ms loss 2% rate 10Mbit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := captured(t, test.at, test.shape, func(l *lab.Lab, a, b *lab.Host, _ *lab.Capture) {
				ctx := context.Background()
				for _, to := range []string{"192.0.2.2", "2001:db8::2"} {
					addr := netip.MustParseAddr(to)
					exchange(t, a, b, netip.AddrPortFrom(addr, 80), 300_000)
					_, _ = a.Ping(ctx, addr)
					u := must(a.ListenPacket(ctx, netip.AddrPort{}))
					for range 3 { // on a lossy link one arrives
						must(u.WriteToUDPAddrPort([]byte("to a closed port"), netip.AddrPortFrom(addr, 9)))
						time.Sleep(time.Second)
					}
					u.Close()
				}
			})
			spoiled := "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
			if bad := tshark(t, file, append(checksums, "-Y", spoiled)...); bad != "" {
				t.Errorf("malformed, or with a wrong checksum:\n%s", bad)
			}
			if errs := tshark(t, file, append(checksums, "-q", "-z", "expert,error")...); strings.Contains(errs, "Errors (") {
				t.Errorf("expert information:\n%s", errs)
			}
			seen := tshark(t, file)
			for _, want := range []string{
				"[SYN]", "[FIN, ACK]", "192.0.2.2 is at 02:00:00:00:00:02", "Destination unreachable (Port unreachable)",
				"Echo (ping) request", "Echo (ping) reply", "Neighbor Advertisement 2001:db8::2",
			} {
				if !strings.Contains(seen, want) {
					t.Errorf("no frame is %s", want)
				}
			}
			again := strings.Contains(seen, "Retransmission]")
			if lossy := strings.Contains(test.shape, "loss"); lossy != again && test.at != "b" {
				t.Errorf("retransmissions %v, lossy %v", again, lossy)
			}
		})
	}
}

func TestCaptureOpensTLS(t *testing.T) {
	file := captured(t, "", "10ms", func(l *lab.Lab, a, b *lab.Host, c *lab.Capture) {
		ctx := context.Background()
		at := netip.MustParseAddrPort("192.0.2.2:443")
		listener := tls.NewListener(must(b.Listen(ctx, at)), serverTLS())
		go func() {
			c, err := listener.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.ReadFull(c, make([]byte, len(plainRequest)))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			c.Close()
		}()
		conn := tls.Client(must(a.Dial(ctx, at)), &tls.Config{InsecureSkipVerify: true, KeyLogWriter: c.KeyLog()})
		must(io.WriteString(conn, plainRequest))
		_, _ = io.ReadAll(conn)
		conn.Close()
		listener.Close()
	})
	if got := tshark(t, file, "-Y", "http.request", "-T", "fields", "-e", "http.request.uri"); got != "/secret\n" {
		t.Errorf("tshark saw requests for %q, want /secret", got)
	}
}

const plainRequest = "GET /secret HTTP/1.1\r\nHost: shop.test\r\n\r\n"

// serverTLS has a certificate whose signatures always have one length.
func serverTLS() *tls.Config {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.test"}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der := must(x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestCaptureTellsWhatWasLost(t *testing.T) {
	file := captured(t, "", "10ms loss nth 3", func(l *lab.Lab, a, b *lab.Host, _ *lab.Capture) {
		exchange(t, a, b, netip.MustParseAddrPort("192.0.2.2:80"), 1000)
	})
	want := []string{"a-b at a: TCP: Frame 3 on this way was to be lost.", "a-b at b: ICM: Frame 3 on this way was to be lost."}
	if got := commentsOf(file); !slices.Equal(got, want) {
		t.Errorf("comments\n%q\nwant\n%q", got, want)
	}
}

// TestCaptureTellsWhatTheQueueDropped: three datagrams at once, room for one
// behind the one that is being sent.
func TestCaptureTellsWhatTheQueueDropped(t *testing.T) {
	file := captured(t, "", "10ms rate 1Mbit queue 1500B", func(_ *lab.Lab, a, b *lab.Host, _ *lab.Capture) {
		_ = must(a.Ping(context.Background(), netip.MustParseAddr("192.0.2.2"))) // no ARP in between
		time.Sleep(time.Second)
		p := must(a.ListenPacket(context.Background(), netip.MustParseAddrPort("192.0.2.1:9")))
		defer p.Close()
		for range 3 {
			_ = must(p.WriteToUDPAddrPort(make([]byte, 1000), netip.MustParseAddrPort("192.0.2.2:9")))
		}
	})
	want := []string{"a-b at a: UDP: The queue of 1500B is full."}
	if got := commentsOf(file); !slices.Equal(got, want) {
		t.Errorf("comments\n%q\nwant\n%q", got, want)
	}
}

// commentsOf are the comments in a capture, with what they are about.
func commentsOf(file []byte) []string {
	r := must(pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{}))
	var comments []string
	for {
		data, info, opts, err := r.ReadPacketDataWithOptions()
		if err != nil {
			return comments
		}
		i := must(r.Interface(info.InterfaceIndex))
		for _, c := range opts.Comments {
			comments = append(comments, i.Name+": "+packet.Describe(data)[:3]+": "+c)
		}
	}
}
