package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is an HTTP/2 connection with prior knowledge.
type peer struct {
	*http2.Framer
	io.Closer
	block bytes.Buffer
	enc   *hpack.Encoder
	next  uint32
}

func openHTTP2(ctx context.Context, settings ...http2.Setting) *peer {
	c := open(ctx, plainAddr)
	if c == nil {
		return nil
	}
	p := &peer{Framer: http2.NewFramer(c, c), Closer: c, next: 1}
	p.enc = hpack.NewEncoder(&p.block)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = p.WriteSettings(settings...)
	_ = p.WriteSettingsAck()
	return p
}

// get asks for a path on a new stream.
func (p *peer) get(path string) (stream uint32, err error) {
	p.block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "www.shop.test"}, {":path", path}} {
		_ = p.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	stream = p.next
	p.next += 2
	return stream, p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.block.Bytes(), EndHeaders: true, EndStream: true})
}

// skim reads frames until the connection ends.
func (p *peer) skim() {
	for {
		if _, err := p.ReadFrame(); err != nil {
			return
		}
	}
}

// zeroWindow asks for as many things as it may, and lets none of them come.
func zeroWindow(ctx context.Context, _ *edge, _ int) {
	p := openHTTP2(ctx, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	if p == nil {
		return
	}
	defer p.Close()
	for range 120 {
		if _, err := p.get("/popular"); err != nil {
			return
		}
	}
	p.skim()
}

// unread asks for large things, grants every window, and does not read.
func unread(ctx context.Context, _ *edge, _ int) {
	p := openHTTP2(ctx, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	if p == nil {
		return
	}
	defer p.Close()
	_ = p.WriteWindowUpdate(0, 1<<30)
	for range 20 {
		if _, err := p.get(fmt.Sprintf("/large?%d", rand.IntN(20))); err != nil {
			return
		}
	}
	<-ctx.Done()
}

// ordinary asks for one thing after another and reads them: what others are
// to be compared with.
func ordinary(ctx context.Context, _ *edge, _ int) {
	p := openHTTP2(ctx)
	if p == nil {
		return
	}
	defer p.Close()
	for err := error(nil); err == nil; {
		err = p.ask(fmt.Sprintf("/popular?%d", rand.Uint64()))
	}
}

// ordinaryConnections asks for one thing on each connection.
func ordinaryConnections(ctx context.Context, _ *edge, _ int) {
	for ctx.Err() == nil {
		p := openHTTP2(ctx)
		if p == nil {
			return
		}
		_ = p.ask("/popular") // an end is as good as an answer
		p.Close()
	}
}

// ask gets a path and reads all of it.
func (p *peer) ask(path string) error {
	id, err := p.get(path)
	for err == nil {
		var f http2.Frame
		if f, err = p.ReadFrame(); err != nil {
			break
		}
		if n := f.Header().Length; f.Header().Type == http2.FrameData && n > 0 {
			err = p.WriteWindowUpdate(0, n)
		}
		if f.Header().StreamID == id && f.Header().Flags.Has(http2.FlagDataEndStream) {
			return err
		}
	}
	return err
}

func rapidReset(ctx context.Context, _ *edge, _ int) {
	p := openHTTP2(ctx)
	if p == nil {
		return
	}
	defer p.Close()
	go p.skim()
	for {
		id, err := p.get(fmt.Sprintf("/popular?%d", rand.Uint64()))
		if err != nil || p.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			return
		}
	}
}

func continuation(ctx context.Context, _ *edge, _ int) {
	p := openHTTP2(ctx)
	if p == nil {
		return
	}
	defer p.Close()
	go p.skim()
	err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
	for err == nil {
		err = p.WriteContinuation(1, false, []byte{0x84})
	}
}

func pings(ctx context.Context, _ *edge, n int) {
	p := openHTTP2(ctx)
	if p == nil {
		return
	}
	defer p.Close()
	go p.skim()
	var err error
	for err == nil {
		switch n % 3 {
		case 0:
			err = p.WritePing(false, [8]byte{})
		case 1:
			err = p.WriteSettings()
		default:
			err = p.WriteWindowUpdate(0, 1)
		}
	}
}
