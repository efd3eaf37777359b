package imapconn

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestProxy: the proxy looks the name up, and what goes wrong with it is told.
func TestProxy(t *testing.T) {
	server := newScript(t, "IMAP4rev1")
	target := server.ln.Addr().String()
	for name, test := range map[string]struct {
		proxy imaptest.SocksOptions
		login string
		code  exit.Code
		text  string
	}{
		"open":            {imaptest.SocksOptions{Target: target}, "", exit.OK, ""},
		"with a password": {imaptest.SocksOptions{Target: target, User: "joe", Password: "canary"}, "canary", exit.OK, ""},
		"wrong password":  {imaptest.SocksOptions{Target: target, User: "joe", Password: "other"}, "canary", exit.Unavailable, "by way of the proxy 127.0.0.1:"},
		"none given":      {imaptest.SocksOptions{Target: target, User: "joe", Password: "other"}, "", exit.Unavailable, "by way of the proxy 127.0.0.1:"},
		"refused":         {imaptest.SocksOptions{Refuse: 5}, "", exit.Unavailable, "connection refused"},
		"silent":          {imaptest.SocksOptions{Silent: true}, "", exit.Unavailable, "no answer before the timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			o := server.options()
			o.Host, o.Network.Timeout = "mail.only-the-proxy-knows.example", 2*time.Second
			proxy := imaptest.StartSocks(t, test.proxy)
			host, port, _ := net.SplitHostPort(proxy.Addr())
			o.Network.Proxy = &Proxy{Host: host}
			o.Network.Proxy.Port, _ = strconv.Atoi(port)
			if test.login != "" {
				o.Network.Proxy.User, o.Network.Proxy.Password = "joe", test.login
			}
			s, err := Open(t.Context(), o)
			if err == nil {
				s.Close()
			}
			if exit.CodeOf(err) != test.code || err != nil && (!strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("%v (%d)", err, exit.CodeOf(err))
			}
			if asked := proxy.Asked(); test.code == exit.OK && strings.Join(asked, " ") != "mail.only-the-proxy-knows.example" {
				t.Errorf("the proxy was asked for %q", asked)
			}
		})
	}
	o := server.options()
	o.Network.Proxy = &Proxy{Host: "proxy.invalid"}
	if _, err := Open(t.Context(), o); exit.CodeOf(err) != exit.Unavailable || !strings.Contains(err.Error(), "proxy.invalid") {
		t.Error(err)
	}
}

// TestInTheClear: what others could read is warned of once, and a token is not
// sent. Nobody is between us and the loopback address, unless there is a proxy.
func TestInTheClear(t *testing.T) {
	for _, test := range []struct {
		name   string
		proxy  bool
		change func(*Options)
		warned string
		code   exit.Code
	}{
		{"loopback", false, func(*Options) {}, "", exit.OK},
		{"loopback, a token", false, func(o *Options) { o.Login.Token = o.Login.Password }, "", exit.OK},
		{"a password", true, func(*Options) {}, "read the password and all mail", exit.OK},
		{"no password", true, func(o *Options) { o.Login.Auth = []string{"cram-md5"} }, "read all mail", exit.OK},
		{"a token", true, func(o *Options) { o.Login.Token = o.Login.Password }, "read all mail", exit.Login},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=CRAM-MD5",
				rule{when: "AUTHENTICATE CRAM-MD5", dialogue: func(_ string, ask func(string) string) string { ask(b64("<1@x>")); return "TAG OK\r\n" }})
			o := server.options()
			warned := ""
			o.Warn = func(text string) { warned += text + "\n" }
			if test.proxy {
				host, port, _ := net.SplitHostPort(imaptest.StartSocks(t, imaptest.SocksOptions{Target: server.ln.Addr().String()}).Addr())
				o.Network.Proxy = &Proxy{Host: host}
				o.Network.Proxy.Port, _ = strconv.Atoi(port)
			}
			test.change(&o)
			s, err := Open(t.Context(), o)
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), "no token goes over an unencrypted connection") {
				t.Errorf("%v (%d)", err, exit.CodeOf(err))
			}
			if err == nil {
				s.c.close(errUnreachable)
				if err := s.do(t.Context(), func(*conn) error { return nil }); err != nil {
					t.Error(err)
				}
				s.Close()
			}
			if !strings.Contains(warned, test.warned) || strings.Count(warned, "\n") != min(len(test.warned), 1) {
				t.Errorf("warned %q, want %q", warned, test.warned)
			}
			if sent := server.sent("AUTHENTICATE"); (len(sent) == 0) != (test.code != exit.OK) {
				t.Errorf("sent %q", sent)
			}
		})
	}
}

// TestNetwork: one version of IP is one version of IP.
func TestNetwork(t *testing.T) {
	server := newScript(t, "IMAP4rev1") // on 127.0.0.1
	for network, code := range map[IPVersion]exit.Code{"": exit.OK, AnyIP: exit.OK, IPv4: exit.OK, IPv6: exit.Unavailable} {
		o := server.options()
		o.Network.IP = network
		s, err := Open(t.Context(), o)
		if err == nil {
			s.Close()
		}
		if exit.CodeOf(err) != code {
			t.Errorf("%q: %v", network, err)
		}
	}
}
