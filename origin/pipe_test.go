package origin_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// onlyOne is a listener that has one connection to give.
func onlyOne(c net.Conn) (context.Context, net.Listener) {
	l := &oneListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- c
	return context.Background(), l
}

type oneListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneListener) Close() error   { close(l.closed); return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

// show prints one response of 15 body bytes, without its date.
func show(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasPrefix(line, "Date:") {
			fmt.Println(strings.TrimSpace(line))
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, 15)
	io.ReadFull(r, body)
	fmt.Println(string(body))
	c.Close()
}
