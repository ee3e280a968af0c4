package origin_test

import (
	"fmt"
	"net"
	"testing/fstest"

	"waypost/http/wire"
	"waypost/origin"
)

func Example() {
	server, err := origin.New(origin.Config{
		Routes: []origin.Route{
			{Name: "hello", Path: "/hello/*", Handle: func(w *origin.Response, r *origin.Request) {
				w.Fields.Add("Cache-Control", "no-store")
				w.Send(200, "text/plain; charset=utf-8", []byte("Hello, "+r.Rest+"!"))
			}},
			{Name: "old", Path: "/old", Handle: origin.Redirect(301, "/", "public, max-age=86400")},
		},
		Files: &origin.Files{
			FS:    fstest.MapFS{"index.html": {Data: []byte("<h1>Home</h1>")}},
			Cache: origin.DefaultCache(),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Any listener will do; here the two ends of a pipe stand for the network.
	client, conn := net.Pipe()
	go (&wire.Server{Handler: server}).Serve(onlyOne(conn))

	fmt.Fprint(client, "GET /hello/harbour HTTP/1.1\r\nHost: www.shop.test\r\n\r\n")
	show(client)
	// Output:
	// HTTP/1.1 200 OK
	// Cache-Control: no-store
	// Content-Type: text/plain; charset=utf-8
	// Content-Length: 15
	//
	// Hello, harbour!
}
