//go:build linux

package wire

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The full-connection attack: thousands connect and say nothing, or not
// enough. The attacker is a process of its own, so that what is measured here
// is the server's.

const (
	attackEnv = "WAYPOST_TEST_ATTACK" // "address how count"

	sayNothing = "nothing"
	sayHalf    = "half"  // of a TLS hello
	sayHello   = "hello" // and no more
)

// TestAttackerProcess is the attacker: it opens its connections, says
// "ready", and holds them until its input ends.
func TestAttackerProcess(t *testing.T) {
	order := strings.Fields(os.Getenv(attackEnv))
	if len(order) != 3 {
		t.Skip("skipped: this is a part of the other tests")
	}
	count, _ := strconv.Atoi(order[2])
	say := map[string][]byte{sayNothing: nil, sayHello: clientHello()}
	say[sayHalf] = say[sayHello][:len(say[sayHello])/2]
	all := make([]net.Conn, 0, count)
	for range count {
		c, err := net.Dial("tcp", order[0])
		if err == nil {
			_, err = c.Write(say[order[1]])
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		all = append(all, c)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(all)
	os.Exit(0)
}

// clientHello is the first flight of a TLS client.
func clientHello() []byte {
	client, server := memPipe()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "h"}).Handshake() }()
	b := make([]byte, maxHello)
	n, _ := server.Read(b)
	server.Close()
	return b[:n]
}

// attack opens count connections to addr that say what is given, and returns
// what closes them.
func attack(t *testing.T, addr, say string, count int) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAttackerProcess$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", attackEnv, addr, say, count))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the attacker says %q", line)
	}
	stop = func() {
		in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// TestSilentConnections: ten thousand connections that never send a byte cost
// 2 KB each at most and no goroutine, with TLS and without, and another client
// is served.
func TestSilentConnections(t *testing.T) {
	if underRace {
		t.Skip("the race detector has its own costs")
	}
	const conns, each = 10_000, 2 << 10
	secret, trusting := selfSigned(t)
	for name, config := range map[string]*tls.Config{"http": nil, "https": secret} {
		t.Run(name, func(t *testing.T) {
			idle := runtime.NumGoroutine()
			s, addr := attacked(t, config)
			served(t, addr, config != nil, trusting) // what is made once
			until(t, "the first client is gone", func() bool { return s.connections() == 0 && runtime.NumGoroutine() <= idle+ofServer })
			before := inUse()
			attack(t, addr, sayNothing, conns)
			until(t, "all are parked", func() bool { return s.connections() == conns && runtime.NumGoroutine() <= idle+ofServer })
			cost := (inUse() - before) / conns
			if cost > each {
				t.Errorf("a silent connection costs %d bytes, want at most %d", cost, each)
			} else {
				t.Logf("a silent connection costs %d bytes", cost)
			}
			served(t, addr, config != nil, trusting)
		})
	}
}

// TestStuckHandshakes: a client that stops within the TLS handshake costs what
// crypto/tls keeps for it, for HandshakeTimeout at most.
func TestStuckHandshakes(t *testing.T) {
	if underRace {
		t.Skip("the race detector has its own costs")
	}
	const conns = 1000
	secret, trusting := selfSigned(t)
	for _, tt := range []struct {
		say  string
		each int
	}{{sayHalf, 16 << 10}, {sayHello, 48 << 10}} {
		t.Run(tt.say, func(t *testing.T) {
			idle := runtime.NumGoroutine()
			s, addr := attacked(t, secret)
			served(t, addr, true, trusting)
			until(t, "the first client is gone", func() bool { return s.connections() == 0 && runtime.NumGoroutine() <= idle+ofServer })
			before := inUse()
			stop := attack(t, addr, tt.say, conns)
			until(t, "all are in their handshakes", func() bool { return s.connections() == conns && runtime.NumGoroutine() >= idle+conns })
			cost := (inUse() - before) / conns
			if cost > tt.each {
				t.Errorf("a stuck handshake costs %d bytes, want at most %d", cost, tt.each)
			} else {
				t.Logf("a stuck handshake costs %d bytes", cost)
			}
			if n := runtime.NumGoroutine() - idle; n > conns+ofServer {
				t.Errorf("%d goroutines for %d handshakes", n, conns)
			}
			served(t, addr, true, trusting)
			stop()
			until(t, "they are gone", func() bool { return s.connections() == 0 })
		})
	}
}

// attacked is a server on loopback. Nothing that waits ends, however long the
// test takes: that it does is TestHandshakeTimeout's to show, and TestIdleTimeout's.
// The attacker has one address for all its connections.
func attacked(t *testing.T, config *tls.Config) (*serving, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limits := Limits{ParkAfter: time.Millisecond, HandshakeTimeout: -1, IdleTimeout: -1, ConnectionsPerClient: -1}
	return startServing(t, &Server{TLS: config, Handler: hit(100), Limits: limits}, l), l.Addr().String()
}

// startServing is startServer for who looks inside.
func startServing(t *testing.T, s *Server, l net.Listener) *serving {
	v := newServing(t.Context(), s)
	done := make(chan error, 1)
	go func() { done <- v.accept(t.Context(), l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
		v.drain()
		v.lot.close()
	})
	return v
}

// served makes one request as any client does.
func served(t *testing.T, addr string, secure bool, config *tls.Config) {
	t.Helper()
	c := dialed(t, addr)
	defer c.Close()
	if secure {
		c = tls.Client(c, config)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Errorf("another client got %q, %v", got, err)
	}
}

// TestTrickleOverTLS: bytes that make no record do not begin the idle time
// anew, although each wakes the connection.
func TestTrickleOverTLS(t *testing.T) {
	secret, trusting := selfSigned(t)
	const idle = 500 * time.Millisecond
	for name, limits := range map[string]Limits{
		"a record": {IdleTimeout: idle, HandshakeTimeout: -1},
		"a hello":  {IdleTimeout: -1, HandshakeTimeout: idle},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			limits.ParkAfter = time.Millisecond
			startServing(t, &Server{TLS: secret, Handler: hit(100), Limits: limits}, l)
			start := time.Now() // before the server's wait begins
			conn := dialed(t, l.Addr().String())
			trickle := clientHello()
			if name == "a record" {
				if err := tls.Client(conn, trusting).Handshake(); err != nil {
					t.Fatal(err)
				}
				trickle = append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 0x4000)...)
			}
			open := true
			for i := 0; open && i < len(trickle)-1; i++ { // the last would make it whole, after minutes
				_ = conn.SetReadDeadline(time.Now().Add(idle / 10))
				_, err := conn.Write(trickle[i : i+1])
				if err == nil {
					_, err = conn.Read(make([]byte, 1<<10))
				}
				open = err == nil || errors.Is(err, os.ErrDeadlineExceeded)
			}
			if open {
				t.Fatal("the trickle keeps it open")
			}
			if since := time.Since(start); since < idle {
				t.Errorf("closed after %v, want %v", since, idle)
			}
		})
	}
}
