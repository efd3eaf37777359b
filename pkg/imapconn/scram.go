package imapconn

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// The number of iterations comes from the server: fewer than minIterations
// make a password easy to guess for whoever plays the server (RFC 7677 4), and
// maxIterations bound the time that we compute.
const (
	minIterations = 4096
	maxIterations = 1_000_000
)

var scramHashes = map[string]scram.HashGeneratorFcn{"SCRAM-SHA-1": scram.SHA1, "SCRAM-SHA-256": scram.SHA256,
	"SCRAM-SHA-512": scram.SHA512}

// scramClient is SCRAM (RFC 5802, RFC 7677), with channel binding or without.
type scramClient struct {
	name         string
	conversation *scram.ClientConversation
	secrets      *secrets
	steps        int // challenges that came
	words        string
}

// scram begins an exchange. The channel binding flag is "p" for the -PLUS
// mechanisms; "y", where we could and the server seems not to, lets the server
// notice that somebody took its offer away; else "n" (RFC 5802 6).
func (l *login) scram() sasl.Client {
	name := l.mechanism.sasl()
	base := strings.TrimSuffix(name, "-PLUS")
	client := scramUser(scramHashes[base], l.o.authcid(), l.secret, l.o.authzid()).WithMinIterations(minIterations)
	s := &scramClient{name: name, secrets: l.c.secrets}
	binding, bindable := l.c.binding()
	switch {
	case base != name:
		s.conversation = client.NewConversationWithChannelBinding(binding)
	case bindable && !l.c.offersBinding(l.o):
		s.conversation = client.NewConversationAdvertisingChannelBinding()
	default:
		s.conversation = client.NewConversation()
	}
	return s
}

// scramUser prepares the names and the password (RFC 4013). What cannot be
// prepared goes as it is: such a password was set without preparation.
func scramUser(hash scram.HashGeneratorFcn, user, password, authzid string) *scram.Client {
	client, err := hash.NewClient(user, password, authzid)
	if err != nil {
		client, _ = hash.NewClientUnprepped(user, password, authzid)
	}
	return client
}

func (s *scramClient) Start() (string, []byte, error) {
	first, err := s.conversation.Step("")
	return s.name, []byte(first), err
}

func (s *scramClient) Next(challenge []byte) ([]byte, error) {
	text := string(challenge)
	s.steps++
	switch {
	case s.steps > 2 || s.words != "":
		return nil, sasl.ErrUnexpectedServerChallenge
	case strings.HasPrefix(text, "e="):
		s.words = text
		return nil, nil // the refusal follows
	case s.steps == 1:
		if err := checkIterations(text); err != nil {
			return nil, err
		}
	}
	answer, err := s.conversation.Step(text)
	switch {
	case err != nil && s.steps == 2:
		return nil, errImpostor()
	case err != nil:
		return nil, fault.Errorf(fault.Protocol, "%s: %s", s.name, printable(serverText(s.secrets.hide(err.Error()))))
	}
	return []byte(answer), nil
}

// verify demands the server's own proof: whoever can do without it is not the
// server that knows the password.
func (s *scramClient) verify() error {
	if !s.conversation.Valid() {
		return errImpostor()
	}
	return nil
}

func (s *scramClient) reason() string { return strings.TrimPrefix(s.words, "e=") }

func errImpostor() error {
	return fault.Errorf(fault.Protocol, "the server does not prove that it knows the password: it may be an impostor")
}

// checkIterations looks at the server's first message, "r=...,s=...,i=n".
func checkIterations(text string) error {
	fields := strings.Split(text, ",")
	if len(fields) < 3 {
		return nil // malformed: the library says so
	}
	n, err := strconv.Atoi(strings.TrimPrefix(fields[2], "i="))
	switch {
	case err != nil:
		return fmt.Errorf("the server's challenge has no number of iterations")
	case n < minIterations:
		return fault.Errorf(fault.Protocol, "the server asks for %d iterations; fewer than %d give the password away", n,
			minIterations).
			Because(ErrFewIterations)
	case n > maxIterations:
		return fault.Errorf(fault.Protocol, "the server asks for %d iterations, more than %d", n, maxIterations)
	}
	return nil
}

// binding is what ties a login to this TLS connection: tls-exporter in TLS 1.3
// (RFC 9266), else tls-unique, which RFC 5802 makes the one that all have.
func (p *peer) binding() (scram.ChannelBinding, bool) {
	state := p.state
	var b scram.ChannelBinding
	var err error
	switch {
	case state == nil:
		return b, false
	case state.Version >= tls.VersionTLS13:
		b, err = scram.NewTLSExporterBinding(state)
	case len(state.TLSUnique) > 0:
		b = scram.NewTLSUniqueBinding(state.TLSUnique)
	default:
		b, err = scram.NewTLSServerEndpointBinding(state)
	}
	return b, err == nil && b.IsSupported()
}

// bindsOddly tells the servers whose -PLUS mechanisms must fail: Cyrus wants
// tls-unique in TLS 1.3 too, where there is no such thing. They are left alone
// unless somebody names them.
func (p *peer) bindsOddly() bool {
	cyrus := strings.Contains(p.greeted, "Cyrus") || p.caps.has("X-REPLICATION")
	return cyrus && p.state != nil && p.state.Version >= tls.VersionTLS13
}

// offersBinding reports whether the server offers any -PLUS mechanism, or the
// user has hidden one.
func (p *peer) offersBinding(o *Options) bool {
	plus := func(name string) bool { return strings.HasSuffix(strings.ToUpper(name), "-PLUS") }
	return slices.ContainsFunc(p.caps.mechanisms(), plus) || slices.ContainsFunc(o.DisableCaps, plus)
}
