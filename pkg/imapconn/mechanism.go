package imapconn

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// mechanism is one way to log in.
type mechanism struct {
	name   string // in lower case, as LoginOptions.Auth has it
	secret secret // what it takes
	// exposes: the server, and whoever is in between, gets the secret itself.
	exposes bool
	// proxies: it can log one in to act for another (an authorization
	// identity, RFC 4422 3.4.1).
	proxies bool
	// binds: it is tied to the TLS connection that it runs in (RFC 5056).
	binds bool
	// client begins the exchange of AUTHENTICATE. What has none is a command of
	// its own, which exchange gives.
	client   func(*login) sasl.Client
	exchange func(*login) (response, error)
	// become is the command that then opens the account, "" where the login
	// itself does.
	become string
}

// secret is what a mechanism proves who one is with.
type secret int

const (
	noSecret secret = iota
	password
	token
)

// mechanisms are all that we speak, in the order in which they are preferred
// among those of one secret.
var mechanisms = []mechanism{
	{name: "scram-sha-512-plus", secret: password, proxies: true, binds: true, client: (*login).scram},
	{name: "scram-sha-256-plus", secret: password, proxies: true, binds: true, client: (*login).scram},
	{name: "scram-sha-1-plus", secret: password, proxies: true, binds: true, client: (*login).scram},
	{name: "scram-sha-512", secret: password, proxies: true, client: (*login).scram},
	{name: "scram-sha-256", secret: password, proxies: true, client: (*login).scram},
	{name: "scram-sha-1", secret: password, proxies: true, client: (*login).scram},
	{name: "plain", secret: password, exposes: true, proxies: true, client: (*login).plain},
	{name: "login", secret: password, exposes: true, exchange: (*login).byLogin},
	{name: "cram-md5", secret: password, client: (*login).cramMD5},
	{name: "x-masterauth", secret: password, exchange: (*login).masterAuth, become: "X-SETUSER"},
	{name: "oauthbearer", secret: token, exposes: true, proxies: true, client: (*login).oauthBearer},
	{name: "xoauth2", secret: token, exposes: true, proxies: true, client: (*login).xoauth2},
	{name: "external", secret: noSecret, proxies: true, client: (*login).external},
}

// onlyNamed are never chosen by default: MD5 protects a password no better than
// the clear does, the password of X-MASTERAUTH opens all accounts, and EXTERNAL
// wants to be set up.
var onlyNamed = []string{"cram-md5", "x-masterauth", "external"}

// Mechanisms lists the names that LoginOptions.Auth may hold.
func Mechanisms() []string {
	var names []string
	for _, m := range mechanisms {
		names = append(names, m.name)
	}
	return names
}

func findMechanism(name string) *mechanism {
	i := slices.IndexFunc(mechanisms, func(m mechanism) bool { return m.name == strings.ToLower(name) })
	if i < 0 {
		return nil
	}
	return &mechanisms[i]
}

// sasl is the name that the server calls it by, or the command that it is.
func (m *mechanism) sasl() string { return strings.ToUpper(m.name) }

// wanted lists the mechanisms to try, in order.
func (o *Options) wanted() []*mechanism {
	var list []*mechanism
	for _, name := range o.Login.Auth {
		list = append(list, findMechanism(name))
	}
	if len(list) > 0 {
		return list
	}
	kind := password
	if o.Login.Token != nil {
		kind = token
	}
	for i := range mechanisms {
		m := &mechanisms[i]
		if m.secret == kind && (m.proxies || o.authzid() == "") && !slices.Contains(onlyNamed, m.name) {
			list = append(list, m)
		}
	}
	return list
}

// NeedsPassword reports whether a password may be asked for.
func (o *Options) NeedsPassword() bool { return o.needs(password) }

func (o *Options) needs(kind secret) bool {
	return slices.ContainsFunc(o.wanted(), func(m *mechanism) bool { return m.secret == kind })
}

