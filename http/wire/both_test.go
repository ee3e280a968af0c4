package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"waypost/fault"
	"waypost/http/field"
)

// These tests have one body that is run for each protocol.

var protocols = []string{"http/1.1", "h2"}

// both runs a test with a server and a client of each protocol, in a bubble.
func both(t *testing.T, h HandlerFunc, test func(t *testing.T, dial func() Client)) {
	t.Helper()
	for _, proto := range protocols {
		t.Run(strings.ReplaceAll(proto, "/", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveMem(t, &Server{Handler: h})
				test(t, func() Client {
					conn, err := l.dial(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					c, err := NewClient(conn, proto, Limits{})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { c.Close() })
					return c
				})
			})
		})
	}
	t.Run("h3", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := serveQUIC(t, &Server{Handler: h})
			test(t, func() Client { return secured{w.dial(t, H3Dialer{})} })
		})
	})
}

func get(path string) *Request {
	return &Request{Method: "GET", Scheme: "http", Authority: "h", Path: path}
}

// do asks and reads the whole response.
func do(t *testing.T, c Client, r *Request) (*Response, string) {
	t.Helper()
	resp, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatalf("Do %s %s: %v", r.Method, r.Path, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the body of %s %s: %v", r.Method, r.Path, err)
	}
	return resp, string(body)
}

func TestBothGet(t *testing.T) {
	both(t, echo, func(t *testing.T, dial func() Client) {
		c := dial()
		for i := range 3 {
			r := get(fmt.Sprint("/", i))
			r.Fields = field.Fields{{Name: "accept", Value: "*/*"}, {Name: "Connection", Value: "x"}}
			resp, body := do(t, c, r)
			want := fmt.Sprintf("GET h /%d accept=*/*", i)
			if body != want || resp.Status != 200 || resp.Length != int64(len(want)) || resp.Fields.Get("content-type") != "text/plain" {
				t.Errorf("got %+v %q, want body %q", resp, body, want)
			}
			if !c.Free() || !c.Alive() {
				t.Error("the connection should be free again")
			}
		}
	})
}

func TestBothBodies(t *testing.T) {
	both(t, echo, func(t *testing.T, dial func() Client) {
		c := dial()
		for _, length := range []int64{5, -1} {
			r := get("/")
			r.Method, r.Length, r.Body = "POST", length, strings.NewReader("hello")
			r.Trailers = func() field.Fields { return field.Fields{{Name: "x-sum", Value: "1"}} }
			want := fmt.Sprintf(`POST h / body %d "hello"`, length)
			if length < 0 {
				want += " x-sum=1"
			}
			if _, body := do(t, c, r); body != want {
				t.Errorf("length %d: got %q, want %q", length, body, want)
			}
		}
	})
}

func TestBothStreaming(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MB
	both(t, func(x Exchange) {
		_ = x.Respond(200, nil, -1)
		if x.Request().Body != nil {
			_, _ = io.Copy(x, x.Request().Body)
		} else {
			_, _ = x.Write(big)
		}
		_ = x.Trailers(field.Fields{{Name: "x-end", Value: "yes"}})
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		resp, body := do(t, c, get("/"))
		if body != string(big) || resp.Length != -1 || resp.Trailers().Get("X-End") != "yes" {
			t.Errorf("got %d bytes, length %d, trailers %v", len(body), resp.Length, resp.Trailers())
		}
		r := get("/")
		r.Method, r.Length, r.Body = "POST", int64(DefaultDrainBytes), bytes.NewReader(big[:DefaultDrainBytes])
		if _, body := do(t, c, r); body != string(big[:DefaultDrainBytes]) {
			t.Errorf("echo gave %d bytes back", len(body))
		}
		if !c.Free() {
			t.Error("the connection should be free again")
		}
	})
}

func TestBothHeadOnly(t *testing.T) {
	both(t, func(x Exchange) {
		status := 200
		_, _ = fmt.Sscanf(x.Request().Path, "/%d", &status)
		_ = x.Respond(status, nil, 5)
		_, _ = io.WriteString(x, "hello")
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		for _, tt := range []struct {
			method, path string
			length       int64
			body         string
		}{
			{"HEAD", "/200", 5, ""}, {"GET", "/200", 5, "hello"}, {"GET", "/304", 5, ""}, {"GET", "/204", 0, ""}, {"GET", "/404", 5, "hello"},
		} {
			r := get(tt.path)
			r.Method = tt.method
			resp, body := do(t, c, r)
			if resp.Length != tt.length || body != tt.body {
				t.Errorf("%s %s: got length %d, body %q", tt.method, tt.path, resp.Length, body)
			}
		}
	})
}

func TestBothInterim(t *testing.T) {
	both(t, func(x Exchange) {
		_ = x.Inform(103, field.Fields{{Name: "link", Value: "</a.css>"}})
		echo(x)
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		r := get("/")
		r.Method, r.Length, r.Body, r.Expect = "POST", 2, strings.NewReader("hi"), true
		var seen []int
		r.Interim = func(status int, f field.Fields) { seen = append(seen, status) }
		resp, body := do(t, c, r)
		if body != `POST h / body 2 "hi"` {
			t.Errorf("body %q", body)
		}
		if fmt.Sprint(seen) != "[103 100]" {
			t.Errorf("Request.Interim saw %v, want 103 and 100 as they come", seen)
		}
		want := []Interim{{103, field.Fields{{Name: "link", Value: "</a.css>"}}}, {100, nil}}
		if fmt.Sprint(resp.Informed) != fmt.Sprint(want) {
			t.Errorf("informed %v, want %v", resp.Informed, want)
		}
	})
}

