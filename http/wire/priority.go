package wire

import (
	"strings"

	"github.com/quic-go/quic-go"

	"waypost/http/field"
)

// defaultUrgency is that of a request that says nothing (RFC 9218 §4.1).
const defaultUrgency = 3

// prioritise has an HTTP/3 response share the connection as the request asks for
// (RFC 9218 §4, §10). A request without a Priority field shares it fairly
// with its like; PRIORITY_UPDATE frames, which change a wish later, are passed
// over as unknown ones are (§7: they are an optimisation).
func prioritise(q *quic.Stream, f field.Fields) {
	if value, ok := f.Lookup("priority"); ok {
		q.SetPriority(parsePriority(value))
	}
}

// parsePriority reads a Priority field. What is not understood counts as not
// said (RFC 9218 §4).
func parsePriority(value string) (urgency int8, incremental bool) {
	urgency = defaultUrgency
	for member := range field.Elements(value) {
		member, _, _ = strings.Cut(member, ";") // parameters have no meaning
		switch name, v, given := strings.Cut(member, "="); {
		case name == "u" && len(v) == 1 && v[0] >= '0' && v[0] <= '7':
			urgency = int8(v[0] - '0')
		case name == "i":
			incremental = !given || v == "?1"
		}
	}
	return urgency, incremental
}
