package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"waypost/cdn"
)

// TestSmugglingOverHTTP2: lengths that lie, and line ends in what HTTP/2 can
// carry and HTTP/1.1 cannot, do not reach an origin that speaks HTTP/1.1.
func TestSmugglingOverHTTP2(t *testing.T) {
	post := []string{":method", "POST", ":scheme", "http", ":authority", "www.shop.test", ":path", "/"}
	with := func(more ...string) []string { return append(slices.Clone(post), more...) }
	instead := func(name, value string) []string {
		h := slices.Clone(post)
		h[slices.Index(h, name)+1] = value
		return h
	}
	tests := []struct {
		name   string
		fields []string
		body   string
		want   string // where there are two, it depends on who is first
	}{
		{"length 0 before a body", with("content-length", "0"), hidden, "RST_STREAM PROTOCOL_ERROR or 200"},
		{"a length too short", with("content-length", "5"), hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a length too long", with("content-length", "500"), "hello", "RST_STREAM PROTOCOL_ERROR"},
		{"two lengths", with("content-length", "5", "content-length", "0"), "hello", "RST_STREAM PROTOCOL_ERROR"},
		{"a signed length", with("content-length", "+5"), "hello", "RST_STREAM PROTOCOL_ERROR"},
		{"chunked", with("transfer-encoding", "chunked"), "0\r\n\r\n" + hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"connection", with("connection", "content-length"), "hello", "RST_STREAM PROTOCOL_ERROR"},
		{"a line end in a value", with("x", "y\r\ntransfer-encoding: chunked"), "0\r\n\r\n" + hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a bare LF in a value", with("x", "y\ncontent-length: 0"), hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a line end in a name", with("x: y\r\ntransfer-encoding", "chunked"), "0\r\n\r\n" + hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a colon in a name", with("transfer-encoding: chunked\r\nx", "y"), "0\r\n\r\n" + hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a space in a name", with("content-length ", "0"), hidden, "RST_STREAM PROTOCOL_ERROR"},
		{"a line end in :path", instead(":path", "/ HTTP/1.1\r\nHost: www.shop.test\r\n\r\n"+hidden), "", "RST_STREAM PROTOCOL_ERROR"},
		{"a space in :path", instead(":path", "/ HTTP/1.1"), "", "400"},
		{"a line end in :method", instead(":method", "GET /hidden HTTP/1.1\r\nx: y\r\n"), "", "RST_STREAM PROTOCOL_ERROR"},
		{"a space in :method", instead(":method", "GET /hidden"), "", "RST_STREAM PROTOCOL_ERROR"},
		{"a line end in :authority", instead(":authority", "www.shop.test\r\nx: y"), "", "RST_STREAM PROTOCOL_ERROR"},
		{"userinfo in :authority", instead(":authority", "www.shop.test:80@other.test"), "", "400"},
		{"another Host", with("host", "other.test"), "", "RST_STREAM PROTOCOL_ERROR"},
		{"a request in the body", post, hidden, "200"},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			for _, kind := range naives {
				o := &naive{name: kind.name, length: kind.length, last: kind.last, exact: kind.exact}
				inWorld(t, replying(500, ""), func(w *world) {
					stop := w.listenRaw(o.serve)
					defer stop()
					if got := w.overHTTP2(tt.fields, tt.body); !slices.Contains(strings.Split(tt.want, " or "), got) {
						t.Errorf("%s: got %s, want %s", o.name, got, tt.want)
					}
					if g := w.get("/innocent"); g.status != 200 || g.body != "/innocent " {
						t.Errorf("%s: the next client got %v", o.name, g)
					}
					o.mu.Lock()
					defer o.mu.Unlock()
					if len(o.asked) > 2 || slices.ContainsFunc(o.asked, func(s string) bool { return strings.HasPrefix(s, "GET /hidden") }) {
						t.Errorf("%s: the origin saw %q", o.name, o.asked)
					}
				}, setting{site: func(s *cdn.Site) { s.Origin.URLs = []string{"http://" + rawAddr.String()} }})
			}
		})
	}
}

// overHTTP2 sends one request as bytes may be, and tells what came of it: the
// status, or how the stream or connection ended.
func (w *world) overHTTP2(fields []string, body string) string {
	c, err := w.net.Host(clientAddr).Dial(w.t.Context(), netip.AddrPortFrom(edgeAddr, 80))
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.AllowIllegalWrites = true
	_ = fr.WriteSettings()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: body == ""})
	if body != "" {
		_ = fr.WriteData(1, true, []byte(body))
	}
	dec := hpack.NewDecoder(4096, nil)
	for {
		f, err := fr.ReadFrame()
		switch {
		case errors.Is(err, io.EOF):
			return "closed"
		case err != nil:
			return err.Error()
		}
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			return "RST_STREAM " + f.ErrCode.String()
		case *http2.GoAwayFrame:
			return fmt.Sprintf("GOAWAY %v", f.ErrCode)
		case *http2.HeadersFrame:
			if got, err := dec.DecodeFull(f.HeaderBlockFragment()); err == nil && got[0].Value != "100" {
				return got[0].Value
			}
		}
	}
}
