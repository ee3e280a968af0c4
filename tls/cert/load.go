package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The PEM block types that matter (RFC 7468, RFC 5915).
const (
	blockCertificate  = "CERTIFICATE"
	blockPKCS8        = "PRIVATE KEY"
	blockEncrypted    = "ENCRYPTED PRIVATE KEY"
	blockEC           = "EC PRIVATE KEY"
	blockRSA          = "RSA PRIVATE KEY"
	blockECParameters = "EC PARAMETERS"
)

// Load reads a certificate chain, leaf first, and its private key from PEM
// files; they may be one file. Errors name the file, the line and what is
// wrong there.
func Load(certFile, keyFile string) (tls.Certificate, error) {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load private key: %w", err)
	}
	return FromPEM(Text{certFile, chain}, Text{keyFile, key})
}

// Text is PEM text with the name that errors give it.
type Text struct {
	Name string
	PEM  []byte
}

// FromPEM is Load for what was read already.
func FromPEM(chain, key Text) (tls.Certificate, error) {
	certs, err := chain.certificates()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate: %w", err)
	}
	private, err := key.privateKey()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load private key: %w", err)
	}
	if err := match(certs, private.Public()); err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate: %s and %s: %w", chain.Name, key.Name, err)
	}
	out := tls.Certificate{PrivateKey: private, Leaf: certs[0]}
	for _, c := range certs {
		out.Certificate = append(out.Certificate, c.Raw)
	}
	return out, nil
}

// LoadRoots reads trusted roots from PEM files into a pool of their own.
func LoadRoots(files ...string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("load roots: %w", err)
		}
		certs, err := Text{file, text}.certificates()
		if err != nil {
			return nil, fmt.Errorf("load roots: %w", err)
		}
		for _, c := range certs {
			pool.AddCert(c)
		}
	}
	return pool, nil
}

// block is one PEM block and the line on which it begins.
type block struct {
	*pem.Block
	line int
}

// blocks reads all PEM blocks.
func (t Text) blocks() ([]block, error) {
	var out []block
	for rest := t.PEM; ; {
		b, after := pem.Decode(rest)
		if b == nil {
			break
		}
		end := len(t.PEM) - len(after)
		begin := bytes.LastIndex(t.PEM[:end], []byte("-----BEGIN "+b.Type))
		out = append(out, block{b, 1 + bytes.Count(t.PEM[:max(begin, 0)], []byte("\n"))})
		rest = after
	}
	begins := bytes.Count(t.PEM, []byte("-----BEGIN "))
	switch {
	case len(out) < begins:
		return nil, fmt.Errorf("%s: %d of %d PEM blocks cannot be read: a line is damaged or the END line is missing", t.Name, begins-len(out), begins)
	case len(out) > 0:
		return out, nil
	case len(bytes.TrimSpace(t.PEM)) == 0:
		return nil, fmt.Errorf("%s: the file is empty", t.Name)
	}
	if _, err := x509.ParseCertificate(t.PEM); err == nil {
		return nil, fmt.Errorf("%s: the certificate is in DER form; PEM is expected (openssl x509 -inform der)", t.Name)
	}
	return nil, fmt.Errorf("%s: no PEM block (-----BEGIN …-----) in it", t.Name)
}

// certificates reads all certificates, of which there is one at least.
func (t Text) certificates() ([]*x509.Certificate, error) {
	blocks, err := t.blocks()
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, b := range blocks {
		if b.Type != blockCertificate {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: certificate %d: %w", t.Name, b.line, len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no certificate in it, only %s: are certificate and key swapped?", t.Name, blocks[0].Type)
	}
	return out, nil
}

// privateKey reads the one private key.
func (t Text) privateKey() (crypto.Signer, error) {
	blocks, err := t.blocks()
	if err != nil {
		return nil, err
	}
	var types []string
	for _, b := range blocks {
		var key any
		switch b.Type {
		case blockPKCS8:
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case blockEC:
			key, err = x509.ParseECPrivateKey(b.Bytes)
		case blockRSA:
			if b.Headers["DEK-Info"] != "" {
				return nil, fmt.Errorf("%s:%d: %w", t.Name, b.line, errEncrypted)
			}
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case blockEncrypted:
			return nil, fmt.Errorf("%s:%d: %w", t.Name, b.line, errEncrypted)
		case blockECParameters:
			continue // openssl writes the curve's name before the key
		default:
			types = append(types, b.Type)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: private key: %w", t.Name, b.line, err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%s:%d: private key: %T cannot sign", t.Name, b.line, key)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("%s: no private key in it, only %s", t.Name, strings.Join(types, ", "))
}

var errEncrypted = errors.New("the private key is encrypted with a passphrase; a server needs it in the clear (openssl pkey)")

// match checks that the key belongs to the first certificate.
func match(certs []*x509.Certificate, public crypto.PublicKey) error {
	key, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return fmt.Errorf("a %s key cannot be compared", keyName(public))
	}
	for i, c := range certs {
		switch {
		case !key.Equal(c.PublicKey):
			continue
		case i > 0:
			return fmt.Errorf("the key belongs to certificate %d (%s): the chain must begin with it", i+1, subject(c))
		}
		return nil
	}
	return fmt.Errorf("the key (%s) does not belong to the certificate for %s (%s)",
		keyName(public), subject(certs[0]), keyName(certs[0].PublicKey))
}

// keyName names a public key's kind and size.
func keyName(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", key)
}
