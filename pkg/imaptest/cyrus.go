package imaptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CyrusOptions of StartCyrus. The zero value has delimiter ".", the prefix
// "INBOX.", the users joe, ann and bob, and keeps 8-bit header octets.
type CyrusOptions struct {
	Munge8Bit        bool     // rewrite 8-bit header octets to "X", as Cyrus does by default
	AltNamespace     bool     // no prefix
	UnixHierarchySep bool     // delimiter "/"
	TLS              bool     // offer STARTTLS
	Mechanisms       string   // of SASL; "" is "PLAIN LOGIN CRAM-MD5"
	Users            []string // beside the administrator "cyrus"
	Extra            string   // more lines of imapd.conf
}

// Cyrus' programs: Debian's cyrus-common brings master and its tools, and
// imapd is installed beside them or unpacked by scripts/servers.
const cyrusPrograms = "/usr/lib/cyrus/bin"

var cyrusImapd = []string{cyrusPrograms, "/opt/cyrus-imapd/usr/lib/cyrus/bin"}

// StartCyrus starts a Cyrus, password "secret", without TLS unless that is
// asked for. It offers
// LITERAL+, MULTIAPPEND, CONDSTORE and QUOTA. Without Cyrus the test is
// skipped, or fails if CI=true.
func StartCyrus(t testing.TB, options CyrusOptions) *Real {
	t.Helper()
	master := findBinary("master", cyrusPrograms)
	imapd := findBinary("imapd", cyrusImapd...)
	saslpasswd := findBinary("saslpasswd2", "/usr/sbin")
	if master == "" || imapd == "" || saslpasswd == "" {
		missing(t, "Cyrus", "master, imapd or saslpasswd2 is not there")
	}
	r := &Real{Kind: "cyrus", Password: "secret", Dir: newDir(t)}
	if err := r.configureCyrus(imapd, saslpasswd, options); err != nil {
		t.Fatal(err)
	}
	err := r.launch(t, master, "-C", filepath.Join(r.Dir, "imapd.conf"),
		"-M", filepath.Join(r.Dir, "cyrus.conf"), "-p", filepath.Join(r.Dir, "run", "master.pid"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Real) configureCyrus(imapd, saslpasswd string, options CyrusOptions) (err error) {
	if r.owner, err = findOwner("cyrus"); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	r.Addr = "127.0.0.1:" + ports[0]
	values := map[string]string{
		"PORT": ports[0], "USER": r.owner.user, "GROUP": r.owner.group,
		"MUNGE8BIT": zeroOne(options.Munge8Bit), "ALTNAMESPACE": zeroOne(options.AltNamespace),
		"UNIXHIERARCHYSEP": zeroOne(options.UnixHierarchySep), "IMAPD": imapd, "MECHANISMS": options.Mechanisms,
	}
	if options.Mechanisms == "" {
		values["MECHANISMS"] = "PLAIN LOGIN CRAM-MD5"
	}
	if options.TLS {
		if err := r.writeCertificate(); err != nil {
			return err
		}
		options.Extra += "\ntls_server_cert: " + r.Dir + "/cert.pem\ntls_server_key: " + r.Dir + "/key.pem\n"
	}
	for _, name := range []string{"imapd.conf", "cyrus.conf"} {
		extra := ""
		if name == "imapd.conf" {
			extra = options.Extra
		}
		if err := writeConf(r.Dir, name, values, extra); err != nil {
			return err
		}
	}
	if err := r.addUsers(saslpasswd, options.Users); err != nil {
		return err
	}
	return r.makeCyrusDirs()
}

func zeroOne(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

func (r *Real) addUsers(saslpasswd string, users []string) error {
	if users == nil {
		users = []string{"joe", "ann", "bob"}
	}
	for _, user := range append([]string{"cyrus"}, users...) {
		cmd := exec.Command(saslpasswd, "-p", "-c", "-f", filepath.Join(r.Dir, "sasldb2"), user)
		cmd.Stdin = strings.NewReader(r.Password)
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("saslpasswd2 %s: %w\n%s", user, err, output)
		}
	}
	return nil
}

// makeCyrusDirs makes what Cyrus does not make itself, owned by its user.
func (r *Real) makeCyrusDirs() error {
	for _, name := range []string{"conf/db", "conf/socket", "conf/log", "conf/msg", "conf/ptclient", "conf/user",
		"spool/stage.", "run/proc", "run/lock"} {
		if err := os.MkdirAll(filepath.Join(r.Dir, name), 0o755); err != nil {
			return err
		}
	}
	return r.owner.own(r.Dir)
}
