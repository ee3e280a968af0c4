package wire

import (
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestUrgentOverASocket: what is urgent does not stand behind megabytes that
// the system has taken before.
func TestUrgentOverASocket(t *testing.T) {
	const size, most = 16 << 20, 800 << 10 // what the client's own system takes is in it
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	s := &Server{Handler: HandlerFunc(func(x Exchange) {
		if x.Request().Path != "/large" {
			_ = x.Respond(200, nil, 0)
			return
		}
		_ = x.Respond(200, nil, size)
		_, _ = x.Write(make([]byte, 8<<20)) // ends when the client has read nearly as much
		close(begun)
		_, _ = x.Write(make([]byte, size-8<<20))
	})}
	startServing(t, s, l)
	conn := dialed(t, l.Addr().String())
	if err := conn.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = conn.Write([]byte(http2Preface))
	must(err)
	fr := http2.NewFramer(conn, conn)
	fr.SetMaxReadFrameSize(h2MaxFrame)
	must(fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}))
	must(fr.WriteWindowUpdate(0, 1<<30))
	var block hpackBlock
	must(block.headers(fr, 1, "/large", "u=7"))
	came, asked, behind := 0, false, 0
	for {
		f, err := fr.ReadFrame()
		must(err)
		switch f := f.(type) {
		case *http2.DataFrame:
			came += len(f.Data())
			if asked {
				behind += len(f.Data())
			}
		case *http2.HeadersFrame:
			if f.StreamID == 3 {
				if behind > most {
					t.Errorf("%d bytes of what is less urgent came first, want at most %d", behind, most)
				} else {
					t.Logf("%d bytes of what is less urgent came first", behind)
				}
				return
			}
		}
		select {
		case <-begun:
			if !asked {
				asked = true
				must(block.headers(fr, 3, "/", "u=0"))
			}
		default:
		}
		if came == size {
			t.Fatal("the urgent response came last")
		}
	}
}

// hpackBlock encodes requests.
type hpackBlock struct {
	bytes []byte
	enc   *hpack.Encoder
}

func (b *hpackBlock) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *hpackBlock) headers(fr *http2.Framer, id uint32, path, priority string) error {
	if b.enc == nil {
		b.enc = hpack.NewEncoder(b)
	}
	b.bytes = b.bytes[:0]
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", path}, {"priority", priority}} {
		if err := b.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	return fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.bytes, EndStream: true, EndHeaders: true})
}
