package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// withoutAPPENDUID reaches an account by way of a proxy that takes the UIDs of
// stored messages out of the server's answers.
func withoutAPPENDUID(t testing.TB, dst account) account {
	proxy := imaptest.NewFaultProxy(t, dst.addr)
	code := regexp.MustCompile(`\[APPENDUID [^]]*\] `)
	proxy.Rewrite(func(text string) string { return code.ReplaceAllString(text, "") })
	return dst.by(proxy.Addr())
}

// dovecotWithACL shares folders: other users' below shared/.
func dovecotWithACL(t testing.TB) *imaptest.Real {
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777); err != nil { // of whoever owns the mail
		t.Fatal(err)
	}
	for dir := filepath.Dir(shared); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	return imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: `
mail_plugins = $mail_plugins acl
protocol imap {
  mail_plugins = $mail_plugins acl imap_acl
}
namespace shared {
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:%%h/maildir
  subscriptions = no
  list = children
}
plugin {
  acl = vfile
  acl_shared_dict = file:` + filepath.Join(shared, "shared.db") + `
}`})
}

// inMemory starts a server with n letters in the account src, and nothing in
// dst.
func inMemory(t *testing.T, n int) (server *imaptest.Server, src, dst account, b *bench) {
	server = imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(mail(n))
	src, dst = embedded(server, "src"), embedded(server, "dst")
	return server, src, dst, between(t, src, dst)
}

// pairs runs a test with two empty accounts at each kind of server; a plain run
// takes two of them.
func pairs(t *testing.T, test func(t *testing.T, src, dst account)) {
	for name, start := range some(t, 2, map[string]func(t *testing.T) (src, dst account){
		"embedded": func(t *testing.T) (src, dst account) {
			server := imaptest.StartServer(t, imaptest.Options{})
			return embedded(server, "src"), embedded(server, "dst")
		},
		"dovecot": func(t *testing.T) (src, dst account) {
			server := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
			return real(server, "src"), real(server, "dst")
		},
		"cyrus": func(t *testing.T) (src, dst account) {
			server := imaptest.StartCyrus(t, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true, Users: []string{"src", "dst"}})
			return real(server, "src"), real(server, "dst")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := start(t)
			test(t, src, dst)
		})
	}
}

// holding makes an account with one letter in each folder, which names it.
func holding(s *imaptest.Server, user string, folders ...string) account {
	for i, name := range folders {
		s.Account(user).AddMessage(name, nil, day(i), letter(user+" "+name, "Hello\n"))
	}
	return embedded(s, user)
}

// sheet is a source with some folders, each with one letter in it.
func sheet(t testing.TB, names ...string) (*imaptest.Server, account) {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, name := range names {
		server.Account("src").AddMessage(name, nil, day(i), letter(fmt.Sprint("letter-", i), "Hello\n"))
	}
	return server, embedded(server, "src")
}

// joeOn starts a server of each kind, and returns an account on it that is empty.
var joeOn = map[string]func(t *testing.T) account{
	"embedded": func(t *testing.T) account {
		return embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "joe")
	},
	"dovecot": func(t *testing.T) account { return real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe") },
	"cyrus": func(t *testing.T) account {
		return real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true}), "joe")
	},
}

// realServers start a server of each kind, with accounts of these users.
func realServers(users ...string) map[string]func(t *testing.T) *imaptest.Real {
	return map[string]func(t *testing.T) *imaptest.Real{
		"dovecot": func(t *testing.T) *imaptest.Real { return imaptest.StartDovecot(t, imaptest.DovecotOptions{}) },
		"cyrus": func(t *testing.T) *imaptest.Real {
			return imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: users})
		},
	}
}

// says makes a server's answer to an APPEND.
func says(kind imap.StatusResponseType, code imap.ResponseCode, text string) error {
	return &imap.Error{Type: kind, Code: code, Text: text}
}
