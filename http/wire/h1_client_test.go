package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/fault"
)

// answering is a client whose server answers each request with the next of
// the texts, and closes after the last when that is "" .
func answering(t *testing.T, texts ...string) Client {
	t.Helper()
	mine, theirs := memPipe()
	go func() {
		defer theirs.Close()
		r := bufio.NewReader(theirs)
		for _, text := range texts {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if text == "" {
				return
			}
			if _, err := io.WriteString(theirs, text); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	c, err := NewClient(mine, "http/1.1", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestH1Responses(t *testing.T) {
	const okLine = "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name, method, in string
		status           int
		body, framed     string
		again            bool // the connection can be used again
	}{
		{"by length", "GET", okLine + "Content-Length: 2\r\n\r\nhi", 200, "hi", "content-length", true},
		{"chunked", "GET", okLine + "Transfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, "hi", "chunked", true},
		{"the same length twice", "GET", okLine + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", "content-length", true},
		{"told to close", "GET", okLine + "Content-Length: 2\r\nConnection: close\r\n\r\nhi", 200, "hi", "content-length", false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", "content-length", false},
		{"HTTP/1.0 keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", "content-length", true},
		{"no reason", "GET", "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, "", "content-length", true},
		{"HEAD", "HEAD", okLine + "Content-Length: 2\r\n\r\n", 200, "", "no-body", true},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, "", "no-body", true},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", "no-body", true},
		{"204 that announces a body", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", "no-body", false},
		{"more than was asked for", "GET", okLine + "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", 200, "hi", "content-length", false},
		{"after 103", "GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + okLine + "Content-Length: 2\r\n\r\nhi", 200, "hi", "content-length", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answering(t, tt.in)
				r := get("/")
				r.Method = tt.method
				resp, body := do(t, c, r)
				if resp.Status != tt.status || body != tt.body || resp.FramedBy != tt.framed || c.Free() != tt.again {
					t.Errorf("got %d %q, framed by %s, free %v", resp.Status, body, resp.FramedBy, c.Free())
				}
			})
		})
	}
}

// TestH1NobodysCoding: a transfer coding that does not exist says only that the
// body ends with the connection (RFC 9112 §6.3, rule 4).
func TestH1NobodysCoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answeringThenClosing(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\nConnection: keep-alive\r\n\r\nto the end")
		resp, body := do(t, c, get("/"))
		if body != "to the end" || resp.FramedBy != "close" || resp.Fields.Has("Transfer-Encoding") || c.Free() {
			t.Errorf("got %q framed by %s, %v, free %v", body, resp.FramedBy, resp.Fields, c.Free())
		}
	})
}

func TestH1ResponseByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, "HTTP/1.1 200 OK\r\n\r\nto the end", "")
		r := get("/")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		resp, err := c.Do(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if resp.FramedBy != "close" || resp.Length != -1 || string(body) != "to the end" || fault.Of(err) != fault.ConnectionReadTimeout {
			t.Errorf("got %q framed by %s, %v (%s)", body, resp.FramedBy, err, fault.Of(err))
		}
	})
}

