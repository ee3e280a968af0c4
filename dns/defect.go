package dns

import mdns "github.com/miekg/dns"

// Defect is what is wrong with a query's packet. [Sound] is nothing.
type Defect uint8

// The defects, in the order in which a packet is read.
const (
	Sound              Defect = iota
	NoHeader                  // fewer than 12 octets
	NotAQuery                 // QR is set: answering answers would make loops
	UnknownOpcode             // neither QUERY nor anything else we do
	NotOneQuestion            // QDCOUNT is not 1 (RFC 9619)
	CutShort                  // the packet ends before what it announces
	BadLabel                  // label type 01 or 10 (RFC 6891 §5)
	CompressedQuestion        // a pointer where there is nothing to point at
	LongName                  // more than 255 octets
	TwoOPT                    // more than one OPT record (RFC 6891 §6.1.1)
	OPTOwner                  // an OPT record whose owner is not the root
	BadOption                 // an EDNS option longer than its record
	BadSubnet                 // a client subnet against RFC 7871 §6
	UnknownVersion            // EDNS version above 0
)

var defectWords = [...]string{
	Sound:              "nothing wrong",
	NoHeader:           "fewer than 12 octets",
	NotAQuery:          "a response (QR is set)",
	UnknownOpcode:      "an opcode other than QUERY",
	NotOneQuestion:     "not exactly one question",
	CutShort:           "it ends before what it announces",
	BadLabel:           "a label that is neither text nor pointer",
	CompressedQuestion: "a compressed name where none may be",
	LongName:           "a name of more than 255 octets",
	TwoOPT:             "more than one OPT record",
	OPTOwner:           "an OPT record that is not at the root",
	BadOption:          "an EDNS option longer than its record",
	BadSubnet:          "a client subnet option against RFC 7871 §6",
	UnknownVersion:     "an EDNS version above 0",
}

// String says what is wrong in a few words.
func (d Defect) String() string { return defectWords[d] }

// Error makes a Defect an error. [Sound] must not be returned as one.
func (d Defect) Error() string { return "dns message: " + defectWords[d] }

// Rcode is the response code that answers a packet with the defect. It
// reports false where no answer may be given.
func (d Defect) Rcode() (rcode int, answer bool) {
	switch d {
	case Sound:
		return mdns.RcodeSuccess, true
	case NoHeader, NotAQuery:
		return 0, false
	case UnknownOpcode:
		return mdns.RcodeNotImplemented, true
	case UnknownVersion:
		return mdns.RcodeBadVers, true // RFC 6891 §6.1.3
	}
	return mdns.RcodeFormatError, true
}
