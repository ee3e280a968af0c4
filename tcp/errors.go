package tcp

import "errors"

// How a connection ends when it does not end in order. [Conn.Err] returns
// one of them, or what [Conn.Unreachable] was told.
var (
	ErrReset   = errors.New("connection reset by the peer")   // a RST came
	ErrRefused = errors.New("connection refused by the peer") // a RST answered our SYN
	ErrTimeout = errors.New("the peer did not answer")        // retransmissions, probes or the user timeout ran out
	ErrClosed  = errors.New("connection closed on this side") // a call after Close, CloseWrite or Abort
)
