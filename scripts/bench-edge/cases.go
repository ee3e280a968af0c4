package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// benchCase is one row of the table.
type benchCase struct {
	name, what, unit, tool string
	tls                    bool
	run                    func(ctx context.Context, b *bench, s *server) (sample, error)
}

// sample is one run: the value in the case's unit, and the rate beside it.
type sample struct{ value, rate float64 }

const perRequest = "CPU µs per request"

var cases = []benchCase{
	{"h1-1k", "Hit of 1 KB, HTTP/1.1 keep-alive, wrk -t1 -c64", perRequest, "wrk", false, hit("http", plainPort, "/1k")},
	{"h1-64k", "Hit of 64 KB, HTTP/1.1 keep-alive, wrk -t1 -c64", perRequest, "wrk", false, hit("http", plainPort, "/64k")},
	{"h1-1m", "Hit of 1 MB, HTTP/1.1 keep-alive, wrk -t1 -c64", perRequest, "wrk", false, hit("http", plainPort, "/1m")},
	{"tls-1k", "Hit of 1 KB, TLS 1.3 HTTP/1.1 keep-alive, wrk -t1 -c64", perRequest, "wrk", true, hit("https", tlsPort, "/1k")},
	{"h2-1k", "Hit of 1 KB, HTTP/2 over TLS, h2load -c8 -m32", perRequest, "h2load", true, hitH2},
	{"miss-1k", "Misses of 1 KB, 64 clients, every URL once", perRequest, "wrk", false, misses},
	{"idle", "10,000 idle keep-alive connections", "bytes of memory each", "wrk", false, idle},
}

func hit(scheme string, port int, path string) func(context.Context, *bench, *server) (sample, error) {
	return func(ctx context.Context, b *bench, s *server) (sample, error) {
		url := fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path)
		return b.wrk(ctx, s, "-t1", "-c64", fmt.Sprintf("-d%d", b.seconds), url)
	}
}

// misses asks for a URL that nobody has asked for before, each time.
func misses(ctx context.Context, b *bench, s *server) (sample, error) {
	script := filepath.Join(b.dir, "miss.lua")
	text := fmt.Sprintf("local n = 0\nrequest = function()\n  n = n + 1\n  return wrk.format(nil, \"/1k?\" .. n .. \".%d\")\nend\n", s.cmd.Process.Pid)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return sample{}, err
	}
	return b.wrk(ctx, s, "-t1", "-c64", fmt.Sprintf("-d%d", b.seconds), "-s", script, fmt.Sprintf("http://127.0.0.1:%d", plainPort))
}

var wrkCount = regexp.MustCompile(`(\d+) requests in ([\d.]+)(ms|s|m),`)

// wrk runs the load and divides the server's CPU time by the requests.
func (b *bench) wrk(ctx context.Context, s *server, args ...string) (sample, error) {
	return b.load(ctx, s, "wrk", args, func(out string) (float64, float64, error) {
		m := wrkCount.FindStringSubmatch(out)
		if m == nil || regexp.MustCompile(`Non-2xx|Socket errors`).MatchString(out) {
			return 0, 0, fmt.Errorf("wrk says:\n%s", out)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		t, _ := strconv.ParseFloat(m[2], 64)
		return n, t, nil
	})
}

var h2Count = regexp.MustCompile(`finished in ([\d.]+)(ms|s|us),.*\nrequests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, 0 failed`)

func hitH2(ctx context.Context, b *bench, s *server) (sample, error) {
	args := []string{"-c8", "-m32", "-t1", "-D" + strconv.Itoa(b.seconds), fmt.Sprintf("https://127.0.0.1:%d/1k", tlsPort)}
	return b.load(ctx, s, "h2load", args, func(out string) (float64, float64, error) {
		m := h2Count.FindStringSubmatch(out)
		if m == nil {
			return 0, 0, fmt.Errorf("h2load says:\n%s", out)
		}
		n, _ := strconv.ParseFloat(m[3], 64)
		return n, float64(b.seconds), nil
	})
}

func (b *bench) load(ctx context.Context, s *server, tool string, args []string, read func(string) (n, secs float64, err error)) (sample, error) {
	before, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	out, err := exec.CommandContext(ctx, "taskset", append([]string{"-c", clientCore, tool}, args...)...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", tool, err, out)
	}
	after, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	n, secs, err := read(string(out))
	if err != nil || n == 0 {
		return sample{}, fmt.Errorf("no requests: %w\n%s", err, out)
	}
	return sample{float64((after - before).Microseconds()) / n, n / secs}, nil
}
