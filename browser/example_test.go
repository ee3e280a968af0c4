package browser_test

import (
	"context"
	"fmt"
	"net/netip"

	"waypost/browser"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// A site on a small internet of its own, loaded twice: the second time the
// stylesheet comes from the private cache.
func ExampleBrowser_Load() {
	var internet link.Loopback
	server := netip.MustParseAddrPort("198.51.100.7:80")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	listener, err := internet.Host(server.Addr()).Listen(ctx, server)
	if err != nil {
		fmt.Println(err)
		return
	}
	site := &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		kind, text := "text/html", `<title>Harbour</title><link rel=stylesheet href=style.css>`
		if x.Request().Path == "/style.css" {
			kind, text = "text/css", "body { margin: 0 }"
		}
		x.Respond(200, field.Fields{{Name: "Content-Type", Value: kind}, {Name: "Cache-Control", Value: "max-age=60"}}, int64(len(text)))
		x.Write([]byte(text))
	})}
	go site.Serve(ctx, listener)

	var record trace.Ring
	b := &browser.Browser{
		Fetch:   &fetch.Client{Network: internet.Host(netip.MustParseAddr("192.0.2.1"))},
		Station: &trace.Station{Name: "browser", Recorder: &record},
		Profile: browser.NewProfile(0),
	}
	defer b.Fetch.Close()
	for range 2 {
		r, err := b.Load(ctx, "http://198.51.100.7/", browser.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d, %d requests, %d from the cache\n", r.Title, r.Status, r.Requests, r.Cached)
	}
	// Output:
	// Harbour: 200, 2 requests, 0 from the cache
	// Harbour: 200, 0 requests, 2 from the cache
}
