package edge

import (
	"slices"
	"sync"

	"waypost/edge/rules"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// interims passes interim responses on while the origin is being asked, and
// none that comes later.
type interims struct {
	mu      sync.Mutex
	x       wire.Exchange
	ruled   *ruled // by the site's rules
	span    *trace.Span
	stopped bool
}

func (i *interims) inform(status int, f field.Fields) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.stopped && status != 100 {
		_ = i.x.Inform(status, i.ruled.hint(f, i.span)) // an error shows again with the final response
	}
}

func (i *interims) stop() {
	i.mu.Lock()
	i.stopped = true
	i.mu.Unlock()
}

// hint is what of an interim response's fields may go to the client: what
// does not pass with a final response does not pass before it either. What the
// site's rules set or add is left to the final one. span takes the record.
func (u *ruled) hint(f field.Fields, span *trace.Span) field.Fields {
	f = slices.DeleteFunc(f.Clone(), forUs)
	if u.by == nil {
		return f
	}
	u.by.ToClient.Strip(&f, u.path)
	if u.cookieless {
		noteCookies(span, u.host, 0, rules.DropLines(&f, "Set-Cookie"))
	}
	return f
}
