package imapconn

import (
	"context"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/account"
)

// TLSMode says how a connection is encrypted.
type TLSMode int

const (
	// Implicit is TLS from the first octet on (RFC 8314), port 993.
	Implicit TLSMode = iota
	// StartTLS begins in the clear and insists on STARTTLS (RFC 3501 6.2.1),
	// port 143. There is no way back to the clear.
	StartTLS
	// None sends everything in the clear, the password too.
	None
)

// DefaultTimeout is how long a server may make no progress while it owes an
// answer.
const DefaultTimeout = 2 * time.Minute

// Options tell where and how to connect. Only Host and User are needed, and
// Login.Password, unless something else proves who one is.
type Options struct {
	Host string
	Port int // 0: 993, or 143 for StartTLS and None
	User string

	TLS     TLSOptions
	Network NetworkOptions
	Login   LoginOptions
	Retry   RetryOptions

	// DisableCaps names capabilities that are taken as not offered.
	DisableCaps []string

	// Trace receives every line of both directions, without credentials and
	// without literals.
	Trace io.Writer

	// NoID keeps ID (RFC 2971) from being sent after the login. Version is what
	// it says beside the program's name, "": nothing.
	NoID    bool
	Version string

	// Prefix and Delimiter override what NAMESPACE and LIST tell.
	Prefix, Delimiter *string

	// Warn is told what a user should know though it is no failure. Its text
	// is safe to print. May be nil.
	Warn func(text string)

	secrets *secrets // what servers must not repeat; nil: nothing
}

// TLSOptions say how a connection is encrypted.
type TLSOptions struct {
	Mode   TLSMode
	CAFile string // PEM certificates trusted in place of the system's
	// SHA-256 of the leaf certificate in hex, "sha256:" before it allowed; accepts that certificate and no other
	Pin        string
	Insecure   bool   // accept any certificate
	ServerName string // name to ask for and to verify, Host if empty
	MinVersion string // oldest version to accept, "1.0" to "1.3"; "1.2" if empty
	CertFile   string // PEM certificate that we show if asked, with those above it
	KeyFile    string // its key in PEM; CertFile if empty
}

// NetworkOptions say how octets come to the server and back.
type NetworkOptions struct {
	IP    IPVersion // "": AnyIP
	Proxy *Proxy    // nil: none

	// Timeout bounds the connect, and every wait without progress in either
	// direction while an answer is owed. Responses that are no part of the
	// answer extend the wait to ten times Timeout in all. 0: DefaultTimeout.
	Timeout time.Duration
	// Connections is how many connections to the account callers may have at a time.
	// 0: DefaultConnections.
	Connections int
	// Compress says when the octets on the line are compressed.
	Compress CompressMode
}

// LoginOptions prove who one is.
type LoginOptions struct {
	// Password is asked before every connect, so that it can be fresh and a
	// server is not kept waiting. Its error is returned as it is.
	Password func(ctx context.Context) (string, error)
	// Token gives an OAuth 2 access token in place of a password. It is asked
	// before every connect, and once more if a token is refused after one was
	// taken before.
	Token func(ctx context.Context) (string, error)
	// Auth lists mechanisms, of those that Mechanisms returns: the first that
	// the server offers is used. Empty: with a token OAUTHBEARER, else XOAUTH2;
	// with a password SCRAM, with channel binding if possible, else PLAIN, else
	// the LOGIN command.
	Auth []string
	// AuthUser is the administrator who logs in for User, with AuthUser's
	// password: by an authorization identity, or by PROXYAUTH if ProxyAuth.
	AuthUser  string
	ProxyAuth bool
}

// RetryOptions bound how often, and how long, a server is waited for.
type RetryOptions struct {
	// Max is how often in a row a lost connection is made again, and how often a
	// busy server is waited for, before a method fails with fault.Temporary. 0:
	// DefaultRetries.
	Max int
	// MaxWait bounds a single wait for a busy server; one that asks for a longer
	// one is given up for now. 0: DefaultMaxWait.
	MaxWait time.Duration
	// Context ends all such waits, though commands that are under way are seen
	// through: for callers whose other contexts must not end. May be nil.
	Context context.Context
}

// DefaultConnections is few enough for all servers that were seen to bound them by
// account or address.
const DefaultConnections = 4

// Most returns how many connections there may be at a time.
func (n *NetworkOptions) Most() int {
	if n.Connections > 0 {
		return n.Connections
	}
	return DefaultConnections
}

func (n *NetworkOptions) timeout() time.Duration {
	if n.Timeout > 0 {
		return n.Timeout
	}
	return DefaultTimeout
}

// Account returns whose mailboxes the options lead to.
func (o *Options) Account() account.Account { return account.Of(o.User, o.Host, o.port()) }

func (o *Options) port() int {
	switch {
	case o.Port != 0:
		return o.Port
	case o.TLS.Mode == Implicit:
		return 993
	}
	return 143
}

func (o *Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.port())) }

// Check finds what is wrong with the options as far as that can be told
// without connecting. Errors: fault.Usage, fault.NoInput for a file of
// certificates.
func (o *Options) Check() error {
	if _, err := tlsConfig(o); err != nil {
		return err
	}
	return o.CheckAuth()
}

func (o *Options) serverName() string {
	if o.TLS.ServerName != "" {
		return o.TLS.ServerName
	}
	return o.Host
}

func (o *Options) warn(text string) {
	if o.Warn != nil {
		o.Warn(o.secrets.hide(text))
	}
}
