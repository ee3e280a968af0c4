package edge

import (
	"strconv"
	"time"
	"unsafe"
)

// Field values that differ from one request to the next (Age, Cache-Status)
// are written into the request's own buffer and read from there as strings,
// so that a hit makes no garbage. Such a string is valid until the request
// ends and its buffer serves the next one: it is given to
// wire.Exchange.Respond, which copies it, and to nobody who keeps it.

// begin marks where the next value starts.
func (r *request) begin() int { return len(r.text) }

// value is what was written to r.text since the mark.
func (r *request) value(mark int) string {
	b := r.text[mark:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// number is n as a field value.
func (r *request) number(n int64) string {
	mark := r.begin()
	r.text = strconv.AppendInt(r.text, n, 10)
	return r.value(mark)
}

// seconds is d in whole seconds, cut off as Age is (RFC 9111 §1.2.2).
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
