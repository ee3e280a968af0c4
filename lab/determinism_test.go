package lab_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
	"waypost/lab"
)

// must returns v, and ends a test whose scene cannot be set.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// shop is a scene: five clients in one region and two servers in another,
// behind lossy links.
type shop struct {
	lab     *lab.Lab
	clients []*lab.Host
	servers []netip.AddrPort
	links   []*lab.Link
	stop    func()
}

func openShop(o lab.Options) *shop {
	s := &shop{lab: lab.New(o)}
	l := s.lab
	eu := must(l.Region("eu", netip.MustParsePrefix("192.0.2.0/24")))
	us := must(l.Region("us", netip.MustParsePrefix("198.51.100.0/24")))
	between := must(lab.ParseShape("40ms loss 1% rate 20Mbit queue 100KB"))
	s.links = append(s.links, must(l.Between(eu, us, between)))
	access := must(lab.ParseShape("5ms jitter 2ms loss 0.5%"))
	for n := range 5 {
		name := fmt.Sprintf("client%d", n)
		s.clients = append(s.clients, must(eu.Host(name, lab.HostOptions{}, nil, access)))
		s.links = append(s.links, l.Link(name, "eu-switch"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	for n := range 2 {
		h := must(us.Host(fmt.Sprintf("server%d", n), lab.HostOptions{}, nil, must(lab.ParseShape("1ms"))))
		at := netip.AddrPortFrom(h.Addrs()[0], 80)
		s.servers = append(s.servers, at)
		listener := must(h.Listen(ctx, at))
		server := &wire.Server{Handler: wire.HandlerFunc(answer)}
		serving.Go(func() { _ = server.Serve(ctx, listener) })
	}
	s.stop = func() {
		cancel()
		serving.Wait()
		l.Close()
	}
	return s
}

// answer takes its time for some pages and has much to say.
func answer(x wire.Exchange) {
	path := x.Request().Path
	if strings.HasSuffix(path, "slow") {
		time.Sleep(10 * time.Millisecond)
	}
	body := strings.Repeat(path+"\n", 1+20000/len(path))
	_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(len(body)))
	_, _ = io.WriteString(x, body)
}

// visit asks a server for pages over one connection.
func (s *shop) visit(h *lab.Host, server netip.AddrPort, paths ...string) error {
	ctx := context.Background()
	c, err := h.Dial(ctx, server)
	if err != nil {
		return err
	}
	client, err := wire.NewClient(c, "http/1.1", wire.Limits{})
	if err != nil {
		return err
	}
	defer client.Close()
	for _, path := range paths {
		resp, err := client.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: "shop.test", Path: path})
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 20000 {
			return fmt.Errorf("%s: %d bytes, %w", path, n, err)
		}
	}
	return nil
}

// busyHour lets every client, at the same instants, ask both servers.
func busyHour(t *testing.T, s *shop) {
	var visits sync.WaitGroup
	for i, h := range s.clients {
		for round := range 3 {
			for j, server := range s.servers {
				visits.Add(1)
				s.lab.At(time.Duration(round)*100*time.Millisecond, func() {
					defer visits.Done()
					paths := []string{fmt.Sprintf("/%d/%d/a", i, round), fmt.Sprintf("/%d/%d/slow", i, j), "/c"}
					if err := s.visit(h, server, paths...); err != nil {
						t.Errorf("client %d round %d server %d: %v", i, round, j, err)
					}
				})
			}
		}
	}
	visits.Wait()
}

// capturedHour returns what the links saw of a busy hour, as a hash.
func capturedHour(t *testing.T, seed uint64) string {
	var file bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s := openShop(lab.Options{Seed: seed, Virtual: true})
		defer s.stop()
		capture := must(s.lab.Capture(&file, lab.CaptureOptions{Links: s.links}))
		busyHour(t, s)
		if err := capture.Close(); err != nil {
			t.Error(err)
		}
	})
	if *keep != "" {
		if err := os.WriteFile(*keep, file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256(file.Bytes())
	return hex.EncodeToString(sum[:])
}

var (
	keep = flag.String("lab.keep", "", "write the last capture of the determinism tests to this file")
	once = flag.Uint64("lab.once", 0, "run the determinism scenario once with this seed and print its hash")
)

func TestOneSeedOneCapture(t *testing.T) {
	if *once != 0 {
		fmt.Printf("hash %s\n", capturedHour(t, *once))
		return
	}
	inOrder(t)
	want := capturedHour(t, 7)
	for n := range 19 {
		if got := capturedHour(t, 7); got != want {
			t.Fatalf("run %d: %s, want %s", n+2, got, want)
		}
	}
	if got := capturedHour(t, 8); got == want {
		t.Error("another seed gives the same capture")
	}
	for range 3 {
		out, err := exec.Command(os.Args[0], "-test.run=^TestOneSeedOneCapture$", "-lab.once=7").CombinedOutput()
		if err != nil {
			t.Fatalf("another process: %v\n%s", err, out)
		}
		if !strings.Contains(string(out), "hash "+want) {
			t.Errorf("another process: %s, want hash %s", out, want)
		}
	}
}
