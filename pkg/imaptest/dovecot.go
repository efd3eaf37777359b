package imaptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// DovecotOptions of StartDovecot. The zero value is a Maildir server. In
// Passdb, Extra and Files, "@DIR@" stands for the server's folder.
type DovecotOptions struct {
	Format string            // maildir, sdbox or mdbox; "" is maildir
	Passdb string            // lines of the passdb; "" takes "secret" from anybody
	Extra  string            // more lines of dovecot.conf
	Files  map[string]string // more files in the server's folder, by name
}

// StartDovecot starts a Dovecot for any user, password "secret", delimiter
// "/", no prefix, with TLS on a second port. It offers LITERAL+, MULTIAPPEND,
// COMPRESS=DEFLATE, CONDSTORE and QUOTA. Without Dovecot the test is skipped,
// or fails if CI=true.
func StartDovecot(t testing.TB, options DovecotOptions) *Real {
	t.Helper()
	binary := findBinary("dovecot", "/usr/sbin", "/usr/local/sbin")
	if binary == "" {
		missing(t, "Dovecot", "there is no dovecot")
	}
	r := &Real{Kind: "dovecot", Password: "secret", Dir: newDir(t)}
	if err := r.configureDovecot(options); err != nil {
		t.Fatal(err)
	}
	if err := r.launch(t, binary, "-F", "-c", filepath.Join(r.Dir, "dovecot.conf")); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Real) configureDovecot(options DovecotOptions) (err error) {
	if r.owner, err = findOwner("mail"); err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	r.Addr, r.TLSAddr = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	if err := r.writeCertificate(); err != nil {
		return err
	}
	values := map[string]string{
		"FORMAT": options.Format, "PORT": ports[0], "TLSPORT": ports[1],
		"USER": r.owner.user, "GROUP": r.owner.group, "CHROOT": "login",
	}
	if options.Format == "" {
		values["FORMAT"] = "maildir"
	}
	values["PASSDB"] = r.fill(options.Passdb)
	if options.Passdb == "" {
		values["PASSDB"] = "driver = static\n  args = password=" + r.Password
	}
	for name, text := range options.Files {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(r.fill(text)), 0o644); err != nil {
			return err
		}
	}
	extra := r.fill(options.Extra)
	if !r.owner.root { // then every process of Dovecot runs as ourselves
		values["CHROOT"] = ""
		extra = "default_internal_user = " + r.owner.user + "\ndefault_login_user = " + r.owner.user +
			"\ndefault_internal_group = " + r.owner.group + "\n" + extra
	}
	mail := filepath.Join(r.Dir, "mail")
	if err := os.MkdirAll(mail, 0o755); err != nil {
		return err
	}
	if err := r.owner.own(mail); err != nil {
		return err
	}
	return writeConf(r.Dir, "dovecot.conf", values, extra)
}

// fill puts the server's folder in.
func (r *Real) fill(text string) string { return strings.ReplaceAll(text, "@DIR@", r.Dir) }

func (r *Real) writeCertificate() error {
	certificate, err := NewCertificate("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	r.CAFile, r.Pin = filepath.Join(r.Dir, "cert.pem"), certificate.Pin
	if err := os.WriteFile(filepath.Join(r.Dir, "key.pem"), certificate.KeyPEM, 0o600); err != nil {
		return err
	}
	return os.WriteFile(r.CAFile, certificate.PEM, 0o644)
}

// findBinary looks in PATH and in places that PATH often lacks; "" if there
// is none.
func findBinary(name string, places ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, place := range places {
		if path, err := exec.LookPath(filepath.Join(place, name)); err == nil {
			return path
		}
	}
	return ""
}
