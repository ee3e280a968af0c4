package dns

import (
	"fmt"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// Type is a record type (RFC 1035 §3.2.2). The numbers are those of
// github.com/miekg/dns, e.g. mdns.TypeAAAA.
type Type = uint16

// TypeString is the mnemonic of t, or TYPE12345 (RFC 3597 §5).
func TypeString(t Type) string {
	if s, ok := mdns.TypeToString[t]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType reads a mnemonic in either case, or TYPE12345.
func ParseType(s string) (Type, error) {
	u := strings.ToUpper(s)
	if t, ok := mdns.StringToType[u]; ok {
		return t, nil
	}
	if num, ok := strings.CutPrefix(u, "TYPE"); ok {
		if v, err := strconv.ParseUint(num, 10, 16); err == nil {
			return Type(v), nil
		}
	}
	return 0, fmt.Errorf("record type %q is unknown: use a name like AAAA, or TYPE and a number up to 65535", s)
}

// ClassString is the mnemonic of a class, or CLASS12345 (RFC 3597 §5).
func ClassString(c uint16) string {
	if s, ok := mdns.ClassToString[c]; ok {
		return s
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// RcodeString is the mnemonic of a response code, or RCODE123.
func RcodeString(rcode int) string {
	if s, ok := mdns.RcodeToString[rcode]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(rcode)
}
