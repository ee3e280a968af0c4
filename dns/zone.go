package dns

import (
	"errors"
	"io"
)

// Zone is a zone file ready to be looked up in. It is immutable and safe for
// concurrent use.
type Zone struct {
	Origin   Name
	Warnings []string // what is allowed but probably not meant, each with file:line
}

// Outcome is what a lookup in a zone came to.
type Outcome uint8

// The outcomes of RFC 1034 §4.3.2.
const (
	NotHere    Outcome = iota // the name is not under this zone
	Answer                    // Set holds the records asked for
	Alias                     // Set holds a CNAME or a DNAME; go on with Target
	Delegation                // Set holds the NS records of the zone below
	NoData                    // the name exists, but not with this type
	NXDomain                  // the name does not exist
)

// Result is what a zone says about one name and type.
type Result struct {
	Outcome  Outcome
	Set      *RRset   // Answer, Alias, Delegation
	Target   Name     // Alias: where to go on; "" when a DNAME makes it too long
	Wildcard bool     // Set comes from a wildcard and stands at the name asked for (RFC 4592)
	SOA      *RRset   // NoData, NXDomain: with the TTL for negative answers (RFC 2308 §3)
	Glue     []*RRset // Delegation: addresses of its servers that this zone knows
}

// ParseZone reads a zone file.
func ParseZone(r io.Reader, origin Name, file string) (*Zone, error) {
	return nil, errors.New("not yet")
}

// Lookup finds what the zone says about name and type, one step: an alias is
// not followed.
func (z *Zone) Lookup(name Name, t Type) Result { return Result{} }
