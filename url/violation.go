package url

import "fmt"

// Rule names a validation error of the standard (§1.1), in its spelling.
type Rule string

// The validation errors, in the order of the standard.
const (
	DomainToASCII              Rule = "domain-to-ASCII"
	DomainPercentEncoded       Rule = "domain-percent-encoded"
	HostInvalidCodePoint       Rule = "host-invalid-code-point"
	IPv4EmptyPart              Rule = "IPv4-empty-part"
	IPv4TooFewParts            Rule = "IPv4-too-few-parts"
	IPv4TooManyParts           Rule = "IPv4-too-many-parts"
	IPv4NonNumericPart         Rule = "IPv4-non-numeric-part"
	IPv4NonDecimalPart         Rule = "IPv4-non-decimal-part"
	IPv4OutOfRangePart         Rule = "IPv4-out-of-range-part"
	IPv6Unclosed               Rule = "IPv6-unclosed"
	IPv6InvalidCompression     Rule = "IPv6-invalid-compression"
	IPv6TooManyPieces          Rule = "IPv6-too-many-pieces"
	IPv6MultipleCompression    Rule = "IPv6-multiple-compression"
	IPv6InvalidCodePoint       Rule = "IPv6-invalid-code-point"
	IPv6TooFewPieces           Rule = "IPv6-too-few-pieces"
	IPv6PieceLeadingZero       Rule = "IPv6-piece-leading-zero"
	IPv4InIPv6TooManyPieces    Rule = "IPv4-in-IPv6-too-many-pieces"
	IPv4InIPv6InvalidCodePoint Rule = "IPv4-in-IPv6-invalid-code-point"
	IPv4InIPv6OutOfRangePart   Rule = "IPv4-in-IPv6-out-of-range-part"
	IPv4InIPv6TooFewParts      Rule = "IPv4-in-IPv6-too-few-parts"
	InvalidURLUnit             Rule = "invalid-URL-unit"
	MissingFollowingSolidus    Rule = "special-scheme-missing-following-solidus"
	MissingSchemeNonRelative   Rule = "missing-scheme-non-relative-URL"
	InvalidReverseSolidus      Rule = "invalid-reverse-solidus"
	InvalidCredentials         Rule = "invalid-credentials"
	HostMissing                Rule = "host-missing"
	PortOutOfRange             Rule = "port-out-of-range"
	PortInvalid                Rule = "port-invalid"
	FileInvalidDriveLetter     Rule = "file-invalid-Windows-drive-letter"
	FileInvalidDriveLetterHost Rule = "file-invalid-Windows-drive-letter-host"
	tooLong                    Rule = "too-long" // ours: see MaxLength
)

// Text says in a few words what breaks the rule.
func (r Rule) Text() string {
	switch r {
	case DomainToASCII:
		return "the host is no domain name (UTS #46)"
	case DomainPercentEncoded:
		return "the host holds a percent-encoded byte"
	case HostInvalidCodePoint:
		return "the host holds a forbidden character"
	case IPv4EmptyPart:
		return "the IPv4 address ends with a dot"
	case IPv4TooFewParts:
		return "the IPv4 address has fewer than 4 parts"
	case IPv4TooManyParts:
		return "the host ends in a number, so it must be an IPv4 address, and has more than 4 parts"
	case IPv4NonNumericPart:
		return "the host ends in a number, so it must be an IPv4 address, and a part is no number"
	case IPv4NonDecimalPart:
		return "a part of the IPv4 address is hexadecimal or octal"
	case IPv4OutOfRangePart:
		return "a part of the IPv4 address is too big"
	case IPv6Unclosed:
		return "the IPv6 address lacks its closing ]"
	case IPv6InvalidCompression:
		return "the IPv6 address begins with a single colon"
	case IPv6TooManyPieces:
		return "the IPv6 address has more than 8 pieces"
	case IPv6MultipleCompression:
		return "the IPv6 address has more than one ::"
	case IPv6InvalidCodePoint:
		return "the IPv6 address holds a character that is neither a hexadecimal digit nor a colon, or ends too early"
	case IPv6TooFewPieces:
		return "the IPv6 address has fewer than 8 pieces and no ::"
	case IPv6PieceLeadingZero:
		return "a piece of the IPv6 address begins with 0"
	}
	return r.textOfRest()
}

func (r Rule) textOfRest() string {
	switch r {
	case IPv4InIPv6TooManyPieces:
		return "the IPv6 address has more than 6 pieces before its IPv4 part"
	case IPv4InIPv6InvalidCodePoint:
		return "the IPv4 part of the IPv6 address is malformed"
	case IPv4InIPv6OutOfRangePart:
		return "a number in the IPv4 part of the IPv6 address exceeds 255"
	case IPv4InIPv6TooFewParts:
		return "the IPv4 part of the IPv6 address has fewer than 4 numbers"
	case InvalidURLUnit:
		return "a character that may not stand in a URL as it is"
	case MissingFollowingSolidus:
		return "the scheme is not followed by exactly //"
	case MissingSchemeNonRelative:
		return "there is no scheme, and no base that it could be relative to"
	case InvalidReverseSolidus:
		return `a \ stands where a / belongs`
	case InvalidCredentials:
		return "there are credentials"
	case HostMissing:
		return "there is no host"
	case PortOutOfRange:
		return "the port exceeds 65535"
	case PortInvalid:
		return "the port is no number"
	case FileInvalidDriveLetter:
		return "a drive letter stands where the base is a file URL"
	case FileInvalidDriveLetterHost:
		return "a drive letter stands where the host belongs"
	case tooLong:
		return fmt.Sprintf("longer than %d bytes", MaxLength)
	}
	return ""
}

// Violation is one rule broken at one place.
type Violation struct {
	Rule   Rule
	Offset int // in bytes from the start of the input as it was given
}

// String is, for example, "invalid-URL-unit at byte 7".
func (v Violation) String() string { return fmt.Sprintf("%s at byte %d", v.Rule, v.Offset) }

// Error is the failure of a parse: the rule that ended it.
type Error struct {
	Violation
	Input string // the input with a password hidden and cut to a readable length
}

func (e *Error) Error() string {
	return fmt.Sprintf("URL %q: byte %d: %s (%s)", e.Input, e.Offset, e.Rule.Text(), e.Rule)
}

// Clause is the section of the standard that the rule belongs to.
func (r Rule) Clause() string {
	switch r {
	case DomainToASCII:
		return "WHATWG URL §3.3"
	case InvalidURLUnit, MissingFollowingSolidus, MissingSchemeNonRelative, InvalidReverseSolidus,
		InvalidCredentials, HostMissing, PortOutOfRange, PortInvalid, FileInvalidDriveLetter, FileInvalidDriveLetterHost:
		return "WHATWG URL §4.4"
	case tooLong:
		return ""
	}
	return "WHATWG URL §3.5"
}

// excerptBytes is how much of a text an error or a change quotes: enough to
// know it again, and a line's width.
const excerptBytes = 80

// excerpt cuts s between characters where it is too long to be quoted.
func excerpt(s string) string {
	if len(s) <= excerptBytes {
		return s
	}
	end := excerptBytes
	for end > 0 && s[end]&0xc0 == 0x80 {
		end--
	}
	return s[:end] + "…"
}
