package imapconn

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// rsaCertificate makes one as old servers have it.
func rsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// writePEM writes a certificate and its key.
func writePEM(t *testing.T, cert tls.Certificate) (certFile, keyFile, both string) {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	k := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	certFile, keyFile, both = filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "both")
	for name, text := range map[string][]byte{certFile: c, keyFile: k, both: append(c, k...)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, both
}

// TestTLSOptions: versions, names and our own certificate.
func TestTLSOptions(t *testing.T) {
	cert, pin := certificate(t, "localhost", time.Now().Add(time.Hour))
	foreign, _ := certificate(t, "elsewhere.example", time.Now().Add(time.Hour))
	foreignFile, _, _ := writePEM(t, foreign)
	certFile, keyFile, both := writePEM(t, cert)
	old := rsaCertificate(t)
	rsaOnly := []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	asks := func(version uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version, ClientAuth: tls.RequireAnyClientCert}
	}
	speaks := func(cert tls.Certificate, oldest, newest uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: oldest, MaxVersion: newest}
	}
	pinned := func(change func(*Options)) func(*Options) {
		return func(o *Options) { o.TLS.Pin = pin; change(o) }
	}
	insecure := func(min string) func(*Options) {
		return func(o *Options) { o.TLS.Insecure, o.TLS.MinVersion = true, min }
	}
	for _, test := range []struct {
		name   string
		config *tls.Config
		change func(*Options)
		code   exit.Code
		err    string
		advice any // words of the hint, or the cause
	}{
		{"1.1 is too old", speaks(cert, tls.VersionTLS10, tls.VersionTLS11), insecure(""), exit.Protocol, "protocol version", ErrNoTLS12},
		{"1.0 is too old for 1.1", speaks(cert, tls.VersionTLS10, tls.VersionTLS10), insecure("1.1"), exit.Protocol, "version", ""},
		{"1.1 by name", speaks(cert, tls.VersionTLS10, tls.VersionTLS11), insecure("1.1"), 0, "", ""},
		{"1.0 by name", speaks(cert, tls.VersionTLS10, tls.VersionTLS10), insecure("1.0"), 0, "", ""},
		{"1.2 is too old for 1.3", speaks(cert, tls.VersionTLS10, tls.VersionTLS12), insecure("1.3"), exit.Protocol, "version", ErrNoTLS13},
		{"1.3", speaks(cert, tls.VersionTLS13, tls.VersionTLS13), insecure("1.3"), 0, "", ""},
		{"suites of old", &tls.Config{Certificates: []tls.Certificate{old}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: rsaOnly}, insecure("1.0"), 0, "", ""},
		{"suites of old, unasked", &tls.Config{Certificates: []tls.Certificate{old}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: rsaOnly}, insecure("1.2"), exit.Protocol, "handshake failure", ErrNoTLS12},
		{"no version", speaks(cert, 0, 0), insecure("1.4"), exit.Usage, `"1.4" is no version`, "1.2 or 1.3"},
		{"another name", speaks(foreign, 0, 0), func(o *Options) { o.TLS.CAFile, o.TLS.ServerName = foreignFile, "elsewhere.example" }, 0, "", ""},
		{"another name, wrong", speaks(foreign, 0, 0), func(o *Options) { o.TLS.CAFile, o.TLS.ServerName = foreignFile, "mail.example" }, exit.Protocol, "valid for elsewhere.example, not mail.example", ErrUntrusted},
		{"wants a certificate, 1.2", asks(tls.VersionTLS12), pinned(func(*Options) {}), exit.Protocol, "handshake failure", ErrCertificateWanted},
		{"wants a certificate, 1.3", asks(tls.VersionTLS13), pinned(func(*Options) {}), exit.Protocol, "certificate required", ErrCertificateWanted},
		{"gets a certificate, 1.2", asks(tls.VersionTLS12), pinned(func(o *Options) { o.TLS.CertFile, o.TLS.KeyFile = certFile, keyFile }), 0, "", ""},
		{"gets a certificate, 1.3", asks(tls.VersionTLS13), pinned(func(o *Options) { o.TLS.CertFile = both }), 0, "", ""},
		{"key without certificate", asks(0), func(o *Options) { o.TLS.KeyFile = keyFile }, exit.Usage, "a key for TLS needs a certificate", ""},
		{"certificate without key", asks(0), func(o *Options) { o.TLS.CertFile = certFile }, exit.NoInput, "found a certificate rather than a key", ErrBadCertificate},
		{"no certificate there", asks(0), func(o *Options) { o.TLS.CertFile = "/nonesuch" }, exit.NoInput, "/nonesuch", ""},
		{"the key of another", asks(0), func(o *Options) { o.TLS.CertFile, o.TLS.KeyFile = foreignFile, keyFile }, exit.NoInput, "does not match", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			s := &script{t: t, ln: tlsListener{ln, test.config}, caps: allCaps, greeting: "* OK ready\r\n"}
			s.serve()
			o := s.options()
			o.TLS.Mode = Implicit
			test.change(&o)
			session, err := Open(context.Background(), o)
			if err == nil {
				session.Close()
			}
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.err) || !advises(err, test.advice) {
				t.Errorf("%v (%d), hint %q", err, exit.CodeOf(err), exit.HintOf(err))
			}
			if err != nil && len(s.sent("")) > 0 {
				t.Error("sent", s.sent(""))
			}
		})
	}
}

