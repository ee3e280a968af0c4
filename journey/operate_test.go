package journey

import (
	"os"
	"strings"
	"testing"
)

// edgeAlone is one edge and who asks it, for statements that work on it.
const edgeAlone = `
switch lan
host client on lan 192.0.2.10/24
host edge on lan 192.0.2.80/24
host shop on lan 192.0.2.81/24
serve edge edge.yaml
origin shop
answer shop * 200 header "Cache-Control: max-age=60" header "Cache-Tag: all" body "0123456789" ranges
`

const edgeFile = `
-- edge.yaml --
edge:
  name: one
  http: ["192.0.2.80:80"]
  store: /cache
sites:
  - {name: shop, hosts: [www.shop.test], origin: {urls: ["http://192.0.2.81"]}}
-- other.yaml --
edge:
  name: another
  http: ["192.0.2.80:80"]
  store: /cache
sites:
  - {name: blog, hosts: [www.blog.test], origin: {urls: ["http://192.0.2.81"]}}
`

// TestOperate: what is done to a node, and what is said where it cannot be.
func TestOperate(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"no node", `reload shop edge.yaml`, "no node runs on shop"},
		{"only a restart", `reload edge other.yaml`, "only a restart brings edge"},
		{"purge", `
fetch client http://192.0.2.80/1 host www.shop.test
fetch client http://192.0.2.80/2 host www.shop.test
purge edge tag all site shop soft
expect purged objects=2
purge edge prefix http://www.shop.test/
expect purged objects=2
purge edge tag all site shop
expect purged objects=0`, ""},
		{"store", `
fetch client http://192.0.2.80/1 host www.shop.test
stop edge
start edge
fetch client http://192.0.2.80/1 host www.shop.test
expect edge.lookup verdict=hit disk`, ""},
		{"parts", `
fetch client http://192.0.2.81/ header "Range: bytes=2-4"
expect response status=206 body=234 header.content-range="bytes 2-4/10"
fetch client http://192.0.2.81/ header "Range: bytes=10-"
expect response status=416 header.content-range="bytes */10"
fetch client http://192.0.2.81/ header "Range: bytes=0-0,9-9"
expect response status=200 size=10
fetch client http://192.0.2.81/ header "Range: bytes=0-0" header "If-Range: \"old\""
expect response status=200 size=10`, ""},
		{"until", `
dial client shop:80 as c
send c "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
read c until "\r\n\r\n"
expect connection c text~"(?s)^HTTP/1.1 200.*\r\n\r\n$"
read c "0123456789"`, ""},
		{"until what never comes", `
dial client shop:80 as c
send c "GET / HTTP/1.0\r\nHost: shop\r\n\r\n"
read c until "banana"`, `banana was wanted behind "HTTP/1.1 200`},
		{"until for too long", `
answer shop /large 200 size 100KiB
dial client shop:80 as c
send c "GET /large HTTP/1.1\r\nHost: shop\r\n\r\n"
read c until "banana"`, "not among the first 65536 bytes"},
		{"until of datagrams", `
udp shop 7000 as u
read u until "."`, "a datagram is read whole"},
	}
	t.Setenv("TMPDIR", t.TempDir())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := inBubble(t, parsed(t, edgeAlone+tt.script+"\n"+edgeFile), Options{Seed: 1})
			if got := errorText(r.Err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, f := range r.Failures {
				t.Error(f)
			}
		})
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("after the journeys there are still %v (%v)", left, err)
	}
}
