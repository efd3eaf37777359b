package imaptest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// CourierOptions of StartCourier.
type CourierOptions struct {
	Quota string // of every user, as maildirmake -q takes it: "3000000S,100C"; "" is none
	PerIP string // connections that an address may have; "" is 4, Courier's own default
}

// courierRoot is where scripts/servers unpacks Courier's packages, which
// cannot be installed beside another IMAP server's.
const courierRoot = "/opt/courier-imap"

// StartCourier starts a Courier for any user, password "secret", delimiter
// ".", prefix "INBOX.", without TLS: its couriertcpd, which allows an address
// 4 connections, and its imapd. Only the login is ours (conf/courier-login).
// It offers UIDPLUS, ACL and QUOTA, but neither LITERAL+ nor MULTIAPPEND.
// Without Courier the test is skipped, or fails if CI=true.
func StartCourier(t testing.TB, options CourierOptions) *Real {
	t.Helper()
	programs := []string{courierRoot + "/usr/bin", courierRoot + "/usr/sbin"}
	tcpd := findBinary("couriertcpd", append(programs, "/usr/sbin")...)
	maildirmake := findBinary("maildirmake.courier", programs...)
	imapd := findBinary("imapd", programs[:1]...)
	if tcpd == "" || maildirmake == "" || imapd == "" {
		missing(t, "Courier", "couriertcpd, imapd or maildirmake.courier is not there")
	}
	r := &Real{Kind: "courier", Password: "secret", Dir: newDir(t)}
	port, err := r.configureCourier(options)
	if err != nil {
		t.Fatal(err)
	}
	perIP := options.PerIP
	if perIP == "" {
		perIP = "4"
	}
	err = r.launch(t, "env", "LD_LIBRARY_PATH="+courierLibraries(), "PATH="+strings.Join(programs, ":")+":"+
		os.Getenv("PATH"),
		tcpd, "-address=127.0.0.1", "-maxprocs=40", "-maxperip="+perIP, "-nodnslookup", "-noidentlookup",
		"-user="+r.owner.user, "-group="+r.owner.group, port, filepath.Join(r.Dir, "courier-login"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// configureCourier fills the server's folder and finds it a port.
func (r *Real) configureCourier(options CourierOptions) (port string, err error) {
	if r.owner, err = findOwner("mail"); err != nil {
		return "", err
	}
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	r.Addr = "127.0.0.1:" + ports[0]
	if err := os.Mkdir(filepath.Join(r.Dir, "mail"), 0o755); err != nil {
		return "", err
	}
	if err := r.owner.own(filepath.Join(r.Dir, "mail")); err != nil {
		return "", err
	}
	if options.Quota != "" {
		if err := os.WriteFile(filepath.Join(r.Dir, "quota"), []byte(options.Quota), 0o644); err != nil {
			return "", err
		}
	}
	if err := writeConf(r.Dir, "courier-login", map[string]string{"ROOT": courierRoot}, ""); err != nil {
		return "", err
	}
	return ports[0], os.Chmod(filepath.Join(r.Dir, "courier-login"), 0o755)
}

// courierLibraries lists the folders of the libraries that were unpacked.
func courierLibraries() string {
	var found []string
	for _, pattern := range []string{"/usr/lib", "/usr/lib/*-linux-*", "/lib/*-linux-*"} {
		folders, _ := filepath.Glob(courierRoot + pattern)
		found = append(found, folders...)
	}
	return strings.Join(found, ":")
}

// ForCourier returns spec as Courier can keep it: it cannot decode a character
// beyond U+FFFF in modified UTF-7, and subscribes to what it creates.
func ForCourier(spec Spec) Spec {
	folders := slices.Clone(spec.Folders)
	for i := range folders {
		folders[i].Path = strings.ReplaceAll(folders[i].Path, "🙂", "☺")
		folders[i].Subscribed = folders[i].Path != "INBOX" || folders[i].Subscribed
	}
	return Spec{Folders: folders}
}
