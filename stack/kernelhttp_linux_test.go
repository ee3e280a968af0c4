package stack_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"waypost/http/field"
	"waypost/http/wire"
)

// program finds a program or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here: %v", name, err)
	}
	return path
}

// document is a body of n bytes that is the same each time.
func document(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// curl fetches from our server on our host, over a road that loses packets.
func TestKernelCurl(t *testing.T) {
	curl := program(t, "curl")
	bad := impairment{loss: 0.01, reorder: 0.01}
	k := newKernel(t, setup{in: bad, out: bad})
	server := &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		r := x.Request()
		body := []byte(nil)
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		} else if n, err := strconv.Atoi(strings.TrimPrefix(r.Path, "/")); err == nil {
			body = document(n)
		}
		_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "application/octet-stream"}}, int64(len(body)))
		_, _ = x.Write(body)
	})}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, len(ours))
	var urls []string
	for n := range ours {
		l := k.listenOurs(ours[n])
		urls = append(urls, "http://"+l.Addr().String())
		go func() { served <- server.Serve(ctx, l) }()
	}
	defer func() {
		stop()
		for range ours {
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	}()
	dir := t.TempDir()
	upload := filepath.Join(dir, "upload")
	if err := os.WriteFile(upload, document(300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want []byte
	}{
		{"a page", []string{urls[0] + "/1000"}, document(1000)},
		{"over IPv6", []string{urls[1] + "/1000"}, document(1000)},
		{"a megabyte", []string{urls[0] + "/1000000"}, document(1_000_000)},
		{"HTTP/2", []string{"--http2-prior-knowledge", urls[0] + "/500000"}, document(500_000)},
		{"an upload", []string{"--data-binary", "@" + upload, urls[1] + "/"}, document(300_000)},
		{"ten on one connection", []string{urls[0] + "/[1001-1010]"}, documents(1001, 1010)},
	} {
		out, err := k.run(curl, append([]string{"--silent", "--show-error", "--max-time", "20", "--noproxy", "*"}, c.args...)...)
		if err != nil || !bytes.Equal(out, c.want) {
			t.Errorf("%s: curl %v: %v, %d bytes, want %d: %.100q", c.name, c.args, err, len(out), len(c.want), out)
		}
	}
	// Forty at once, each into its file.
	out, err := k.run(curl, "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--parallel", "--parallel-max", "40",
		"--parallel-immediate", "--output", filepath.Join(dir, "#1"), urls[0]+"/[5001-5040]")
	if err != nil {
		t.Errorf("forty at once: %v: %s", err, out)
	}
	for n := 5001; n <= 5040; n++ {
		if b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(n))); err != nil || !bytes.Equal(b, document(n)) {
			t.Errorf("forty at once: %d bytes, %v, want %d", len(b), err, n)
		}
	}
}

func documents(from, to int) (all []byte) {
	for n := from; n <= to; n++ {
		all = append(all, document(n)...)
	}
	return all
}

// Our client fetches from nginx in the kernel's namespace.
func TestKernelNginx(t *testing.T) {
	nginx := program(t, "nginx")
	bad := impairment{loss: 0.01, reorder: 0.01}
	k := newKernel(t, setup{in: bad, out: bad, seed: 5})
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1000, 2_000_000} {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), document(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr warn;
events { worker_connections 500; }
http {
	access_log off; keepalive_requests 1000; sendfile on; tcp_nopush on;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server { listen %[2]s:8080; listen [%[3]s]:8080; root %[1]s; }
}`, dir, theirs[0], theirs[1])
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, nginx, "-p", dir, "-c", file, "-e", "stderr")
	cmd.Stderr = &log
	var err error
	k.do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop() // ends this one process, by its id
		_ = cmd.Wait()
	}()
	k.eventually("nginx listens", func() bool { return k.states()["LISTEN"] == 2 })

	for n := range theirs {
		address := net.TCPAddrFromAddrPort(netip.AddrPortFrom(theirs[n], 8080))
		conn, err := k.dialOurs(address)
		if err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		conn.SetDeadline(time.Now().Add(patience))
		client, err := wire.NewClient(conn, "http/1.1", wire.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1000, 2_000_000, 0, 2_000_000, 1000} {
			path := "/" + strconv.Itoa(size)
			resp, err := client.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: address.String(), Path: path})
			if err != nil {
				t.Fatalf("GET %s of %v: %v", path, address, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.Status != 200 || !bytes.Equal(body, document(size)) {
				t.Errorf("GET %s of %v: %d, %d bytes, %v", path, address, resp.Status, len(body), err)
			}
		}
		_ = client.Close()
	}
	k.eventually("connections are gone", func() bool { return k.ourStates()["ESTABLISHED"] == 0 && k.states()["ESTABLISHED"] == 0 })
}
