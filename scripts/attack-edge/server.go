package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	plainAddr = "127.0.0.1:18080"
	tlsAddr   = "127.0.0.1:18443"
	largeSize = 4 << 20
)

// edge is the process under attack.
type edge struct {
	cmd    *exec.Cmd
	said   bytes.Buffer
	ended  chan struct{}
	dir    string
	origin net.Listener
	hello  []byte // the first flight of a TLS client
}

// startEdge starts the origin and the edge in front of it.
func startEdge(ctx context.Context, binary, memory string) (*edge, error) {
	e := &edge{ended: make(chan struct{}), hello: clientHello()}
	var err error
	if e.dir, err = os.MkdirTemp("", "attack-edge-"); err != nil {
		return nil, err
	}
	if err := certificate(e.dir); err != nil {
		return nil, err
	}
	if e.origin, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go func() { _ = http.Serve(e.origin, http.HandlerFunc(content)) }()
	e.cmd = exec.CommandContext(ctx, binary, "edge", "--listen", plainAddr, "--listen-tls", tlsAddr, "--memory", memory,
		"--cert", filepath.Join(e.dir, "cert.pem"), "--key", filepath.Join(e.dir, "key.pem"), "--origin", "http://"+e.origin.Addr().String())
	e.cmd.Stdout, e.cmd.Stderr = &e.said, &e.said
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = e.cmd.Wait() // it is killed, and its output says the rest
		close(e.ended)
	}()
	for over := time.Now().Add(10 * time.Second); ; {
		if c, err := new(net.Dialer).DialContext(ctx, "tcp", plainAddr); err == nil {
			c.Close()
			return e, nil
		}
		if time.Now().After(over) {
			e.stop()
			return nil, fmt.Errorf("the edge does not start: %s", e.said.String())
		}
		select {
		case <-ctx.Done():
			e.stop()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (e *edge) stop() {
	_ = e.cmd.Process.Kill()
	<-e.ended
	e.origin.Close()
	_ = os.RemoveAll(e.dir)
}

// failure is why the edge is not there any more.
func (e *edge) failure() error {
	said := e.said.String()
	return errors.New(said[max(0, len(said)-2000):])
}

// memory is what the process takes of the machine's, in bytes, and how many
// sockets it has.
func (e *edge) memory() (bytes, sockets int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "kB")
	kb, _ := strconv.Atoi(strings.TrimSpace(line))
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.cmd.Process.Pid))
	return kb << 10, len(files)
}

// cpu is the time that the process has had of the machine's processors.
func (e *edge) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const utime, stime, tick = 11, 12, 10 * time.Millisecond // proc_pid_stat(5), from the state on
	if len(fields) <= stime {
		return 0
	}
	user, _ := strconv.Atoi(fields[utime])
	system, _ := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * tick
}

// content is the origin: things small and large, to be kept or not.
func content(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Cache-Control", "max-age=3600")
	size := 1 << 10
	switch r.URL.Path {
	case "/large":
		size = largeSize
	case "/private":
		size = largeSize
		w.Header().Set("Cache-Control", "no-store")
	case "/fresh":
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	piece := make([]byte, 32<<10)
	for ; size > 0; size -= len(piece) {
		if _, err := w.Write(piece[:min(size, len(piece))]); err != nil {
			return
		}
	}
}

// certificate writes a chain of one and its key into dir.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"www.shop.test"}, NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// clientHello is what a TLS client says first.
func clientHello() []byte {
	client, server := net.Pipe()
	go func() {
		_ = tls.Client(client, &tls.Config{ServerName: "www.shop.test"}).HandshakeContext(context.Background())
	}()
	b := make([]byte, 16<<10)
	n, _ := server.Read(b)
	server.Close()
	return b[:n]
}
