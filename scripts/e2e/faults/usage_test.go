package faults

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestUsageOfEachCommand: exit 64, a hint where there is one, and no connection.
func TestUsageOfEachCommand(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options())
	b.Write("stream.zst", []byte("whatever"))
	for name, script := range map[string]string{
		"unknown option, list":     `imap-list --nonesuch $AT`,
		"unknown option, fetch":    `imap-fetch $AT --nonesuch`,
		"unknown option, diff":     `imap-diff --nonesuch=3 $AT stream.zst`,
		"unknown option, push":     `imap-push -x $AT stream.zst`,
		"password option":          `imap-list $AT --password secret`,
		"delete 2":                 `imap-push $AT --delete 2 stream.zst`,
		"auth for another":         `imap-list $AT --auth login --auth-user adm`,
		"no mechanism":             `imap-list $AT --auth ntlm`,
		"proxyauth by nobody":      `imap-list $AT --proxyauth`,
		"OAuth without a token":    `imap-list $AT --auth xoauth2`,
		"token and password":       `imap-list $AT --token-command x --password-command x`,
		"bad account":              `echo 'host old.example' >account; imap-list --account ./account`,
		"insecure account":         `printf 'host old.example\nuser joe\ntls-insecure\n' >insecure; imap-list --account ./insecure`,
		"bad TLS version":          `imap-list $AT --tls implicit --tls-min 2`,
		"stray argument, list":     `imap-list $AT stray`,
		"stray argument, fetch":    `imap-fetch $AT stray`,
		"stray argument, diff":     `imap-diff stream.zst stream.zst stray`,
		"stray argument, push":     `imap-push $AT stream.zst stray`,
		"option after argument":    `imap-push stream.zst $AT`,
		"option after argument, 2": `imap-diff $AT stream.zst --report`,
		"select without a value":   `imap-fetch $AT --select`,
		"select and folder":        `imap-fetch $AT --folder INBOX --select - < stream.zst`,
		"equal without report":     `imap-diff $AT --equal stream.zst`,
		"account beside a stream":  `imap-diff --report $AT stream.zst stream.zst`,
		"stdin twice":              `imap-diff --report - - < stream.zst`,
		"no host":                  `imap-list --user joe`,
		"no user":                  `imap-list --host 127.0.0.1`,
		"two tls modes in one":     `imap-list $AT --tls sometimes`,
		"bad level":                `imap-fetch $AT --level eleven`,
		"bad key":                  `imap-fetch $AT --key 'a b'`,
		"bad pin":                  `imap-list $AT --tls-pin sha256:12`,
		"bad expression":           `imap-list $AT --include '('`,
		"bad label":                `imap-fetch $AT --label nothing`,
		"bad timeout":              `imap-list $AT --timeout soon`,
		"bad format":               `imap-list $AT --format xml`,
		"bad namespace":            `imap-fetch $AT --namespace mine`,
		"empty folder name":        `imap-fetch $AT --folder-rec ''`,
		"select and namespace":     `imap-fetch $AT --namespace all --select - < stream.zst`,
		"check and folders":        `imap-list $AT --check --include x`,
		"check of an archive":      `imap-list --check --source stream.zst`,
		"verify of an account":     `imap-list $AT --verify`,
		"verify and folders":       `imap-list --verify --source stream.zst --folder x`,
		"bad subscribe":            `imap-push $AT --subscribe some stream.zst`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(script + ` >out`).Wants(64).Says("imap-") // into a pipe it would say so in band
			if out := b.Read("out"); len(out) > 0 {
				t.Errorf("stdout: %q", out)
			}
			if n := proxy.Connections(); n != 0 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestInputIsOutput: what is read is not written, whatever its names are. It
// is found before any connection, and the file stays as it is.
func TestInputIsOutput(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(5))
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options())
	b.Sh(`imap-fetch -o x.zst $AT && ln -s x.zst soft && ln x.zst hard && cp x.zst new.partial && imap-list $AT >list`).Wants(0)
	want, wantList, before := b.Read("x.zst"), b.Read("list"), proxy.Connections()
	for _, script := range []string{
		`imap-diff -o x.zst $AT x.zst`,
		`imap-diff -o soft $AT x.zst`,
		`imap-diff -o hard $AT x.zst`,
		`imap-diff -o x.zst $AT soft`,
		`imap-diff -o x.zst $AT < x.zst`,
		`imap-diff -o new $AT new.partial`,
		`imap-diff -o x.zst hard new.partial`,
		`imap-diff -o x.zst new.partial hard`,
		`imap-diff --report -o x.zst $AT x.zst`,
		`imap-diff $AT x.zst >>x.zst`,
		`imap-fetch --select x.zst -o x.zst $AT`,
		`imap-fetch --select - -o soft $AT <hard`,
		`imap-fetch --select list -o list $AT`,
		`imap-push --rejects x.zst $AT x.zst`,
		`imap-push --rejects soft $AT <x.zst`,
		`imap-push $AT x.zst >>hard`,
		`imap-push --rejects x.zst $AT new.partial >>hard`,
	} {
		b.Sh(script).Wants(64).Says("write to another file")
		if !bytes.Equal(b.Read("x.zst"), want) || !bytes.Equal(b.Read("list"), wantList) {
			t.Fatalf("the file has changed: %s", script)
		}
	}
	if n := proxy.Connections() - before; n != 0 {
		t.Errorf("%d connections", n)
	}
	b.Sh(`imap-diff --level none $AT x.zst >/dev/null && imap-diff --report $AT x.zst </dev/null >/dev/null`).Wants(0)
}

// TestInputs: a file that is missing, unreadable or names nothing is 66.
func TestInputs(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	b := harness.NewShell(t).With("AT", harness.Embedded(server, "joe").Options())
	for name, script := range map[string]string{
		"no such stream":        `imap-diff $AT nonesuch.zst`,
		"no such plan":          `imap-push $AT nonesuch.zst`,
		"no such selection":     `imap-fetch $AT --select nonesuch.zst`,
		"a folder":              `imap-push $AT .`,
		"no such password file": `imap-list $AT --password-file nonesuch`,
		"no such account":       `imap-list --account nonesuch`,
		"no such certificate":   `imap-list $AT --tls implicit --tls-cert nonesuch`,
		"no such authority":     `imap-list $AT --tls implicit --ca-file nonesuch`,
		"selects nothing":       `imap-list $AT | grep nothing-like-it | imap-fetch $AT --select -`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(script).Wants(66)
		})
	}
}

// TestTerminals: a stream is not read from a terminal, nor written to one
// compressed; both are found before any connection.
func TestTerminals(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1) to make a terminal")
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options())
	for name, command := range map[string]string{
		"select":         `imap-fetch $AT --select - >out`,
		"diff":           `imap-diff $AT >out`,
		"push":           `imap-push $AT >out`,
		"to a terminal":  `imap-fetch $AT`,
		"plan to it too": `imap-diff $AT stream`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Write("stream", nil)
			o := b.Sh(`script -qec '` + command + `' /dev/null </dev/null`)
			if o.Exit != 64 || proxy.Connections() != 0 {
				t.Errorf("%d connections\n%s%s", proxy.Connections(), o, harness.Shorten(o.Stdout, 500))
			}
		})
	}
}
