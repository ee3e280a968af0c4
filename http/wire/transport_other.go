//go:build !unix

package wire

type rawRead struct{}

// readFirst does nothing here: reading always takes a buffer.
func (t *transport) readFirst(owner firstReader) (n int, ok bool, err error) {
	return 0, false, nil
}

// quiet knows nothing here.
func (t *transport) quiet() bool { return true }