// TestH1RefusedResponses: a response that can be read in two ways is not
// read at all.
func TestH1RefusedResponses(t *testing.T) {
	const okLine = "HTTP/1.1 200 OK\r\n"
	long := strings.Repeat("a", 40<<10)
	tests := []struct {
		name, in string
		want     fault.Kind
	}{
		{"not HTTP", "SSH-2.0-OpenSSH\r\n", fault.HTTPProtocolError},
		{"HTTP/2 preface", "HTTP/2 200 OK\r\n\r\n", fault.HTTPProtocolError},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", fault.HTTPProtocolError},
		{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", fault.HTTPProtocolError},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", fault.HTTPProtocolError},
		{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", fault.HTTPProtocolError},
		{"NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n", fault.HTTPProtocolError},
		{"both framings", okLine + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", fault.HTTPProtocolError},
		{"lengths that differ", okLine + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", fault.HTTPProtocolError},
		{"a signed length", okLine + "Content-Length: +2\r\n\r\n", fault.HTTPProtocolError},
		{"chunked HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fault.HTTPProtocolError},
		{"an unknown coding", okLine + "Transfer-Encoding: gzip, chunked\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"an unknown coding that ends with the connection", okLine + "Transfer-Encoding: gzip\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"an unheard-of coding, chunked", okLine + "Transfer-Encoding: rot13, chunked\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"nearly chunked", okLine + "Transfer-Encoding: xchunked\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"no token", okLine + "Transfer-Encoding: \"chunked\"\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"a length, and an unheard-of coding", okLine + "Content-Length: 2\r\nTransfer-Encoding: rot13\r\n\r\n", fault.HTTPProtocolError},
		{"chunked not last", okLine + "Transfer-Encoding: chunked, gzip\r\n\r\n", fault.HTTPResponseTransferCoding},
		{"folded line", okLine + "A: b\r\n c\r\n\r\n", fault.HTTPProtocolError},
		{"space before the colon", okLine + "A : b\r\n\r\n", fault.HTTPProtocolError},
		{"too many fields", okLine + strings.Repeat("A: b\r\n", 200) + "\r\n", fault.HTTPResponseHeaderSection},
		{"too long a head", okLine + "A: " + long, fault.HTTPResponseHeaderSection},
		{"101 without a request", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", fault.HTTPProtocolError},
		{"endless 1xx", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100), fault.HTTPProtocolError},
		{"half a head", "HTTP/1.1 200 OK\r\nConte", fault.HTTPResponseIncomplete},
		{"nothing", "", fault.ConnectionTerminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answering(t, tt.in, "")
				if tt.want == fault.HTTPResponseIncomplete {
					c = answeringThenClosing(t, tt.in)
				}
				_, err := c.Do(t.Context(), get("/"))
				if fault.Of(err) != tt.want || errors.Is(err, ErrRetry) || c.Alive() {
					t.Errorf("got %v (%s), alive %v; want %s", err, fault.Of(err), c.Alive(), tt.want)
				}
			})
		})
	}
}

// answeringThenClosing closes after its answer.
func answeringThenClosing(t *testing.T, text string) Client {
	t.Helper()
	mine, theirs := memPipe()
	_, _ = io.WriteString(theirs, text)
	_ = theirs.CloseWrite()
	c, err := NewClient(mine, "http/1.1", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); theirs.Close() })
	return c
}

func TestH1BrokenBodies(t *testing.T) {
	const okLine = "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name, in, body string
		want           fault.Kind
	}{
		{"short", okLine + "Content-Length: 5\r\n\r\nhi", "hi", fault.HTTPResponseIncomplete},
		{"no last chunk", okLine + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "hi", fault.HTTPResponseIncomplete},
		{"half a chunk", okLine + "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", "hi", fault.HTTPResponseIncomplete},
		{"no chunk size", okLine + "Transfer-Encoding: chunked\r\n\r\nhello\r\n", "", fault.HTTPResponseTransferCoding},
		{"too long trailers", okLine + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("a", 80<<10), "", fault.HTTPResponseTrailerSection},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := answeringThenClosing(t, tt.in)
				resp, err := c.Do(t.Context(), get("/"))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if string(body) != tt.body || fault.Of(err) != tt.want || c.Free() {
					t.Errorf("got %q, %v (%s), want %q, %s", body, err, fault.Of(err), tt.body, tt.want)
				}
			})
		})
	}
}

// TestH1Retry: a pooled connection that has died says that it may be tried
// again; one that never worked does not.
func TestH1Retry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "")
		do(t, c, get("/"))
		if _, err := c.Do(t.Context(), get("/")); !errors.Is(err, ErrRetry) || errors.Is(err, ErrUnprocessed) || fault.Of(err) != fault.ConnectionTerminated {
			t.Errorf("got %v", err)
		}
		if _, err := c.Do(t.Context(), get("/")); !errors.Is(err, ErrRetry) || !errors.Is(err, ErrUnprocessed) {
			t.Errorf("on a closed connection: %v", err)
		}
	})
}

