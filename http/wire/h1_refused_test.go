package wire

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

const (
	refGet  = "GET / HTTP/1.1\r\n"
	refHost = "Host: h\r\n"
	refPost = "POST / HTTP/1.1\r\n" + refHost
)

type refusedRequest struct {
	name, in string
	status   int
	says     string
}

// refusedRequests are mostly the shapes of request smuggling.
var refusedRequests = func() []refusedRequest {
	const get, host, post = refGet, refHost, refPost
	long := strings.Repeat("a", 40<<10)
	return []refusedRequest{
		// Lines (RFC 9112 §2.2).
		{"bare LF after the request line", "GET / HTTP/1.1\n" + host + "\r\n", 400, "bare LF"},
		{"bare LF in a field line", get + "Host: h\n\r\n", 400, "bare LF"},
		{"bare LF at the end of the head", get + host + "\n", 400, "bare LF"},
		{"bare CR in the request line", "GET /\rX HTTP/1.1\r\n", 400, "bare CR"},
		{"bare CR in a value", get + "Host: h\rX: y\r\n\r\n", 400, "bare CR"},
		{"CR CR LF", get + "Host: h\r\r\n\r\n", 400, "bare CR"},
		{"two empty lines before the request", "\r\n\r\n" + get + host + "\r\n", 400, ""},
		{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, `not an HTTP request: it begins with "\x16"`},

		// The request line (RFC 9112 §3).
		{"HTTP/0.9", "GET /\r\n", 400, "without an HTTP version"},
		{"no target", "GET\r\n", 400, "without a target"},
		{"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400, "invalid HTTP version"},
		{"space at the end", "GET / HTTP/1.1 \r\n" + host + "\r\n", 400, "invalid HTTP version"},
		{"tab as space", "GET\t/ HTTP/1.1\r\n" + host + "\r\n", 400, `invalid method "GET\t/"`},
		{"method with a bracket", "GE(T / HTTP/1.1\r\n" + host + "\r\n", 400, "invalid method"},
		{"a long method", strings.Repeat("M", 33) + " / HTTP/1.1\r\n" + host + "\r\n", 501, "method longer"},
		{"lower-case version", "GET / http/1.1\r\n" + host + "\r\n", 400, "invalid HTTP version"},
		{"HTTP/1.10", "GET / HTTP/1.10\r\n" + host + "\r\n", 400, "invalid HTTP version"},
		{"HTTP/2.0", get[:6] + "HTTP/2.0\r\n" + host + "\r\n", 505, "HTTP version HTTP/2.0 is not spoken here"},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\n" + host + "\r\n", 400, "invalid character in the request target"},
		{"fragment in the target", "GET /#a HTTP/1.1\r\n" + host + "\r\n", 400, "invalid character in the request target"},
		{"raw UTF-8 in the target", "GET /é HTTP/1.1\r\n" + host + "\r\n", 400, "invalid character in the request target"},
		{"relative target", "GET a HTTP/1.1\r\n" + host + "\r\n", 400, "neither a path nor a URL"},
		{"* for GET", "GET * HTTP/1.1\r\n" + host + "\r\n", 400, "target * with method GET"},
		{"authority form for GET", "GET h:80 HTTP/1.1\r\n" + host + "\r\n", 400, "neither a path nor a URL"},
		{"CONNECT with a path", "CONNECT / HTTP/1.1\r\n" + host + "\r\n", 400, "is not host:port"},
		{"CONNECT without port", "CONNECT h HTTP/1.1\r\n" + host + "\r\n", 400, "is not host:port"},
		{"absolute form with userinfo", "GET http://a@h/ HTTP/1.1\r\n" + host + "\r\n", 400, "invalid authority"},
		{"absolute form without host", "GET http:///x HTTP/1.1\r\n" + host + "\r\n", 400, "invalid authority"},
		{"absolute form of another scheme", "GET https://h/ HTTP/1.1\r\n" + host + "\r\n", 421, "request for https on an http connection"},
		{"absolute form of a foreign scheme", "GET ftp://h/ HTTP/1.1\r\n" + host + "\r\n", 400, "scheme"},
		{"a long target", "GET /" + long[:9<<10] + " HTTP/1.1\r\n" + host + "\r\n", 414, "longer than"},
		{"a line without end", "GET /" + long, 414, "longer than"},

		// Host (RFC 9112 §3.2).
		{"no Host", get + "\r\n", 400, "no Host"},
		{"two Hosts", get + host + host + "\r\n", 400, "2 Host fields"},
		{"two Hosts with HTTP/1.0", "GET / HTTP/1.0\r\n" + host + "Host: i\r\n\r\n", 400, "2 Host fields"},
		{"empty Host", get + "Host:\r\n\r\n", 400, "invalid Host"},
		{"Host with a slash", get + "Host: h/x\r\n\r\n", 400, "invalid Host"},
		{"Host with userinfo", get + "Host: a@h\r\n\r\n", 400, "invalid Host"},
		{"Host with a space", get + "Host: a b\r\n\r\n", 400, "invalid Host"},
		{"Host with a bad port", get + "Host: h:99999\r\n\r\n", 400, "invalid Host"},
		{"Host with two ports", get + "Host: h:1:2\r\n\r\n", 400, "invalid Host"},
		{"Host with half an IPv6 address", get + "Host: [::1\r\n\r\n", 400, "invalid Host"},
		{"Host with an IPv6 zone", get + "Host: [fe80::1%eth0]\r\n\r\n", 400, "invalid Host"},
		{"invalid Host beside an absolute target", "GET http://h/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid Host"},

		// Fields (RFC 9112 §5).
		{"space before the colon", get + host + "X : y\r\n\r\n", 400, "white space in or after the field name"},
		{"tab before the colon", post + "Content-Length\t: 5\r\n\r\nhello", 400, "white space in or after the field name"},
		{"folded line", get + host + "X: y\r\n z\r\n\r\n", 400, "folded field line"},
		{"folded first line", get + " Host: h\r\n\r\n", 400, "folded field line"},
		{"no colon", get + host + "X\r\n\r\n", 400, "without colon"},
		{"empty name", get + host + ": y\r\n\r\n", 400, "empty field name"},
		{"quote in a name", get + host + "X\"Y: z\r\n\r\n", 400, "invalid character '\"' in the field name"},
		{"NUL in a name", get + host + "X\x00: z\r\n\r\n", 400, `invalid character '\x00' in the field name`},
		{"8-bit byte in a name", get + host + "X\x80: z\r\n\r\n", 400, "invalid character"},
		{"NUL in a value", get + host + "X: a\x00b\r\n\r\n", 400, "control character in the value of X"},
		{"vertical tab in a value", post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, "control character in the value of Transfer-Encoding"},
		{"DEL in a value", get + host + "X: aaaaaaaaaaaa\x7f\r\n\r\n", 400, "control character in the value of X"},
		{"too many fields", get + host + strings.Repeat("X: y\r\n", 200) + "\r\n", 431, "more than 128 field lines"},
		{"too long a field", get + host + "X: " + long, 431, "longer than"},

		// Framing (RFC 9112 §6).
		{"both framings", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "both Transfer-Encoding and Content-Length"},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "2 Content-Length fields"},
		{"the same length twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, "2 Content-Length fields"},
		{"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello", 400, "invalid Content-Length"},
		{"a signed length", post + "Content-Length: +5\r\n\r\nhello", 400, "invalid Content-Length"},
		{"a negative length", post + "Content-Length: -5\r\n\r\nhello", 400, "invalid Content-Length"},
		{"a hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello", 400, "invalid Content-Length"},
		{"an empty length", post + "Content-Length:\r\n\r\nhello", 400, "invalid Content-Length"},
		{"a huge length", post + "Content-Length: 9999999999999999999\r\n\r\n", 400, "invalid Content-Length"},
		{"a length with underscore", post + "Content-Length: 5_0\r\n\r\n", 400, "invalid Content-Length"},
		{"an unknown coding", post + "Transfer-Encoding: xchunked\r\n\r\n", 501, "is not known here"},
		{"gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "is not known here"},
		{"identity", post + "Transfer-Encoding: identity\r\n\r\n", 501, "is not known here"},
		{"chunked with a parameter", post + "Transfer-Encoding: chunked;a=b\r\n\r\n", 501, "is not known here"},
		{"quoted chunked", post + "Transfer-Encoding: \"chunked\"\r\n\r\n", 501, "is not known here"},
		{"chunked with a comma", post + "Transfer-Encoding: ,chunked\r\n\r\n", 501, "is not known here"},
		{"chunked not last", post + "Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "after chunked"},
		{"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400, "chunked twice"},
		{"chunked on two lines", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "chunked twice"},
		{"an empty coding", post + "Transfer-Encoding:\r\n\r\n", 400, "empty Transfer-Encoding"},
		{"chunked with HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"},
		{"an unknown expectation", post + "Expect: gold\r\nContent-Length: 5\r\n\r\n", 417, "unknown expectation"},
	}
}()

// TestRefusedRequests: each is answered with its status and a line that says
// what is wrong, nothing behind it is looked at, and the connection is closed.
func TestRefusedRequests(t *testing.T) {
	for _, tt := range refusedRequests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				served := 0
				var told []BadRequest
				s := &Server{
					Handler: HandlerFunc(func(x Exchange) { served++; echo(x) }),
					Bad:     func(b BadRequest) { told = append(told, b) },
				}
				got := raw(t, s, tt.in+refGet+refHost+"\r\n")
				head := fmt.Sprintf("HTTP/1.1 %d ", tt.status)
				if served > 0 || !strings.HasPrefix(got, head) || strings.Count(got, "\r\nDate: ") != 1 {
					t.Fatalf("got %d exchanges and\n%q, want one response %s", served, got, head)
				}
				body := got[strings.Index(got, "\r\n\r\n")+4:]
				if !strings.Contains(body, tt.says) || !strings.HasSuffix(body, "\n<closed>") || strings.Count(body, "\n") != 1 {
					t.Errorf("body %q, want one line with %q and the connection closed", body, tt.says)
				}
				if !strings.Contains(got, "\r\nConnection: close\r\n") {
					t.Errorf("no Connection: close in %q", got)
				}
				if len(told) != 1 || told[0].Status != tt.status || told[0].Reason+"\n<closed>" != body || told[0].Remote.Port() != 40000 {
					t.Errorf("Bad was told %+v", told)
				}
			})
		})
	}
}

