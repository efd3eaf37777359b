package imapconn

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"time"
)

// Server is what is known of a server once somebody has tried to log in. Texts
// are its own words: valid UTF-8, not safe to print.
type Server struct {
	Step     Step   // how far it came
	Address  string // IP address and port, "" if there was no connection
	TLS      *TLS   // nil in the clear
	Greeting string
	Preauth  bool     // it took us as logged in
	Offered  []string // capabilities before the login, sorted
	Login    string   // mechanism of the login, as LoginOptions.Auth has it; "" if it came to none
	Has      []string // capabilities after the login, sorted
	ID       []Field  // what it says it is (RFC 2971)
}

// Step is a part of the way to an account.
type Step string

// The steps, in order. Ready is the last.
const (
	Connecting Step = "connect"
	Encrypting Step = "tls"
	Greeting   Step = "greeting" // and the capabilities
	LoggingIn  Step = "login"
	Entering   Step = "account" // ID, namespaces and the like
	Ready      Step = "ready"
)

// TLS describes an encrypted connection.
type TLS struct {
	Version, Cipher string
	Subject, Issuer string
	Names           []string // that the certificate is for
	NotAfter        time.Time
	Pin             string // SHA-256 of the certificate, hex, for TLSOptions.Pin; "" where that is another
}

// Probe is Open, and tells what was learnt of the server, whether or not it led
// to a login.
func Probe(ctx context.Context, o Options) (*Session, *Server, error) {
	s := newSession(o)
	err := s.enter(ctx)
	server := &Server{Step: Connecting}
	if s.tried != nil {
		server = s.tried.describe(s.tried.nc.RemoteAddr())
	}
	if err != nil {
		var cert *certError
		if errors.As(err, &cert) && server.TLS != nil {
			server.TLS.Pin = cert.pin
		}
		return nil, server, err
	}
	return s, server, nil
}

// describe is what was learnt of a server at an address, nil if that is not known.
func (p *peer) describe(address net.Addr) *Server {
	d := &Server{Step: p.step, Greeting: p.greeted, Preauth: p.preauth, Offered: p.secrets.hideAll(p.offered),
		Login: p.loggedIn, ID: p.id, TLS: describeTLS(p.presented)}
	if address != nil {
		d.Address = address.String()
	}
	if d.Preauth || d.Login != "" {
		d.Has = p.secrets.hideAll(p.caps.sorted())
	}
	return d
}

func describeTLS(state *tls.ConnectionState) *TLS {
	if state == nil {
		return nil
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	d := &TLS{
		Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite),
		Subject: serverText(leaf.Subject.String()), Issuer: serverText(leaf.Issuer.String()),
		NotAfter: leaf.NotAfter, Pin: hex.EncodeToString(sum[:]),
	}
	for _, name := range leaf.DNSNames {
		d.Names = append(d.Names, serverText(name))
	}
	for _, ip := range leaf.IPAddresses {
		d.Names = append(d.Names, ip.String())
	}
	slices.Sort(d.Names)
	return d
}
