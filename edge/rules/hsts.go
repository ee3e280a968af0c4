package rules

import (
	"strconv"
	"time"

	"waypost/cdn"
)

// PreloadAge is the least lifetime with which browsers take a host into the
// list that they are shipped with (hstspreload.org).
const PreloadAge = 365 * 24 * time.Hour

// hsts writes the field's value (RFC 6797 §6.1).
func hsts(h cdn.HSTS) string {
	v := "max-age=" + strconv.FormatInt(int64(h.MaxAge/time.Second), 10)
	if h.Subdomains {
		v += "; includeSubDomains"
	}
	if h.Preload {
		v += "; preload"
	}
	return v
}
