package edge

import (
	"strings"

	"waypost/http/field"
)

// maxHops bounds the CDNs that a request may have passed. Two or three in a
// row are in use; more than that is a loop through names that change.
const maxHops = 16

// looped reports whether a request has passed this edge before, or has
// passed too many others: because says by which field. CDN-Loop (RFC 8586
// §2) is for this purpose; Via (RFC 9110 §7.6.3) tells the same where
// something on the way dropped CDN-Loop.
func looped(f field.Fields, name string) (because string, loop bool) {
	hops := 0
	for info := range f.All("CDN-Loop") {
		hops++
		id, _, _ := strings.Cut(info, ";")
		if strings.EqualFold(strings.TrimRight(id, " \t"), name) {
			return "CDN-Loop: " + info, true
		}
	}
	if hops > maxHops {
		return "CDN-Loop", true
	}
	for hop := range f.All("Via") {
		_, by, _ := strings.Cut(hop, " ")
		by, _, _ = strings.Cut(strings.TrimLeft(by, " \t"), " ")
		if strings.EqualFold(by, name) {
			return "Via: " + hop, true
		}
	}
	return "", false
}
