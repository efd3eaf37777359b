package imaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Certificate is a self-signed certificate, its own authority.
type Certificate struct {
	TLS    tls.Certificate
	PEM    []byte // the certificate, what the other side trusts
	KeyPEM []byte
	Pin    string // sha256 of the certificate in DER, lower-case hex
}

// NewCertificate makes one for names and addresses, valid now.
func NewCertificate(hosts ...string) (*Certificate, error) {
	now := time.Now()
	return NewCertificateFor(now.Add(-time.Hour), now.Add(24*time.Hour), hosts...)
}

// NewClientCertificate makes one by which a client shows who he is.
func NewClientCertificate(user string) (*Certificate, error) {
	now := time.Now()
	return newCertificate(user, x509.ExtKeyUsageClientAuth, now.Add(-time.Hour), now.Add(24*time.Hour))
}

// NewCertificateFor makes one that is valid between two times, so that tests
// can have an expired one.
func NewCertificateFor(from, to time.Time, hosts ...string) (*Certificate, error) {
	return newCertificate("imaptest", x509.ExtKeyUsageServerAuth, from, to, hosts...)
}

func newCertificate(name string, usage x509.ExtKeyUsage, from, to time.Time, hosts ...string) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	c := &Certificate{
		PEM:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		Pin:    hex.EncodeToString(sum[:]),
	}
	c.TLS, err = tls.X509KeyPair(c.PEM, c.KeyPEM)
	return c, err
}
