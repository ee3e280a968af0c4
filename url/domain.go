package url

import (
	"strings"

	"golang.org/x/net/idna"
)

// The two parameter sets with which the standard runs Unicode ToASCII (§3.3).
// Both check joiners and the Bidi rule and map without transition.
var (
	relaxed = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false),
		idna.StrictDomainName(false), idna.VerifyDNSLength(false), idna.Transitional(false))
	strict = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(true),
		idna.StrictDomainName(true), idna.VerifyDNSLength(true), idna.Transitional(false))
)

// maxUnicodeDomain bounds, in bytes, a domain that must go through Punycode:
// its encoder takes time in the square of the length. We deviate from the
// standard, which has no bound; a domain name ends at 253 bytes (RFC 1035
// §2.3.4), so this refuses nothing that could be resolved.
const maxUnicodeDomain = 4096

// domainToASCII is the domain parser (§3.3) with beStrict false, except for
// the check of forbidden code points.
func domainToASCII(domain string) (string, bool) {
	if isASCII(domain) {
		return lower(domain), domain != ""
	}
	if len(domain) > maxUnicodeDomain {
		return "", false
	}
	name, err := relaxed.ToASCII(amend(domain))
	return name, err == nil && name != ""
}

// isStrictDomain reports whether the domain parser with beStrict true takes
// the domain: whether it is a valid one.
func isStrictDomain(domain string) bool {
	if len(domain) > maxUnicodeDomain {
		return false
	}
	_, err := strict.ToASCII(amend(domain))
	return err == nil
}

// amend applies what UTS #46 maps or ignores since revision 33 and the tables
// of Unicode 15 in x/net/idna still refuse, or map otherwise (U+1E9E). It
// changes nothing for the tables of Unicode 17, which x/net takes from Go 1.27 on.
func amend(domain string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x4c0:
			return r
		case r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x180e,
			r >= 0x2061 && r <= 0x2063, r >= 0x206a && r <= 0x206f,
			r == 0x3164, r == 0xffa0, r >= 0x1d173 && r <= 0x1d17a:
			return -1 // ignored
		case r >= 0x10a0 && r <= 0x10c5: // Georgian capitals
			return r - 0x10a0 + 0x2d00
		}
		switch r {
		case 0x4c0:
			return 0x4cf
		case 0x1e9e:
			return 0xdf
		case 0x2132:
			return 0x214e
		case 0x2183:
			return 0x2184
		case 0x2f868:
			return 0x36fc
		case 0x2f874:
			return 0x5f53
		case 0x2f91f:
			return 0x243ab
		case 0x2f95f:
			return 0x7aee
		case 0x2f9bf:
			return 0x45d7
		}
		return r
	}, domain)
}

// Limits of a domain name, RFC 1035 §2.3.4.
const (
	maxNameBytes  = 253
	maxLabelBytes = 63
)

// IsHostName reports whether name, in ASCII, has the form of a host name
// (RFC 1123 §2.1), an underscore and a final dot being let pass. It is
// narrower than what a URL may hold as a domain, and does not allocate.
func IsHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxNameBytes {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabelBytes || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if b := label[i]; !isAlpha(b) && !isDigit(b) && b != '-' && b != '_' {
				return false
			}
		}
	}
	return true
}
