package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// WithoutAPPENDUID reaches an account by way of a proxy that takes the UIDs of
// stored messages out of the server's answers.
func WithoutAPPENDUID(t testing.TB, dst Account) Account {
	proxy := imaptest.NewFaultProxy(t, dst.Addr)
	code := regexp.MustCompile(`\[APPENDUID [^]]*\] `)
	proxy.Rewrite(func(text string) string { return code.ReplaceAllString(text, "") })
	return dst.By(proxy.Addr())
}

// DovecotWithACL shares folders: other users' below shared/.
func DovecotWithACL(t testing.TB) *imaptest.Real {
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

// InMemory starts a server with n letters in the account src, and nothing in
// dst.
func InMemory(t *testing.T, n int) (server *imaptest.Server, src, dst Account, b *Shell) {
	server = imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(Mail(n))
	src, dst = Embedded(server, "src"), Embedded(server, "dst")
	return server, src, dst, Between(t, src, dst)
}

// Pairs runs a test with two empty accounts at each kind of server; a plain run
// takes two of them.
func Pairs(t *testing.T, test func(t *testing.T, src, dst Account)) {
	for name, start := range Some(t, 2, map[string]func(t *testing.T) (src, dst Account){
		"embedded": func(t *testing.T) (src, dst Account) {
			server := imaptest.StartServer(t, imaptest.Options{})
			return Embedded(server, "src"), Embedded(server, "dst")
		},
		"dovecot": func(t *testing.T) (src, dst Account) {
			server := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
			return Real(server, "src"), Real(server, "dst")
		},
		"cyrus": func(t *testing.T) (src, dst Account) {
			server := imaptest.StartCyrus(t, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true,
				Users: []string{"src", "dst"}})
			return Real(server, "src"), Real(server, "dst")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := start(t)
			test(t, src, dst)
		})
	}
}

// Holding makes an account with one letter in each folder, which names it.
func Holding(s *imaptest.Server, user string, folders ...string) Account {
	for i, name := range folders {
		s.Account(user).AddMessage(name, nil, Day(i), Letter(user+" "+name, "Hello\n"))
	}
	return Embedded(s, user)
}

// OneLetterEach is a source with some folders, each with one letter in it.
func OneLetterEach(t testing.TB, names ...string) (*imaptest.Server, Account) {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, name := range names {
		server.Account("src").AddMessage(name, nil, Day(i), Letter(fmt.Sprint("letter-", i), "Hello\n"))
	}
	return server, Embedded(server, "src")
}

// JoeOn starts a server of each kind, and returns an account on it that is empty.
var JoeOn = map[string]func(t *testing.T) Account{
	"embedded": func(t *testing.T) Account {
		return Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "joe")
	},
	"dovecot": func(t *testing.T) Account { return Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe") },
	"cyrus": func(t *testing.T) Account {
		return Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true}), "joe")
	},
}

// RealServers start a server of each kind, with accounts of these users.
func RealServers(users ...string) map[string]func(t *testing.T) *imaptest.Real {
	return map[string]func(t *testing.T) *imaptest.Real{
		"dovecot": func(t *testing.T) *imaptest.Real { return imaptest.StartDovecot(t, imaptest.DovecotOptions{}) },
		"cyrus": func(t *testing.T) *imaptest.Real {
			return imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: users})
		},
	}
}

// AppendError makes a server's answer to an APPEND.
func AppendError(kind imap.StatusResponseType, code imap.ResponseCode, text string) error {
	return &imap.Error{Type: kind, Code: code, Text: text}
}
