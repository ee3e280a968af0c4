package edge

import (
	"crypto/x509"
	"errors"
	"strings"

	"waypost/fault"
	"waypost/http/wire"
)

// What a client is told, in the details of Proxy-Status (RFC 9209 §2.1.5), of
// a failure on the way to the origin. Who traces and is trusted is told all:
// the error itself. Strangers are told what was wrong, in words that are ours:
// no addresses or names of servers, nothing that the operating system says,
// and nothing of what the origin sent, for that may have been meant for
// another client.

// details are those of err for strangers; "" where its kind says it all.
func details(err error) string {
	switch fault.Of(err) {
	case fault.HTTPProtocolError, fault.HTTPResponseHeaderSection, fault.HTTPResponseHeaderSize, fault.HTTPResponseTransferCoding:
		if reason, ok := wire.Wrong(err); ok {
			return "in the origin server's response: " + withoutQuotes(reason)
		}
	case fault.TLSCertificateError:
		return certificateDetails(err)
	case fault.TLSAlertReceived, fault.TLSProtocolError:
		// crypto/tls has fixed texts, with a number at most.
		if said, ok := strings.CutPrefix(innermost(err).Error(), "tls: "); ok {
			return "the TLS handshake with the origin server failed: " + withoutQuotes(said)
		}
	}
	return ""
}

// certificateDetails says why the origin's certificate is not believed, without
// its names.
func certificateDetails(err error) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	const subject = "the origin server's certificate "
	switch {
	case errors.As(err, &name):
		return subject + "is for other names than the one it was asked for"
	case errors.As(err, &unknown):
		return subject + "is signed by an authority that is not trusted here"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return subject + "has expired or is not valid yet"
	}
	return ""
}

// innermost is the last error of a chain.
func innermost(err error) error {
	for {
		under := errors.Unwrap(err)
		if under == nil {
			return err
		}
		err = under
	}
}

// withoutQuotes is s with "..." for every piece that stands between double
// quotes, as strconv.Quote writes them.
func withoutQuotes(s string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			if quoted = !quoted; quoted {
				b.WriteString("...")
			}
		case quoted && s[i] == '\\':
			i++ // what is escaped ends nothing
		case !quoted:
			b.WriteByte(s[i])
		}
	}
	return strings.ReplaceAll(b.String(), "...…", "...") // it was shortened
}