func TestBothExpectationRefused(t *testing.T) {
	both(t, func(x Exchange) {
		_ = x.Respond(413, nil, 0)
	}, func(t *testing.T, dial func() Client) {
		r := get("/")
		r.Method, r.Length, r.Expect = "POST", 1<<40, true
		r.Body = readerFunc(func([]byte) (int, error) {
			t.Error("the body was read although the server refused it")
			return 0, io.EOF
		})
		if resp, _ := do(t, dial(), r); resp.Status != 413 {
			t.Errorf("status %d", resp.Status)
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBothInjection(t *testing.T) {
	bad := []field.Line{
		{Name: "X", Value: "a\r\nSet-Cookie: b"}, {Name: "X", Value: "a\nb"}, {Name: "X", Value: "a\x00b"},
		{Name: "X\r\nY", Value: "a"}, {Name: "X:", Value: "a"}, {Name: "", Value: "a"}, {Name: "X Y", Value: "a"},
	}
	both(t, func(x Exchange) {
		for _, l := range bad {
			if x.Respond(200, field.Fields{l}, 0) == nil {
				t.Errorf("Respond took %q: %q", l.Name, l.Value)
			}
			if x.Trailers(field.Fields{l}) == nil {
				t.Errorf("Trailers took %q: %q", l.Name, l.Value)
			}
		}
		_ = x.Respond(200, nil, 0)
	}, func(t *testing.T, dial func() Client) {
		c := dial()
		for _, l := range bad {
			r := get("/")
			r.Fields = field.Fields{l}
			if _, err := c.Do(t.Context(), r); err == nil {
				t.Errorf("Do took %q: %q", l.Name, l.Value)
			}
		}
		for _, r := range []*Request{
			{Method: "G T", Authority: "h", Path: "/"}, {Method: "GET", Authority: "h\r\nX: y", Path: "/"},
			{Method: "GET", Authority: "h", Path: "/ HTTP/1.1\r\nX: y"}, {Method: "GET", Authority: "h", Path: ""},
		} {
			if _, err := c.Do(t.Context(), r); err == nil {
				t.Errorf("Do took %+v", r)
			}
		}
		if resp, _ := do(t, c, get("/")); resp.Status != 200 {
			t.Errorf("status %d after refused fields", resp.Status)
		}
	})
}

func TestBothClientLeaves(t *testing.T) {
	left := make(chan error, 1)
	both(t, func(x Exchange) {
		<-x.Context().Done()
		left <- context.Cause(x.Context())
	}, func(t *testing.T, dial func() Client) {
		ctx, cancel := context.WithCancel(t.Context())
		c := dial()
		go func() {
			synctest.Wait()
			cancel()
		}()
		_, err := c.Do(ctx, get("/"))
		if !errors.Is(err, context.Canceled) || fault.Of(err) != fault.ConnectionTerminated {
			t.Errorf("Do: %v (%s)", err, fault.Of(err))
		}
		if err := <-left; fault.Of(err) != fault.ConnectionTerminated {
			t.Errorf("the handler's context ended with %v", err)
		}
	})
}

func TestBothBrokenOff(t *testing.T) {
	both(t, func(x Exchange) {
		switch x.Request().Path {
		case "/short":
			_ = x.Respond(200, nil, 100)
			_, _ = io.WriteString(x, "half")
		case "/abort":
			_ = x.Respond(200, nil, -1)
			_, _ = io.WriteString(x, "half")
			_ = x.Flush()
			x.Abort()
		case "/silent":
		}
	}, func(t *testing.T, dial func() Client) {
		for _, path := range []string{"/short", "/abort"} {
			resp, err := dial().Do(t.Context(), get(path))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if string(body) != "half" || fault.Of(err) != fault.HTTPResponseIncomplete {
				t.Errorf("%s: got %q, %v", path, body, err)
			}
		}
		if resp, body := do(t, dial(), get("/silent")); resp.Status != 500 || body != "no response\n" {
			t.Errorf("/silent: %d %q", resp.Status, body)
		}
	})
}

// TestReadAfterClose: a body that was closed is not at its end, even where
// the rest of it had arrived and was taken so that the connection could be
// used again. A cache would else keep the half as the whole.
func TestReadAfterClose(t *testing.T) {
	both(t, func(x Exchange) {
		_ = x.Respond(200, nil, 8)
		_, _ = x.Write([]byte("a half, "[:4]))
		_ = x.Flush()
		_, _ = x.Write([]byte("half"))
	}, func(t *testing.T, dial func() Client) {
		resp, err := dial().Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the rest is there
		resp.Body.Close()
		if n, err := resp.Body.Read(make([]byte, 8)); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a closed body reads %d bytes and %v, want an error that is no end", n, err)
		}
	})
}
