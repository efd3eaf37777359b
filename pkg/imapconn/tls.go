package imapconn

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// certError says why a certificate was refused, and which one it was.
type certError struct {
	pin string // SHA-256 of the leaf, in hex; "" where it is not the pinned one
	err error
}

func (e *certError) Error() string { return e.err.Error() }
func (e *certError) Unwrap() error { return e.err }

// tlsConfig checks the options of TLS before anything is dialled.
func tlsConfig(o *Options) (*tls.Config, error) {
	roots, err := rootCAs(o.TLS.CAFile)
	if err != nil {
		return nil, err
	}
	pin, err := parsePin(o.TLS.Pin)
	if err != nil {
		return nil, err
	}
	oldest, err := ParseTLSVersion(o.TLS.MinVersion)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		ServerName: o.serverName(),
		MinVersion: oldest,
		// The verification is below: the library's own does not show the
		// certificate that it refuses.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return verify(state, o, roots, pin)
		},
	}
	if oldest < tls.VersionTLS12 {
		config.CipherSuites = oldSuites()
	}
	return config, o.TLS.present(config)
}

var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "": tls.VersionTLS12,
	"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// ParseTLSVersion reads what MinVersion may hold. Its error is fault.Usage.
func ParseTLSVersion(s string) (uint16, error) {
	if v, ok := tlsVersions[s]; ok {
		return v, nil
	}
	return 0, fault.Errorf(fault.Usage, "%s is no version of TLS", quote(s)).
		WithHint("1.2 or 1.3; 1.0 and 1.1 can be broken, and are for servers that have nothing else")
}

// oldSuites are the cipher suites that servers of the days of TLS 1.0 have,
// after those of today. RC4 is not among them: it hides nothing.
func oldSuites() []uint16 {
	var ids []uint16
	for _, suite := range tls.CipherSuites() {
		ids = append(ids, suite.ID)
	}
	return append(ids, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)
}

// present puts our own certificate into config, for servers that ask for one.
func (t *TLSOptions) present(config *tls.Config) error {
	if t.CertFile == "" {
		if t.KeyFile != "" {
			return fault.Errorf(fault.Usage, "a key for TLS needs a certificate")
		}
		return nil
	}
	keyFile := t.KeyFile
	if keyFile == "" {
		keyFile = t.CertFile
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, keyFile)
	if err != nil {
		return fault.Errorf(fault.NoInput, "certificate %s with key %s: %w", quote(t.CertFile), quote(keyFile), err).
			Because(ErrBadCertificate)
	}
	// Not Certificates: those are kept back from a server that names other
	// authorities, and the login then fails for a reason that nobody sees.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}

func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Errorf(fault.NoInput, "CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.Errorf(fault.NoInput, "CA file %s holds no PEM certificate", quote(file))
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
		return "", fault.Errorf(fault.Usage, "TLS pin %s is not sha256: and 64 hex digits", quote(s))
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
		return &certError{"",
			fmt.Errorf("ALARM: the server shows another certificate than the pinned one, sha256:%s: somebody may be "+
				"in between; nothing was sent", pin)}
	case o.TLS.Insecure:
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

// encrypt does the handshake of TLS.
func (h *handshake) encrypt(ctx context.Context) error {
	c := h.c
	c.step = Encrypting
	config := h.config.Clone()
	present := config.GetClientCertificate
	config.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if present == nil {
			c.certWanted = true
			return &tls.Certificate{}, nil
		}
		return present(r)
	}
	accept := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		c.presented = &state
		return accept(state)
	}
	t := tls.Client(c.socket, config)
	if err := t.HandshakeContext(ctx); err != nil {
		c.close(err)
		return handshakeError(c, config, err)
	}
	state := t.ConnectionState()
	c.state = &state
	c.step = Greeting
	c.layer(t, c.trace, c.secrets)
	return nil
}

func handshakeError(c *conn, config *tls.Config, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Errorf(fault.Unavailable, "TLS with %s: no answer before the timeout", printable(c.host)).
			Because(ErrSilentInTLS)
	}
	if c.greeted == "" && isEOF(err) {
		return fault.Wrap(fault.Temporary, &byeError{c.host, closedAtOnce})
	}
	failure := fault.Errorf(fault.Protocol, "TLS with %s: %w", printable(c.host), err)
	var cert *certError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &cert) && cert.pin == "": // what it shows must not be taken for the new pin
		return failure.WithHint("ask whoever runs the server, by another way than this connection, whether its " +
			"certificate was changed")
	case errors.As(err, &cert):
		return failure.Because(ErrUntrusted, cert.pin)
	case errors.As(err, &record):
		return failure.Because(ErrNoTLS)
	case isAlert(err) && c.certWanted:
		return alertError(c, err)
	case isAlert(err) && config.MinVersion > tls.VersionTLS12:
		return failure.Because(ErrNoTLS13)
	case isAlert(err) && config.MinVersion == tls.VersionTLS12:
		return failure.Because(ErrNoTLS12)
	}
	return failure
}

// isAlert reports whether the other side ended TLS because of something that it
// does not like. In TLS 1.3 the verdict on our certificate comes so, after the
// handshake.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

func alertError(c *conn, err error) error {
	failure := fault.Errorf(fault.Protocol, "TLS with %s: %w", printable(c.host), err)
	if c.certWanted {
		return failure.Because(ErrCertificateWanted)
	}
	return failure
}
