package main

import (
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
	"syscall"
	"time"
)

// The cores that server and client are pinned to.
const serverCore, clientCore = "0", "1"

// bench is one run of the program.
type bench struct {
	dir, binary, cert, key string
	seconds                int
}

// prepare builds waypost and makes a certificate.
func (b *bench) prepare(ctx context.Context) error {
	b.binary = filepath.Join(b.dir, "waypost")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary, "./cmd/waypost")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"bench.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	b.cert, b.key = filepath.Join(b.dir, "bench.pem"), filepath.Join(b.dir, "bench.key")
	return errors.Join(
		os.WriteFile(b.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(b.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}

// startOrigin serves the objects, cacheable for an hour, from this process.
func (b *bench) startOrigin(ctx context.Context) (*origin, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", originPort))
	if err != nil {
		return nil, err
	}
	body := make([]byte, 1<<20)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, ok := map[string]int{"/1k": 1 << 10, "/64k": 64 << 10, "/1m": 1 << 20}[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = w.Write(body[:n])
	})}
	go func() { _ = s.Serve(l) }()
	return &origin{s}, nil
}

type origin struct{ *http.Server }

func (o *origin) stop() { _ = o.Close() }

// server is a peer that runs.
type server struct{ cmd *exec.Cmd }

// measure starts a peer, warms its cache, runs the case and stops the peer.
func (b *bench) measure(ctx context.Context, p peer, c benchCase) (sample, error) {
	args, err := p.command(b)
	if err != nil {
		return sample{}, err
	}
	if err := vacant(ctx); err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", serverCore}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(b.dir, p.name+".log"))
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	s := &server{cmd}
	defer s.stop()
	if err := b.warm(ctx, p.tls); err != nil {
		said, _ := os.ReadFile(log.Name())
		return sample{}, fmt.Errorf("%w\n%s", err, said)
	}
	return c.run(ctx, b, s)
}

// vacant waits until the server before has left the port: a child of Varnish
// needs a moment to see that its parent is gone.
func vacant(ctx context.Context) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", plainPort))
		if err == nil {
			return l.Close()
		}
		if time.Now().After(until) {
			return err
		}
	}
}

// stop ends the server and what it started: its own process group.
func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// warm asks for every object until it comes, twice.
func (b *bench) warm(ctx context.Context, overTLS bool) error {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a certificate of this minute
	}}
	urls := []string{fmt.Sprintf("http://127.0.0.1:%d", plainPort)}
	if overTLS {
		urls = append(urls, fmt.Sprintf("https://127.0.0.1:%d", tlsPort))
	}
	until := time.Now().Add(patience)
	for _, base := range urls {
		for _, path := range []string{"/1k", "/64k", "/1m", "/1k", "/64k", "/1m"} {
			for {
				err := get(ctx, client, base+path)
				if err == nil {
					break
				}
				if time.Now().After(until) {
					return err
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != 200 {
		return fmt.Errorf("%s: status %d", url, resp.StatusCode)
	}
	return nil
}

// group returns the processes of the server.
func (s *server) group() ([]string, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, name := range stats {
		if f := statFields(name); len(f) > 2 && f[2] == strconv.Itoa(s.cmd.Process.Pid) {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids, nil
}

// statFields are the fields of a stat file behind the name: state, parent,
// process group, …; nil where the process is gone.
func statFields(name string) []string {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// tick is the unit of CPU times in /proc (sysconf(_SC_CLK_TCK), 100 on Linux).
const tick = 10 * time.Millisecond

// cpu is the user and system time that the server has used.
func (s *server) cpu() (time.Duration, error) {
	pids, err := s.group()
	var sum time.Duration
	for _, pid := range pids {
		f := statFields("/proc/" + pid + "/stat")
		if len(f) < 13 {
			continue
		}
		for _, ticks := range f[11:13] { // utime, stime
			n, _ := strconv.ParseInt(ticks, 10, 64)
			sum += time.Duration(n) * tick
		}
	}
	return sum, err
}

// resident is the memory that the server holds, shared pages apart.
func (s *server) resident() (int64, error) {
	pids, err := s.group()
	var sum int64
	for _, pid := range pids {
		text, _ := os.ReadFile("/proc/" + pid + "/status")
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
				sum += kb << 10
			}
		}
	}
	return sum, err
}

// idleConns is how many connections the idle case holds open.
const idleConns = 10_000

// idle opens connections, asks once on each and compares the memory.
func idle(ctx context.Context, _ *bench, s *server) (sample, error) {
	before, err := s.resident()
	if err != nil {
		return sample{}, err
	}
	conns := make([]net.Conn, 0, idleConns)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	buf := make([]byte, 8<<10)
	var d net.Dialer
	for i := range idleConns {
		// Several source addresses: one has too few ports on some systems.
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/5000))}
		c, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", plainPort))
		if err != nil {
			return sample{}, err
		}
		conns = append(conns, c)
		if _, err := io.WriteString(c, "GET /1k HTTP/1.1\r\nHost: 127.0.0.1:18080\r\n\r\n"); err != nil {
			return sample{}, err
		}
		for n := 0; n < 1<<10; { // head and body are more than 1 KB together
			k, err := c.Read(buf)
			if err != nil {
				return sample{}, err
			}
			n += k
		}
	}
	time.Sleep(3 * time.Second) // let the server settle
	after, err := s.resident()
	return sample{value: float64(after-before) / idleConns, rate: 0}, err
}
