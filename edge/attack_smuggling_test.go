package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"waypost/cdn"
)

// naive is an origin as there are some: it takes anything for a request. What
// two of its kind understand differently is what request smuggling lives on.
type naive struct {
	name   string
	length bool // Content-Length counts more than Transfer-Encoding
	last   bool // the last Content-Length counts, not the first
	exact  bool // only "Transfer-Encoding: chunked" to the letter is chunked
	mu     sync.Mutex
	asked  []string // request lines
}

var naives = []*naive{
	{name: "chunked first"}, {name: "length first", length: true}, {name: "last length", length: true, last: true}, {name: "to the letter", exact: true},
}

// serve answers with what was asked, as long as the connection lasts.
func (o *naive) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		o.mu.Lock()
		o.asked = append(o.asked, line)
		o.mu.Unlock()
		body, ok := o.body(in)
		if !ok {
			return
		}
		path := strings.Fields(line + " - -")[1]
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %s", len(path)+1+len(body), path, body); err != nil {
			return
		}
	}
}

// body reads the rest of a head and the body behind it.
func (o *naive) body(in *bufio.Reader) (string, bool) {
	length, chunked := -1, false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		if o.exact && line == "Transfer-Encoding: chunked" {
			chunked = true
			continue
		}
		switch name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value); {
		case name == "transfer-encoding" && !o.exact:
			chunked = chunked || strings.Contains(strings.ToLower(value), "chunked")
		case name == "content-length" && (length < 0 || o.last):
			length, _ = strconv.Atoi(value)
		}
	}
	if chunked && (length < 0 || !o.length) {
		var body strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return "", false
			}
			size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
			n, _ := strconv.ParseUint(size, 16, 16)
			if n == 0 {
				for line != "\r\n" && line != "\n" { // the trailers
					if line, err = in.ReadString('\n'); err != nil {
						return "", false
					}
				}
				return body.String(), true
			}
			if _, err := io.CopyN(&body, in, int64(n)); err != nil {
				return "", false
			}
			_, _ = in.ReadString('\n')
		}
	}
	b := make([]byte, max(length, 0))
	_, err := io.ReadFull(in, b)
	return string(b), err == nil
}

// hidden is what a smuggler would have the origin see.
const hidden = "GET /hidden HTTP/1.1\r\nHost: www.shop.test\r\n\r\n"

