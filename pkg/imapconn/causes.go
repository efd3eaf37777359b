package imapconn

import "errors"

// Causes of errors, for commands: they know which of their options help.
var (
	// Of how to log in.
	ErrNeedsToken           = errors.New("the mechanism takes a token, and there is none")
	ErrTakesNoToken         = errors.New("the mechanism takes a password, and there is a token")
	ErrTakesNoAdministrator = errors.New("the mechanism has no place for an administrator")
	ErrCannotActForOthers   = errors.New("the mechanism cannot log one in for another")
	ErrNamedNotOffered      = errors.New("the server offers none of the mechanisms that were named")
	ErrNoProxyMechanism     = errors.New("no offered mechanism logs one in for another") // details: who, for whom
	ErrNoProxyAuth          = errors.New("the server does not know PROXYAUTH")
	ErrExchangeUser         = errors.New("the server may want the user's name in another form, as Exchange does")
	ErrOtherTLS             = errors.New("the login is bound to another TLS connection") // details: its mechanism, unbound
	ErrNotStoredForScram    = errors.New("the password may not be stored in the form that SCRAM needs")
	ErrFewIterations        = errors.New("so few iterations give the password away")
	ErrNoCertificate        = errors.New("EXTERNAL needs a certificate, and there is none")

	// Of TLS.
	ErrUnencrypted       = errors.New("the connection is not encrypted")
	ErrNoStartTLS        = errors.New("the server does not offer STARTTLS")
	ErrSilentInClear     = errors.New("the server may wait for TLS")
	ErrSilentInTLS       = errors.New("the server may wait for STARTTLS")
	ErrNoTLS             = errors.New("the server does not speak TLS on this port")
	ErrNoTLS13           = errors.New("the server may have nothing newer than TLS 1.2")
	ErrNoTLS12           = errors.New("the server may have nothing newer than TLS 1.1")
	ErrUntrusted         = errors.New("the server's certificate is not trusted") // details: its SHA-256 in hex
	ErrCertificateWanted = errors.New("the server asks for a certificate")
	ErrBadCertificate    = errors.New("our certificate or its key cannot be used")

	// Of the rest.
	ErrOtherService     = errors.New("this is no IMAP server")
	ErrNoCompression    = errors.New("the server does not offer compression")
	ErrNamespaceUnknown = errors.New("the server does not tell how it names folders")
)