// CheckAuth finds what can never work in how to log in. Its errors are fault.Usage.
func (o *Options) CheckAuth() error {
	if o.Login.ProxyAuth && o.Login.AuthUser == "" {
		return fault.Errorf(fault.Usage, "PROXYAUTH needs an administrator who logs in")
	}
	for _, name := range o.Login.Auth {
		m := findMechanism(name)
		if m == nil {
			return fault.Errorf(fault.Usage, "%s is no mechanism that we know", quote(name)).
				WithHint("one of %s", strings.Join(Mechanisms(), ", "))
		}
		if err := o.checkMechanism(m); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) checkMechanism(m *mechanism) error {
	switch {
	case m.binds && o.TLS.Mode == None:
		return fault.Errorf(fault.Usage, "%s binds the login to TLS, and there is none", m.name).Because(ErrUnencrypted)
	case m.secret == token && o.Login.Token == nil:
		return fault.Errorf(fault.Usage, "%s needs a token", m.name).Because(ErrNeedsToken)
	case m.secret == password && o.Login.Token != nil:
		return fault.Errorf(fault.Usage, "%s takes a password, not a token", m.name).Because(ErrTakesNoToken)
	case m.become != "" && o.Login.AuthUser != "":
		return fault.Errorf(fault.Usage,
			"%s logs in by the master password, which is nobody's: no administrator has a place in it", m.name).
			Because(ErrTakesNoAdministrator)
	case !m.proxies && o.authzid() != "":
		return fault.Errorf(fault.Usage, "%s cannot log %s in for %s", m.name, quote(o.Login.AuthUser), quote(o.User)).
			Because(ErrCannotActForOthers)
	}
	return nil
}

// authcid is who logs in.
func (o *Options) authcid() string {
	if o.Login.AuthUser != "" {
		return o.Login.AuthUser
	}
	return o.User
}

// authzid is for whom, "" if for himself.
func (o *Options) authzid() string {
	if o.Login.AuthUser == "" || o.Login.ProxyAuth {
		return ""
	}
	return o.User
}

// choose takes the first mechanism that is wanted and offered.
func (p *peer) choose(o *Options) (*mechanism, error) {
	bare := p.caps.has(imap.CapLoginDisabled) && p.state == nil
	tooBare := false
	var names []string
	for _, m := range o.wanted() {
		names = append(names, m.sasl())
		switch {
		case bare && m.exposes:
			tooBare = true
		case m.binds && len(o.Login.Auth) == 0 && p.bindsOddly():
		case p.offers(m):
			return m, nil
		}
	}
	if tooBare {
		return nil, fault.Errorf(fault.Login,
			"%s does not take a password on an unencrypted connection; nothing was sent", printable(p.host)).
			Because(ErrUnencrypted)
	}
	err := fault.Errorf(fault.Login, "%s offers none of %s; offered: %s; nothing was sent", printable(p.host),
		strings.Join(names, ", "), p.offer())
	switch {
	case len(o.Login.Auth) > 0:
		return nil, err.Because(ErrNamedNotOffered)
	case o.authzid() != "":
		return nil, err.Because(ErrNoProxyMechanism, quote(o.Login.AuthUser), quote(o.User))
	}
	return nil, err
}

func (p *peer) offers(m *mechanism) bool {
	switch {
	case m.become != "": // stands in no list, so that it is tried
		return true
	case m.client == nil:
		return !p.caps.has(imap.CapLoginDisabled)
	}
	if m.binds {
		if _, ok := p.binding(); !ok {
			return false
		}
	}
	return p.caps.has(imap.AuthCap(m.sasl()))
}

// offer lists the ways to log in that the server names.
func (p *peer) offer() string {
	l := p.caps.mechanisms()
	if !p.caps.has(imap.CapLoginDisabled) {
		l = append(l, "the LOGIN command")
	}
	if len(l) == 0 {
		return "nothing"
	}
	return printable(p.secrets.hide(strings.Join(l, ", ")))
}
