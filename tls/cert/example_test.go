package cert_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"waypost/fault"
	"waypost/tls/cert"
)

func Example() {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ca, err := cert.NewCA("demo CA", now)
	if err != nil {
		fmt.Println(err)
		return
	}
	site, err := ca.Issue("shop.test", "www.shop.test")
	if err != nil {
		fmt.Println(err)
		return
	}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{site.Leaf}}

	why, err := cert.Trust(state, ca.Pool(), "www.shop.test", now)
	fmt.Println(why.Verdict, err)
	fmt.Println(why.Reason)
	why, err = cert.Trust(state, ca.Pool(), "cdn.test", now)
	fmt.Println(why.Verdict, fault.Of(err), why.Clause)
	fmt.Println(err)
	// Output:
	// trusted <nil>
	// www.shop.test is among the names of the certificate, its chain leads up to the trusted root demo CA, and all of it is valid for 397 days yet, until 2027-07-03 12:00:00 UTC
	// untrusted tls_certificate_error RFC 9525 §6.3
	// verify certificate of cdn.test: the certificate speaks for shop.test, www.shop.test, and not for cdn.test
}
