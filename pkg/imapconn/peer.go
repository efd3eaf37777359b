package imapconn

import "crypto/tls"

// peer is who is at the other end of a connection, and what it offers.
type peer struct {
	host    string
	secrets *secrets // what its words may not be shown without

	step            Step
	state           *tls.ConnectionState // nil in the clear
	presented       *tls.ConnectionState // with the server's certificate, refused or not
	certWanted      bool                 // the server asked for a certificate that we do not have
	greeted         string               // text of the greeting
	preauth         bool
	caps            capabilities
	offered         []string // capabilities before the login, sorted
	initialResponse bool     // SASL-IR was offered before the login
	loggedIn        string   // mechanism, as LoginOptions.Auth has it
	id              []Field
	bye             string // text of the last BYE
}
