package journey

import (
	"time"

	"waypost/trace"
)

// result is what a client's action came to. Exactly one of its parts is set.
type result struct {
	name     string
	verb     string
	started  time.Time
	mark     int // how many events had been noted then
	ended    time.Time
	trace    trace.ID
	response *Response
	answer   *Answer
	echo     *Echo
	purged   *Purged
}

// of returns the part that the noun speaks about.
func (r *result) of(noun string) (any, bool) {
	switch {
	case noun == "response" && r.response != nil:
		return *r.response, true
	case noun == "answer" && r.answer != nil:
		return *r.answer, true
	case noun == "echo" && r.echo != nil:
		return *r.echo, true
	case noun == "purged" && r.purged != nil:
		return *r.purged, true
	}
	return nil, false
}

// failure is why the action failed; "" when it did not.
func (r *result) failure() string {
	switch {
	case r.response != nil:
		return r.response.Error
	case r.answer != nil:
		return r.answer.Error
	case r.echo != nil:
		return r.echo.Error
	case r.purged != nil:
		return r.purged.Error
	}
	return ""
}
