package edge

import (
	"strconv"
	"time"
)

// cacheStatus is what the Cache-Status field says of us (RFC 9211 §2). The
// zero value says nothing but our name.
type cacheStatus struct {
	hit       bool
	fwd       string // why the request went forward: miss, stale, bypass, …
	status    int    // of the response that came back, where it is not the one sent
	ttl       time.Duration
	hasTTL    bool
	stored    bool
	collapsed bool
	detail    string // a token
}

// append writes the list member.
func (c *cacheStatus) append(dst []byte, name string) []byte {
	dst = append(dst, name...)
	if c.hit {
		dst = append(dst, "; hit"...)
	}
	if c.fwd != "" {
		dst = append(append(dst, "; fwd="...), c.fwd...)
	}
	if c.status != 0 {
		dst = strconv.AppendInt(append(dst, "; fwd-status="...), int64(c.status), 10)
	}
	if c.hasTTL {
		dst = strconv.AppendInt(append(dst, "; ttl="...), seconds(c.ttl), 10)
	}
	if c.stored {
		dst = append(dst, "; stored"...)
	}
	if c.collapsed {
		dst = append(dst, "; collapsed"...)
	}
	if c.detail != "" {
		dst = append(append(dst, "; detail="...), c.detail...)
	}
	return dst
}

// left sets the time that the stored response stays fresh; it is negative
// when that is over (RFC 9211 §2.4).
func (c *cacheStatus) left(lifetime, age time.Duration) {
	c.ttl = time.Duration(seconds(lifetime)-seconds(age)) * time.Second
	c.hasTTL = true
}