// TestH1EarlyAnswer: an answer that comes before the end of the body is
// returned, and the rest of the body does not hold it up.
func TestH1EarlyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := memPipe()
		defer theirs.Close()
		go func() {
			buf := make([]byte, 100)
			_, _ = theirs.Read(buf)
			_, _ = io.WriteString(theirs, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		}()
		c, _ := NewClient(mine, "http/1.1", Limits{})
		defer c.Close()
		r := get("/")
		r.Method, r.Length = "POST", 1<<30
		stop := make(chan struct{})
		defer close(stop)
		r.Body = readerFunc(func(p []byte) (int, error) {
			select {
			case <-stop:
				return 0, io.EOF
			case <-time.After(time.Second):
				return len(p), nil
			}
		})
		start := time.Now()
		resp, body := do(t, c, r)
		if resp.Status != 413 || body != "no" || time.Since(start) > uploadGrace || c.Free() {
			t.Errorf("got %d %q after %v, free %v", resp.Status, body, time.Since(start), c.Free())
		}
	})
}

func TestH1Busy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		resp, err := c.Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(t.Context(), get("/")); err == nil || c.Free() {
			t.Error("a second exchange began")
		}
		// All of the body has arrived: closing it keeps the connection.
		if resp.Body.Close(); !c.Free() {
			t.Error("not free again")
		}
	})
}

// TestBothUploadFails: a body that cannot be read, or is not as long as it
// says, is not sent as if it were whole.
func TestBothUploadFails(t *testing.T) {
	var mu sync.Mutex
	var got []string
	both(t, func(x Exchange) {
		_, err := io.ReadAll(x.Request().Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprint(fault.Of(err)))
	}, func(t *testing.T, dial func() Client) {
		got = nil
		boom := errors.New("boom")
		for name, r := range map[string]*Request{
			"fails": {Method: "POST", Authority: "h", Path: "/", Length: -1, Body: io.MultiReader(strings.NewReader("abc"), readerFunc(func([]byte) (int, error) { return 0, boom }))},
			"short": {Method: "POST", Authority: "h", Path: "/", Length: 5, Body: strings.NewReader("abc")},
			"long":  {Method: "POST", Authority: "h", Path: "/", Length: 2, Body: strings.NewReader("abc")},
		} {
			_, err := dial().Do(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), "send request body") || name == "fails" && !errors.Is(err, boom) {
				t.Errorf("%s: Do returned %v", name, err)
			}
		}
		synctest.Wait()
		if fmt.Sprint(got) != "[connection_terminated connection_terminated connection_terminated]" {
			t.Errorf("the handlers got %v", got)
		}
	})
}

// TestBothUpgrade: the connection changes hands with what has already come.
func TestBothUpgrade(t *testing.T) {
	both(t, func(x Exchange) {
		if x.Request().Upgrade != "websocket" {
			_ = x.Respond(426, nil, 0)
			return
		}
		c, err := x.Upgrade(101, nil)
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		r := get("/chat")
		r.Upgrade = "websocket"
		resp, err := c.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Upgraded == nil || resp.Fields.Get("Upgrade") != "websocket" {
			t.Fatalf("got %+v", resp)
		}
		ws := resp.Upgraded
		for i := range 3 {
			if _, err := fmt.Fprintf(ws, "hello %d", i); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 7)
			if _, err := io.ReadFull(ws, buf); err != nil || string(buf) != fmt.Sprintf("hello %d", i) {
				t.Fatalf("got %q, %v", buf, err)
			}
		}
		_ = ws.SetReadDeadline(time.Now().Add(time.Second))
		start := time.Now()
		if _, err := ws.Read(make([]byte, 1)); !isTimeout(err) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		_ = ws.SetReadDeadline(time.Time{})
		if err := ws.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		if n, err := ws.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d, %v", n, err)
		}
		ws.Close()
	})
}

func TestBothConnect(t *testing.T) {
	both(t, func(x Exchange) {
		c, err := x.Upgrade(200, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "tunnel to "+x.Request().Authority)
	}, func(t *testing.T, dial func() Client) {
		resp, err := dial().Do(t.Context(), &Request{Method: "CONNECT", Authority: "far.test:443"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Upgraded)
		if string(b) != "tunnel to far.test:443" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		resp.Upgraded.Close()
	})
}
