package imapconn

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// certError says why a certificate was refused, and which one it was.
type certError struct {
	pin string // SHA-256 of the leaf, in hex
	err error
}

func (e *certError) Error() string { return e.err.Error() }
func (e *certError) Unwrap() error { return e.err }

// tlsConfig checks the options of TLS before anything is dialled.
func tlsConfig(o *Options) (*tls.Config, error) {
	roots, err := rootCAs(o.CAFile)
	if err != nil {
		return nil, err
	}
	pin, err := parsePin(o.Pin)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		ServerName: o.serverName(),
		MinVersion: tls.VersionTLS12,
		// The verification is below: the library's own does not show the
		// certificate that it refuses.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return verify(state, o, roots, pin)
		},
	}, nil
}

func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, exit.Errorf(exit.NoInput, "CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, exit.Errorf(exit.NoInput, "CA file %s holds no PEM certificate", quote(file))
	}
	return pool, nil
}

// parsePin accepts 64 hex digits, colons between them and "sha256:" before.
func parsePin(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	pin := strings.ToLower(s)
	pin = strings.TrimPrefix(pin, "sha256:")
	pin = strings.ReplaceAll(pin, ":", "")
	if b, err := hex.DecodeString(pin); err != nil || len(b) != sha256.Size {
		return "", exit.Errorf(exit.Usage, "TLS pin %s is not sha256: and 64 hex digits", quote(s))
	}
	return pin, nil
}

func verify(state tls.ConnectionState, o *Options, roots *x509.CertPool, pin string) error {
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	seen := hex.EncodeToString(sum[:])
	switch {
	case pin == seen:
		return nil
	case pin != "":
		return &certError{seen, fmt.Errorf("the certificate is not the pinned one, sha256:%s", pin)}
	case o.Insecure:
		return nil
	}
	chain := x509.VerifyOptions{Roots: roots, DNSName: o.serverName(), Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		chain.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(chain); err != nil {
		return &certError{seen, err}
	}
	return nil
}

// encrypt does the TLS handshake on c.
func (c *conn) encrypt(ctx context.Context, config *tls.Config) error {
	t := tls.Client(c.stall, config)
	if err := t.HandshakeContext(ctx); err != nil {
		c.close(err)
		return handshakeError(c, err)
	}
	c.encrypted = true
	c.layer(t, c.trace)
	return nil
}

func handshakeError(c *conn, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return exit.Errorf(exit.Unavailable, "TLS with %s: no answer before the timeout", printable(c.host))
	}
	failure := exit.Errorf(exit.Protocol, "TLS with %s: %w", printable(c.host), err)
	var cert *certError
	if errors.As(err, &cert) {
		return failure.WithHint("if you know this certificate to be the server's own: --tls-pin sha256:%s", cert.pin)
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return failure.WithHint("the server does not speak TLS on this port: --tls starttls, or another port")
	}
	return failure
}
