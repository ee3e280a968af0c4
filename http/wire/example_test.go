package wire_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"waypost/http/field"
	"waypost/http/wire"
)

// A server and a client on a connection in memory. The same code runs over
// HTTP/1.1 and HTTP/2, over cleartext and TLS.
func Example() {
	listener := newPipeListener()
	server := &wire.Server{Handler: wire.HandlerFunc(func(x wire.Exchange) {
		body := "you asked for " + x.Request().Path + "\n"
		_ = x.Respond(200, field.Fields{{Name: "Content-Type", Value: "text/plain"}}, int64(len(body)))
		_, _ = io.WriteString(x, body)
	})}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listener) }()

	for _, proto := range []string{"http/1.1", "h2"} {
		client, err := wire.NewClient(listener.dial(), proto, wire.Limits{})
		if err != nil {
			fmt.Println(err)
			return
		}
		resp, err := client.Do(ctx, &wire.Request{Method: "GET", Scheme: "http", Authority: "shop.test", Path: "/a"})
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		fmt.Print(resp.Proto, " ", resp.Status, " ", resp.FramedBy, ": ", string(body))
		if err != nil {
			fmt.Println(err)
		}
		_ = client.Close()
	}
	stop()
	fmt.Println("served:", <-served)
	// Output:
	// HTTP/1.1 200 content-length: you asked for /a
	// HTTP/2 200 end_stream: you asked for /a
	// served: <nil>
}

// pipeListener accepts what its dial connects.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
