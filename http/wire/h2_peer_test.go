package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Peer is the other end of an HTTP/2 connection, which can do anything.
type h2Peer struct {
	t     *testing.T
	conn  *memConn
	fr    *http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
	dec   *hpack.Decoder
}

func newH2Peer(t *testing.T, conn *memConn) *h2Peer {
	p := &h2Peer{t: t, conn: conn, fr: http2.NewFramer(conn, conn)}
	p.fr.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.block)
	p.dec = hpack.NewDecoder(h2TableSize, nil)
	t.Cleanup(func() { conn.Close() })
	return p
}

// dialH2 is a client that has exchanged settings with s.
func dialH2(t *testing.T, s *Server, settings ...http2.Setting) *h2Peer {
	t.Helper()
	p := newH2Peer(t, dialMem(t, s))
	send(t, p.conn, http2Preface)
	p.must(p.fr.WriteSettings(settings...))
	p.expect("SETTINGS")
	p.expect("WINDOW_UPDATE 0 458753")
	p.expect("SETTINGS ack")
	p.must(p.fr.WriteSettingsAck())
	return p
}

func (p *h2Peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// encode encodes "name: value" lines.
func (p *h2Peer) encode(lines ...string) []byte {
	p.block.Reset()
	for _, l := range lines {
		colon := strings.Index(l[1:], ": ") + 1
		p.must(p.enc.WriteField(hpack.HeaderField{Name: l[:colon], Value: l[colon+2:]}))
	}
	return p.block.Bytes()
}

var h2Get = []string{":method: GET", ":scheme: http", ":authority: h", ":path: /"}

func (p *h2Peer) headers(id uint32, end bool, lines ...string) {
	p.t.Helper()
	p.must(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.encode(lines...), EndStream: end, EndHeaders: true}))
}

// next describes the next frame; "closed" is the end of the connection and
// "silence" that nothing came for a virtual hour.
func (p *h2Peer) next() string {
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	f, err := p.fr.ReadFrame()
	switch {
	case errors.Is(err, io.EOF):
		return "closed"
	case err != nil && isTimeout(err):
		return "silence"
	case err != nil:
		return err.Error()
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return "SETTINGS ack"
		}
		return "SETTINGS"
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("WINDOW_UPDATE %d %d", f.StreamID, f.Increment)
	case *http2.PingFrame:
		return fmt.Sprintf("PING %v", f.IsAck())
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("RST_STREAM %d %v", f.StreamID, f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Sprintf("GOAWAY %d %v %s", f.LastStreamID, f.ErrCode, f.DebugData())
	case *http2.DataFrame:
		return fmt.Sprintf("DATA %d %q%s", f.StreamID, f.Data(), endText(f.StreamEnded()))
	case *http2.HeadersFrame:
		fields, err := p.dec.DecodeFull(f.HeaderBlockFragment())
		p.must(err)
		var b strings.Builder
		for _, hf := range fields {
			if hf.Name != "date" {
				fmt.Fprintf(&b, " %s=%s", hf.Name, hf.Value)
			}
		}
		return fmt.Sprintf("HEADERS %d%s%s", f.StreamID, b.String(), endText(f.StreamEnded()))
	}
	return fmt.Sprint(f)
}

func endText(end bool) string {
	if end {
		return " end"
	}
	return ""
}

// expect reads a frame and checks how its description begins.
func (p *h2Peer) expect(want string) {
	p.t.Helper()
	if got := p.next(); !strings.HasPrefix(got, want) {
		p.t.Fatalf("got %s, want %s", got, want)
	}
}

// skipTo reads frames until one whose description begins so.
func (p *h2Peer) skipTo(want string) string {
	p.t.Helper()
	for {
		got := p.next()
		if strings.HasPrefix(got, want) {
			return got
		}
		if got == "closed" || got == "silence" {
			p.t.Fatalf("got %s, want %s", got, want)
		}
	}
}
