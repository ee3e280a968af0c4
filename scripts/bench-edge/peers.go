package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
)

// The ports of 127.0.0.1 that the servers use, one server at a time.
const (
	originPort = 18000
	plainPort  = 18080
	tlsPort    = 18443
)

// peer is one cache.
type peer struct {
	name, program string // program is empty for our own
	tls           bool   // speaks TLS and HTTP/2 without another program
	noIdle        bool   // wants more file descriptors for the idle case than a user has
	// command writes the configuration and says how to start the server in
	// the foreground.
	command func(b *bench) ([]string, error)
}

var peers = []peer{
	{"waypost", "", true, false, waypost},
	{"nginx", "nginx", true, false, nginx},
	{"haproxy", "haproxy", true, true, haproxy},
	{"varnish", "varnishd", false, false, varnish},
}

func waypost(b *bench) ([]string, error) {
	return []string{
		b.binary, "edge", "--memory", "1GiB", "--connections-per-client", "0", // all come from one address
		"--listen", fmt.Sprintf("127.0.0.1:%d", plainPort),
		"--listen-tls", fmt.Sprintf("127.0.0.1:%d", tlsPort), "--cert", b.cert, "--key", b.key,
		"--origin", fmt.Sprintf("http://127.0.0.1:%d", originPort),
	}, nil
}

func nginx(b *bench) ([]string, error) {
	dir := filepath.Join(b.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	owner := ""
	if u, err := user.Current(); err == nil && u.Uid == "0" {
		owner = "user root;"
	}
	text := fmt.Sprintf(`%[6]s
worker_processes 1; daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 20000; }
http {
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  proxy_cache_path %[1]s/cache keys_zone=c:64m max_size=4g inactive=60m use_temp_path=off;
  upstream o { server 127.0.0.1:%[2]d; keepalive 128; }
  server {
    listen 127.0.0.1:%[3]d; listen 127.0.0.1:%[4]d ssl http2;
    ssl_certificate %[5]s; ssl_certificate_key %[7]s; http2_max_requests 1000000000;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache c; }
  }
}
`, dir, originPort, plainPort, tlsPort, b.cert, owner, b.key)
	conf := filepath.Join(dir, "nginx.conf")
	return []string{"nginx", "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log")}, os.WriteFile(conf, []byte(text), 0o644)
}

func haproxy(b *bench) ([]string, error) {
	both := filepath.Join(b.dir, "both.pem")
	chain, err := os.ReadFile(b.cert)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(b.key)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(both, append(chain, key...), 0o600); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
cache c
  total-max-size 1024
  max-object-size 2000000
  max-age 3600
frontend f
  bind 127.0.0.1:%d
  bind 127.0.0.1:%d ssl crt %s alpn h2,http/1.1
  http-request cache-use c
  http-response cache-store c
  default_backend o
backend o
  http-reuse always
  server o 127.0.0.1:%d
`, plainPort, tlsPort, both, originPort)
	conf := filepath.Join(b.dir, "haproxy.cfg")
	return []string{"haproxy", "-f", conf, "-db"}, os.WriteFile(conf, []byte(text), 0o644)
}

func varnish(b *bench) ([]string, error) {
	vcl := filepath.Join(b.dir, "default.vcl")
	text := fmt.Sprintf("vcl 4.1;\nbackend default { .host = \"127.0.0.1\"; .port = \"%d\"; }\n", originPort)
	return []string{
		"varnishd", "-F", "-j", "none", "-a", fmt.Sprintf("127.0.0.1:%d", plainPort), "-f", vcl,
		"-s", "malloc,1g", "-n", filepath.Join(b.dir, "varnish"), "-p", "timeout_idle=600",
	}, os.WriteFile(vcl, []byte(text), 0o644)
}
