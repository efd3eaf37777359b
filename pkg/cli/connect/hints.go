package connect

import (
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// Hints say which connection options help, for a command's table.
var Hints = []cli.Hint{
	{Cause: imapconn.ErrNeedsToken, Text: "--token-command gives one"},
	{Cause: imapconn.ErrTakesNoToken, Text: "leave --token-command out, or name a mechanism that takes a token"},
	{Cause: imapconn.ErrTakesNoAdministrator, Text: "leave --auth-user out: --user is the account to open"},
	{Cause: imapconn.ErrCannotActForOthers,
		Text: "plain, scram-sha-256 and others can; or --proxyauth, where the server has it"},
	{Cause: imapconn.ErrNamedNotOffered,
		Text: "--auth names the mechanisms to try; without it the best one is taken"},
	{Cause: imapconn.ErrNoProxyMechanism,
		Text: "these can log %s in for %s; --proxyauth is another way, and some servers take both names in --user"},
	{Cause: imapconn.ErrNoProxyAuth,
		Text: "the server seems not to know PROXYAUTH: --auth-user without --proxyauth is the usual way"},
	{Cause: imapconn.ErrExchangeUser, Text: `forms that Exchange takes for --user: USER, DOMAIN\USER, and for an ` +
		`administrator DOMAIN\ADMIN\USER or ADMIN@DOMAIN\USER, where USER may have to be the mailbox's alias`},
	{Cause: imapconn.ErrOtherTLS, Text: "if the password is right, the server may have another idea of the TLS " +
		"connection, as behind a proxy: --auth %s"},
	{Cause: imapconn.ErrNotStoredForScram,
		Text: "if the password is right, the server may not know it in the form that SCRAM needs: --auth plain"},
	{Cause: imapconn.ErrFewIterations, Text: "--auth plain, if you trust the server"},
	{Cause: imapconn.ErrNoCertificate, Text: "--tls-cert and --tls-key present a certificate"},

	{Cause: imapconn.ErrUnencrypted, Text: "--tls implicit, or --tls starttls"},
	{Cause: imapconn.ErrNoStartTLS, Text: "--tls implicit is the default"},
	{Cause: imapconn.ErrSilentInClear, Text: "a port that speaks TLS at once is silent until then: --tls implicit"},
	{Cause: imapconn.ErrSilentInTLS, Text: "a port that waits for STARTTLS may be silent: --tls starttls"},
	{Cause: imapconn.ErrNoTLS, Text: "the server does not speak TLS on this port: --tls starttls, or another port"},
	{Cause: imapconn.ErrNoTLS13, Text: "the server may have nothing newer than TLS 1.2: --tls-min 1.2"},
	{Cause: imapconn.ErrNoTLS12, Text: "an old server may have nothing newer than TLS 1.0 or 1.1, which can be " +
		"broken: --tls-min 1.0 accepts that"},
	{Cause: imapconn.ErrUntrusted,
		Text: "if you know this certificate to be the server's own: --tls-pin sha256:%s"},
	{Cause: imapconn.ErrCertificateWanted,
		Text: "the server asks for a certificate: --tls-cert and --tls-key give it one"},
	{Cause: imapconn.ErrBadCertificate,
		Text: "both in PEM, the key without a passphrase; --tls-key where it is in a file of its own"},

	{Cause: imapconn.ErrOtherService, Text: "IMAP is at port 993 with --tls implicit, else at 143"},
	{Cause: imapconn.ErrNoCompression, Text: "without --compress always it is used where it is offered"},
	{Cause: imapconn.ErrNamespaceUnknown,
		Text: "--prefix and --delimiter say it in the server's place, with --disable-cap NAMESPACE"},
}