// smuggled are the shapes. Where status is 200, it is one request, well formed
// or made so, and the origin gets no more than that.
var smuggled = func() []struct {
	name, in string
	status   int
} {
	const host = "Host: www.shop.test\r\n"
	const post = "POST / HTTP/1.1\r\n" + host
	const te, chunks = "Transfer-Encoding: chunked\r\n", "\r\n0\r\n\r\n"
	cl := fmt.Sprintf("Content-Length: %d\r\n", len("0\r\n\r\n"+hidden))
	return []struct {
		name, in string
		status   int
	}{
		{"CL.TE", post + cl + te + chunks + hidden, 400},
		{"TE.CL", post + te + "Content-Length: 3\r\n\r\n" + fmt.Sprintf("%x\r\n", len(hidden)) + hidden + chunks, 400},
		{"CL.CL", post + "Content-Length: 0\r\n" + cl + "\r\n" + hidden, 400},
		{"CL.CL, the same", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
		{"CL as a list", post + "Content-Length: 0, 5\r\n\r\nhello" + hidden, 400},
		{"CL with a sign", post + "Content-Length: +0\r\n\r\n" + hidden, 400},
		{"CL with a space within", post + "Content-Length: 0 5\r\n\r\nhello", 400},
		{"CL beyond 64 bits", post + "Content-Length: 18446744073709551616\r\n\r\n" + hidden, 400},
		{"TE.TE, one unknown", post + te + "Transfer-Encoding: x\r\n" + chunks + hidden, 400},
		{"TE.TE, twice chunked", post + te + te + chunks + hidden, 400},
		{"TE xchunked", post + cl[:0] + "Transfer-Encoding: xchunked\r\n" + chunks + hidden, 501},
		{"TE identity", post + "Transfer-Encoding: identity\r\n\r\n" + hidden, 501},
		{"TE chunked, identity", post + "Transfer-Encoding: chunked, identity\r\n" + chunks + hidden, 400},
		{"TE with a tab", post + cl + "Transfer-Encoding:\tchunked\r\n" + chunks + hidden, 400},
		{"TE with a vertical tab", post + cl + "Transfer-Encoding: \vchunked\r\n" + chunks + hidden, 400},
		{"TE with a quote", post + "Transfer-Encoding: \"chunked\"\r\n" + chunks + hidden, 501},
		{"TE in an odd case", post + cl + "tRANSFER-eNCODING: cHUNKED\r\n" + chunks + hidden, 400},
		{"TE, space before the colon", post + cl + "Transfer-Encoding : chunked\r\n" + chunks + hidden, 400},
		{"TE, folded", post + cl + "Transfer-Encoding:\r\n chunked\r\n" + chunks + hidden, 400},
		{"TE behind a bare LF", post + cl + "X: y\nTransfer-Encoding: chunked\r\n" + chunks + hidden, 400},
		{"TE behind a bare CR", post + cl + "X: y\rTransfer-Encoding: chunked\r\n" + chunks + hidden, 400},
		{"TE behind a NUL", post + cl + "X: y\x00Transfer-Encoding: chunked\r\n" + chunks + hidden, 400},
		{"TE with HTTP/1.0", "POST / HTTP/1.0\r\n" + host + te + chunks + hidden, 400},
		{"a field folded", post + "Content-Length: 0\r\nX: y\r\n" + " z\r\n\r\n" + hidden, 400},
		{"space before the colon", post + "Content-Length : 5\r\n\r\nhello", 400},
		{"an underscore for a hyphen", post + "Content_Length: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200},
		{"a bare LF at the end", post + "Content-Length: 0\r\n\n" + hidden, 400},
		{"a NUL in a value", post + "X: \x00\r\n\r\n", 400},
		{"two Hosts", "GET / HTTP/1.1\r\n" + host + "Host: other.test\r\n\r\n", 400},
		{"Host, space before the colon", "GET / HTTP/1.1\r\nHost : www.shop.test\r\n\r\n", 400},
		{"Host with a path", "GET / HTTP/1.1\r\nHost: www.shop.test/x\r\n\r\n", 400},
		{"Host with userinfo", "GET / HTTP/1.1\r\nHost: www.shop.test:80@other.test\r\n\r\n", 400},
		{"absolute form of another host", "GET http://other.test/ HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 421},
		{"Host of another site, absolute form of ours", "GET http://www.shop.test/one HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n", 200},
		{"absolute form with userinfo", "GET http://www.shop.test@other.test/ HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a space in the target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"CR LF escaped in the target", "GET /%0d%0aGET%20/hidden%20HTTP/1.1 HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200},
		{"chunk size overflow", post + te + "\r\n10000000000000000\r\nhello\r\n0\r\n\r\n" + hidden, 400},
		{"chunk size with a sign", post + te + "\r\n-1\r\nhello\r\n0\r\n\r\n" + hidden, 400},
		{"chunk size with 0x", post + te + "\r\n0x0\r\n\r\n" + hidden, 400},
		{"chunk size with an underscore", post + te + "\r\n1_0\r\nhello\r\n0\r\n\r\n" + hidden, 400},
		{"chunk with a bare LF", post + te + "\r\n5\nhello\r\n0\r\n\r\n" + hidden, 400},
		{"chunk longer than said", post + te + "\r\n5\r\nhello, world\r\n0\r\n\r\n" + hidden, 400},
		{"chunk extension with a bare LF", post + te + "\r\n5;a\nb\r\nhello\r\n0\r\n\r\n" + hidden, 400},
		{"chunk extension", post + te + "Connection: close\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\n\r\n", 200},
		{"a trailer that frames", post + te + "Connection: close\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n", 200},
		{"a request in the body", post + "Connection: close\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden)) + hidden, 200},
		{"a request in the body of a GET", "GET / HTTP/1.1\r\n" + host + "Connection: close\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden)) + hidden, 200},
		{"Connection names the framing", post + "Connection: Content-Length, Transfer-Encoding, Host, close\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden)) + hidden, 200},
		{"an upgrade that is none", "POST / HTTP/1.1\r\n" + host + "Connection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", 200},
		{"Expect and a body that comes at once", post + "Connection: close\r\nExpect: 100-continue\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden)) + hidden, 200},
		{"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + hidden, 505},
	}
}()

// TestSmuggling: whatever a client sends, and however the origin reads, the
// origin sees one request where the edge saw one, and none that the edge did
// not. What could be read in two ways is refused and the connection closed.
func TestSmuggling(t *testing.T) {
	for _, tt := range smuggled {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			for _, kind := range naives {
				o := &naive{name: kind.name, length: kind.length, last: kind.last, exact: kind.exact}
				inWorld(t, replying(500, ""), func(w *world) {
					stop := w.listenRaw(o.serve)
					defer stop()
					got := w.rawRequest(tt.in)
					w.checkSmuggled(o, tt.status, got)
					// Nothing is left for the next client, who may get the
					// connection that the attacker's request went over.
					if g := w.get("/innocent"); g.status != 200 || g.body != "/innocent " {
						t.Errorf("%s: the next client got %v", o.name, g)
					}
				}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://" + rawAddr.String()} }})
			}
		})
	}
}

func (w *world) checkSmuggled(o *naive, status int, got string) {
	w.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	final := strings.TrimPrefix(got, "HTTP/1.1 100 Continue\r\n\r\n")
	switch {
	case !strings.HasPrefix(final, fmt.Sprintf("HTTP/1.1 %d ", status)) || strings.Count(got, "\r\nDate: ") != 1 || strings.HasSuffix(got, "<open>"):
		w.t.Errorf("%s: got %q, want one %d and the connection closed", o.name, got, status)
	case len(o.asked) > 1 || status == 200 && len(o.asked) != 1:
		w.t.Errorf("%s: the origin saw %q", o.name, o.asked)
	case slices.ContainsFunc(o.asked, func(s string) bool { return strings.HasPrefix(s, "GET /hidden") }):
		w.t.Errorf("%s: the origin saw %q", o.name, o.asked)
	}
}

// rawAddr is where an origin stands that reads and writes bytes.
var rawAddr = netip.MustParseAddr("192.0.2.40")

// listenRaw has f serve the connections to rawAddr.
func (w *world) listenRaw(f func(net.Conn)) (stop func()) {
	l, err := w.net.Host(rawAddr).Listen(w.t.Context(), netip.AddrPortFrom(rawAddr, 80))
	if err != nil {
		w.t.Fatal(err)
	}
	var serving sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			serving.Go(func() { f(c) })
		}
	})
	return func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		serving.Wait()
	}
}
