//go:build !unix

package wire

import "errors"

type rawRead struct{}

// readFirst does nothing here: reading always takes a buffer.
func (t *transport) readFirst(owner firstReader) (n int, ok bool, err error) {
	return 0, false, nil
}

// awaitBytes cannot wait here.
func (t *transport) awaitBytes() error { return errors.ErrUnsupported }

// quiet knows nothing here.
func (t *transport) quiet() bool { return true }
