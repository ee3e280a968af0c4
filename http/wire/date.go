package wire

import (
	"sync/atomic"
	"time"
)

// imfFixdate is the preferred format of HTTP dates (RFC 9110 §5.6.7).
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// dateCache holds the Date of the current second. The zero value is ready;
// it is safe for concurrent use.
type dateCache struct {
	current atomic.Pointer[dateText]
}

type dateText struct {
	second int64
	text   string
}

// at returns the Date for now.
func (d *dateCache) at(now time.Time) string {
	second := now.Unix()
	if t := d.current.Load(); t != nil && t.second == second {
		return t.text
	}
	t := &dateText{second, now.UTC().Format(imfFixdate)}
	d.current.Store(t)
	return t.text
}
