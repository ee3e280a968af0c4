package upstream

import (
	"errors"
	"io"
	"sync/atomic"

	"waypost/fetch"
	"waypost/http/wire"
)

// mayTryAnother reports whether a request that failed may go to another
// server. (A pooled connection that proved dead is package fetch's affair.)
//
// What surely did not reach the server may go elsewhere whatever it is. Else
// only a request with an idempotent method is automatically repeated (RFC
// 9110 §9.2.2), and only without a body: of that, a part has been read.
func mayTryAnother(req *wire.Request, body *watched, report *Report) bool {
	if body.touched() {
		return false
	}
	if report.Trip.Sent.IsZero() || errors.Is(report.Err, wire.ErrUnprocessed) || report.Looped == report.Origin {
		return true // a parent that refuses a request as going round has sent it nowhere
	}
	return fetch.Idempotent(req.Method)
}

// watched is a request body of which one can tell whether it was begun, and
// whether it broke off. The nil *watched is no body.
type watched struct {
	body io.Reader
	read atomic.Bool
	bad  atomic.Bool
}

func watch(body io.Reader) *watched {
	if body == nil {
		return nil
	}
	return &watched{body: body}
}

func (w *watched) Read(p []byte) (int, error) {
	w.read.Store(true)
	n, err := w.body.Read(p)
	if err != nil && err != io.EOF {
		w.bad.Store(true)
	}
	return n, err
}

func (w *watched) touched() bool { return w != nil && w.read.Load() }
func (w *watched) broke() bool   { return w != nil && w.bad.Load() }