// TestRefusedBodies: what is wrong in a chunked body is found by whoever
// reads it, and the connection ends with the exchange.
func TestRefusedBodies(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := []struct{ name, in, says string }{
		{"no size", "\r\nhello", "invalid chunk size"},
		{"a signed size", "+5\r\nhello\r\n0\r\n\r\n", "invalid chunk size"},
		{"a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", "invalid chunk size line"},
		{"a space before the size", " 5\r\nhello\r\n0\r\n\r\n", "invalid chunk size"},
		{"a space behind the size", "5 \r\nhello\r\n0\r\n\r\n", "invalid chunk size line"},
		{"a huge size", "8000000000000000\r\nhello", "too large"},
		{"a size with leading zeros beyond reason", "00000000000000005\r\nhello", "too large"},
		{"bare LF behind the size", "5\nhello\r\n0\r\n\r\n", "bare LF"},
		{"bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "bare CR"},
		{"NUL in an extension", "5;a\x00b\r\nhello\r\n0\r\n\r\n", "invalid chunk size line"},
		{"a long extension", "5;" + strings.Repeat("a", 300) + "\r\nhello\r\n0\r\n\r\n", "longer than 256"},
		{"many extensions", strings.Repeat("1;"+strings.Repeat("a", 250)+"\r\nx\r\n", 100) + "0\r\n\r\n", "chunk extensions"},
		{"more data than said", "5\r\nhello!\r\n0\r\n\r\n", "chunk data longer than its size"},
		{"data without CRLF", "5\r\nhello0\r\n\r\n", "chunk data longer than its size"},
		{"LF behind the data", "5\r\nhello\n0\r\n\r\n", "chunk data longer than its size"},
		{"bare LF after the last chunk", "0\n\n", "bare LF"},
		{"a folded trailer", "0\r\nX: y\r\n z\r\n\r\n", "folded"},
		{"endless trailers", "0\r\n" + strings.Repeat("X: y\r\n", 200) + "\r\n", "more than 128 field lines"},
		{"a trailer without end", "0\r\nX: " + strings.Repeat("a", 80<<10), "trailer section longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := raw(t, &Server{Handler: HandlerFunc(echo)}, post+tt.in+"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				if strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, tt.says) || !strings.HasSuffix(got, "<closed>") {
					t.Errorf("got %q, want one response with %q and the connection closed", got, tt.says)
				}
			})
		})
	}
}

// TestSplitAnywhere: where the segments end makes no difference.
func TestSplitAnywhere(t *testing.T) {
	in := "\r\nPOST /a HTTP/1.1\r\nHost: h\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n3\r\n!!!\r\n0\r\nT: u\r\n\r\n" +
		"GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	want := ok(`POST h /a X-Y=z body -1 "hello!!!" T=u`) + okClose("GET h /b")
	for _, step := range []int{1, 2, 3, 7, len(in) - 1} {
		synctest.Test(t, func(t *testing.T) {
			l := serveMem(t, &Server{Handler: HandlerFunc(echo)})
			c, err := l.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for rest := in; rest != ""; {
				n := min(step, len(rest))
				if _, err := c.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
				synctest.Wait()
			}
			if got := readAll(c); got != want {
				t.Errorf("in pieces of %d: got\n%q\nwant\n%q", step, got, want)
			}
		})
	}
}