// TestSTARTTLSAttacks: whatever stands between us and the server does in the
// clear, no credential is sent, and nothing that was said in the clear counts.
func TestSTARTTLSAttacks(t *testing.T) {
	cert, pin := certificate(t, "localhost", time.Now().Add(time.Hour))
	const offer = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hi\r\n"
	for _, test := range []struct {
		name     string
		greeting string
		answer   string // to the first command
		code     exit.Code
		err      string
		commands int // that were sent in the clear
	}{
		{"stripped from the greeting", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", "", exit.Protocol, "does not offer STARTTLS", 0},
		{"PREAUTH", "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", "", exit.Protocol, "PREAUTH before STARTTLS", 0},
		{"NO", offer, "A1 NO TLS not available\r\n", exit.Protocol, "NO TLS not available", 1},
		{"BAD, unknown", "* OK hi\r\n", "A1 BAD unknown command\r\n", exit.Protocol, "BAD unknown command", 1},
		{"NO for now", offer, "A1 NO [UNAVAILABLE] later\r\n", exit.Temporary, "later", 1},
		{"BYE", offer, "* BYE going down\r\n", exit.Temporary, "going down", 1},
		{"hangs up", offer, "", exit.Unavailable, "closed by the server", 1},
		{"OK to another command", offer, "A2 OK\r\n", exit.Protocol, "never sent", 1},
		{"OK untagged, then nothing", offer, "* OK begin\r\n", exit.Unavailable, "closed by the server", 1},
		{"more behind the OK", offer, "A1 OK\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", exit.Protocol, "between STARTTLS and TLS", 1},
		{"the answer to a login behind the OK", offer, "A1 OK\r\nA2 OK logged in\r\n", exit.Protocol, "between STARTTLS and TLS", 1},
		{"half a line behind the OK", offer, "A1 OK\r\n*", exit.Protocol, "between STARTTLS and TLS", 1},
		{"no TLS behind the OK", offer, "A1 OK\r\n|220 what?\r\n", exit.Protocol, "TLS with", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			said := make(chan string, 1)
			go func() {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				io.WriteString(c, test.greeting)
				got := make([]byte, 1<<16)
				n, _ := c.Read(got)
				for i, part := range strings.Split(test.answer, "|") {
					if i > 0 {
						c.Read(got[n:]) // the ClientHello
					}
					io.WriteString(c, part)
				}
				if strings.HasPrefix(test.answer, "*") || test.answer == "" {
					said <- string(got[:n])
					return
				}
				time.Sleep(10 * time.Millisecond)
				c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				rest, _ := io.ReadAll(c)
				said <- string(got[:n]) + string(rest)
			}()
			_, err = Open(context.Background(), Options{Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port, TLS: TLSOptions{Mode: StartTLS, Pin: pin}, User: "joe",
				Network: NetworkOptions{Timeout: 3 * time.Second}, Login: LoginOptions{Password: secretly("canary")}})
			if exit.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v (%d)", err, exit.CodeOf(err))
			}
			told := <-said
			if strings.Contains(told, "canary") || strings.Contains(told, b64("\x00joe\x00canary")) || strings.Count(told, "\r\n") > test.commands && test.commands == 0 {
				t.Errorf("told %q", told)
			}
			if first, _, _ := strings.Cut(told, "\r\n"); test.commands == 1 && first != "A1 STARTTLS" {
				t.Errorf("told %q", told)
			}
		})
	}
	t.Run("what was said before is forgotten", func(t *testing.T) { // it offers PLAIN, the server itself does not
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, offer)
			c.Read(make([]byte, 100))
			io.WriteString(c, "A1 OK\r\n")
			tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			tc.Read(make([]byte, 100))
			io.WriteString(tc, "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nA2 OK\r\n")
			io.Copy(io.Discard, tc)
		}()
		_, err = Open(context.Background(), Options{Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port, TLS: TLSOptions{Mode: StartTLS, Pin: pin}, User: "joe",
			Network: NetworkOptions{Timeout: 3 * time.Second}, Login: LoginOptions{Password: secretly("canary")}})
		if exit.CodeOf(err) != exit.Login || !strings.Contains(err.Error(), "offered: nothing") {
			t.Error(err)
		}
	})
}

// TestWrongMode: TLS to a port that has none, and the reverse.
func TestWrongMode(t *testing.T) {
	cert, pin := certificate(t, "localhost", time.Now().Add(time.Hour))
	plain := newScript(t, "IMAP4rev1 STARTTLS AUTH=PLAIN")
	o := plain.options()
	o.TLS.Mode = Implicit
	_, err := Open(context.Background(), o)
	if exit.CodeOf(err) != exit.Protocol || !advises(err, ErrNoTLS) || len(plain.sent("AUTHENTICATE")) > 0 { // what it does get is TLS, any octets
		t.Error(err, exit.HintOf(err), plain.sent(""))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	secure := &script{t: t, ln: tlsListener{ln, &tls.Config{Certificates: []tls.Certificate{cert}}}, caps: allCaps, greeting: "* OK ready\r\n"}
	secure.serve()
	for _, mode := range []TLSMode{StartTLS, None} {
		o := secure.options()
		o.TLS.Mode, o.Network.Timeout = mode, 100*time.Millisecond
		if mode == StartTLS {
			o.TLS.Pin = pin
		}
		_, err := Open(context.Background(), o)
		if exit.CodeOf(err) != exit.Unavailable || !advises(err, ErrSilentInClear) || len(secure.sent("")) > 0 {
			t.Error(mode, err, exit.HintOf(err))
		}
	}
}
