package imapconn

import (
	"strings"

	"github.com/emersion/go-sasl"
)

// oauthClient sends a bearer token at once. The server answers with a
// challenge only to say what it does not like, and waits for a sign that this
// was read before it refuses.
type oauthClient struct {
	sasl.Client
	sign  string
	words string
}

func (c *oauthClient) Next(challenge []byte) ([]byte, error) {
	if c.words != "" {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	c.words = string(challenge) + " "
	return []byte(c.sign), nil
}

func (c *oauthClient) reason() string { return strings.TrimSpace(c.words) }

// bearer is the account that a token opens: whose the token is, the server
// knows from the token.
func (l *login) bearer() string {
	if l.o.Login.ProxyAuth {
		return l.o.Login.AuthUser
	}
	return l.o.User
}

// oauthBearer is OAUTHBEARER (RFC 7628).
func (l *login) oauthBearer() sasl.Client {
	return &oauthClient{sign: "\x01", Client: sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
		Username: saslName.Replace(l.bearer()), Token: l.secret, Host: l.o.serverName(), Port: l.o.port(),
	})}
}

// saslName is how a name stands between the commas of a GS2 header (RFC 5801).
var saslName = strings.NewReplacer("=", "=3D", ",", "=2C")

// xoauth2 is what Google and Microsoft had before there was RFC 7628.
func (l *login) xoauth2() sasl.Client {
	return &oauthClient{Client: xoauth2Client{l.bearer(), l.secret}}
}

type xoauth2Client struct{ user, token string }

func (c xoauth2Client) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + c.user + "\x01auth=Bearer " + c.token + "\x01\x01"), nil
}

func (c xoauth2Client) Next([]byte) ([]byte, error) { return nil, sasl.ErrUnexpectedServerChallenge }
