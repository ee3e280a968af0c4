package origin

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/fstest"

	"waypost/http/field"
	"waypost/http/wire"
)

// sink is an exchange that takes every answer.
type sink struct {
	request wire.Request
	conn    wire.ConnInfo
}

func (x *sink) Request() *wire.Request                      { return &x.request }
func (x *sink) Conn() *wire.ConnInfo                        { return &x.conn }
func (x *sink) Context() context.Context                    { return context.Background() }
func (x *sink) Inform(int, field.Fields) error              { return nil }
func (x *sink) Respond(int, field.Fields, int64) error      { return nil }
func (x *sink) Write(p []byte) (int, error)                 { return len(p), nil }
func (x *sink) Flush() error                                { return nil }
func (x *sink) Trailers(field.Fields) error                 { return nil }
func (x *sink) Upgrade(int, field.Fields) (net.Conn, error) { return nil, net.ErrClosed }
func (x *sink) Abort()                                      {}
func (x *sink) Close()                                      {}

// BenchmarkFiles is the server's own share of a file of 64 KB and of a 304,
// without codec and network.
func BenchmarkFiles(b *testing.B) {
	s, err := New(Config{Files: &Files{
		FS:    fstest.MapFS{"app.1f2e3d4c.js": {Data: bytes.Repeat([]byte("x"), 64<<10)}},
		Cache: DefaultCache(),
	}})
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name   string
		fields field.Fields
	}{{"64KB", nil}, {"304", field.Fields{{Name: "If-None-Match", Value: "*"}}}} {
		b.Run(bb.name, func(b *testing.B) {
			x := &sink{
				request: wire.Request{Method: "GET", Path: "/app.1f2e3d4c.js", Fields: bb.fields},
				conn:    wire.ConnInfo{Remote: netip.MustParseAddrPort("192.0.2.1:1")},
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Serve(x)
			}
		})
	}
}
