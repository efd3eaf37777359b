package login

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestHostForms: stray blanks and a trailing slash are taken off; what cannot
// be a host is a usage error, shown with its invisible characters.
func TestHostForms(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	b := harness.NewShell(t).With("ADDR", server.Addr())
	for _, host := range []string{`"$ADDR"`, `" $ADDR"`, `"$ADDR "`, `" $ADDR/ "`, `"$ADDR/"`, "\"\t$ADDR\n\"", "\"\u00a0$ADDR\u00a0\""} {
		b.Sh(`imap-list --tls none --user joe --host ` + host).Wants(0)
		b.Sh(`IMAP_HOST=` + host + ` imap-list --tls none --user joe`).Wants(0)
	}
	for host, said := range map[string]string{
		`"127.0.0.1 :143"`: `"127.0.0.1 :143"`, "\"old\u200b.example\"": `old\u200b.example`, `"imap://$ADDR"`: "not a URL", `"joe@$ADDR"`: "--user",
		`"$ADDR/INBOX"`: "no path", `" / "`: "no server", "\"old\x1b.example\"": `old\x1b.example`,
	} {
		b.Sh(`imap-list --tls none --user joe --host ` + host).Wants(64).Says(said)
	}
}

// TestPasswordFileForms: 66 before connecting for a file that is missing or
// cannot be read.
func TestPasswordFileForms(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options())
	b.Write("empty", nil)
	b.Write("good", []byte("secret\n"))
	for script, said := range map[string]string{
		`imap-list $AT --password-file nonesuch`:           "nonesuch",
		`imap-list $AT --password-file .`:                  "is a directory",
		`imap-list $AT --password-file empty`:              "holds no password",
		`imap-list $AT --password-file good/x`:             "not a directory",
		`imap-list $AT --password-command 'cat nonesuch'`:  "--password-command failed",
		`imap-list $AT --password-fd 7`:                    "descriptor 7",
		`imap-fetch $AT --password-file nonesuch -o mail`:  "nonesuch",
		`imap-diff $AT --password-file nonesuch /dev/null`: "nonesuch",
		`imap-push $AT --password-file nonesuch /dev/null`: "nonesuch",
		`imap-list $AT --token-command 'cat nonesuch'`:     "--token-command failed",
		`imap-list $AT --tls implicit --tls-cert nonesuch`: "nonesuch",
		`imap-list --account nonesuch`:                     "nonesuch",
	} {
		b.Sh(script).Wants(66).Says(said)
	}
	if proxy.Connections() != 0 {
		t.Errorf("%d connections", proxy.Connections())
	}
	b.Sh(`imap-list $AT --password-file good`).Wants(0)
}

// TestPasswordFromEnvironmentOrTerminal: the environment alone will do, the terminal alone too,
// and a stream is never read as a password.
func TestPasswordFromEnvironmentOrTerminal(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"script", "setsid"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("SKIPPED: no " + tool + "(1)")
		}
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(3))
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	at := harness.Account{Addr: proxy.Addr(), User: "joe"}
	b := harness.NewShell(t).With("AT", at.Options()).With("ANN", harness.Account{Addr: at.Addr, User: "ann"}.Options())
	b.Sh(`imap-list $AT`).Wants(0)
	b.Sh(`imap-fetch $AT | imap-diff $ANN >plan`).Wants(0)
	b.Write("account", []byte("host "+at.Addr+"\nuser joe\ntls none\n"))
	before := proxy.Connections()
	delete(b.Env, "IMAP_PASSWORD")
	for _, script := range []string{`echo secret | setsid -w imap-list $AT`, `setsid -w imap-push $ANN <plan`, `cat plan | setsid -w imap-fetch --select - $AT >out`,
		`IMAP_PASSWORD=secret setsid -w imap-list --account ./account`} {
		b.Sh(script).Wants(66).Says("no password, and no terminal to ask for it")
	}
	if n := proxy.Connections() - before; n != 0 {
		t.Errorf("%d connections", n)
	}
	o := b.Sh(`(sleep 0.3; echo secret) | script -qec "imap-list $AT >list" /dev/null`).Wants(0)
	if !strings.Contains(o.Stdout, "password for joe@127.0.0.1: ") || strings.Contains(o.Stdout, "secret") || !strings.Contains(string(b.Read("list")), "INBOX") {
		t.Errorf("the terminal showed %q", o.Stdout)
	}
	o = b.Sh(`(sleep 0.3; echo secret) | script -qec "imap-push $ANN <plan >receipts" /dev/null`).Wants(0)
	if !strings.Contains(o.Stdout, "password for ann@127.0.0.1: ") || len(harness.Embedded(server, "ann").Dump(t)) != 3 {
		t.Errorf("the terminal showed %q", o.Stdout)
	}
	o = b.Sh(`(sleep 0.3; echo secret) | IMAP_PASSWORD=wrong script -qec "imap-list --account ./account >list" /dev/null`).Wants(0)
	if !strings.Contains(o.Stdout, "password for joe@127.0.0.1: ") {
		t.Errorf("an account file and IMAP_PASSWORD: the terminal showed %q", o.Stdout)
	}
}

// TestOddPasswords: every printable character and UTF-8 reach the server as
// they are, whatever the mechanism and the source, and nothing shows them.
func TestOddPasswords(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := ' '; c <= '~'; c++ {
		all.WriteRune(c)
	}
	passwords := []string{"canary" + all.String(), all.String() + "canary ", "canary pä€漢字-é", "canary🙂", " canary ", "canary{5}", "canary{5+}", `canary"`, `canary\`, `\"canary\"`, "canary$HOME`id`$(id)", "canary%u%%s", "canary=?;,:*&^'()"}
	users := ""
	for i, password := range passwords {
		users += fmt.Sprintf("u%d:{PLAIN.b64}%s\n", i, base64.StdEncoding.EncodeToString([]byte(password)))
	}
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Passdb: "driver = passwd-file\n  args = @DIR@/users", Files: map[string]string{"users": users}})
	mechanisms := []string{"", "--auth plain", "--auth login", "--auth cram-md5", "--auth scram-sha-256", "--auth plain --disable-cap SASL-IR"}
	sources := []string{"", "--password-file pw", "--password-command 'cat pw'", "--password-fd 7 7<pw"}
	for i, password := range passwords {
		b := harness.NewShell(t).With("IMAP_PASSWORD", password).With("AT", fmt.Sprintf("--tls none --user u%d --host %s", i, r.Addr))
		b.Write("pw", []byte(password+"\n"))
		for k, mechanism := range mechanisms {
			if !harness.Long() && (i+k)%3 > 0 {
				continue
			}
			b.Write("trace", nil)
			script := `imap-list $AT --trace trace ` + mechanism + ` ` + sources[(i+k)%len(sources)]
			o := b.Sh(script).Wants(0)
			o.Silent(b, password, "trace")
			if !strings.Contains(string(b.Read("trace")), "<redacted>") {
				t.Errorf("%s: there is nothing in the trace", mechanism)
			}
		}
		wrong := password + "!"
		for k, mechanism := range mechanisms[1:5] {
			if !harness.Long() && (i+k)%4 > 0 {
				continue
			}
			o := b.With("IMAP_PASSWORD", wrong).Sh(`imap-list $AT --trace trace ` + mechanism).Wants(77)
			o.Silent(b, wrong, "trace")
			o.Silent(b, password, "trace")
		}
	}
}

// TestWrongPasswordOnEitherSide: a wrong password at the source, at the destination and
// at both is 77, and the message names whose it is.
func TestWrongPasswordOnEitherSide(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"src": "secret"}})
	destination := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"dst": "secret"}})
	source.Account("src").Fill(harness.Mail(10))
	b := harness.Between(t, harness.Embedded(source, "src"), harness.Embedded(destination, "dst"))
	b.Env["NO"] = "env IMAP_PASSWORD=wrong"
	for _, script := range []string{
		`$NO imap-fetch --headers $SRC | imap-diff $DST | $NO imap-fetch --select - $SRC | imap-push $DST`,
		`imap-fetch --headers $SRC | $NO imap-diff $DST | imap-fetch --select - $SRC | $NO imap-push $DST`,
		`$NO imap-fetch --headers $SRC | $NO imap-diff $DST | $NO imap-fetch --select - $SRC | $NO imap-push $DST`,
	} {
		o := b.Sh(script).Wants(77)
		if strings.Contains(script, "$NO imap-fetch --headers") {
			o.Says("login of src@127.0.0.1 by PLAIN refused")
		} else {
			o.Says("login of dst@127.0.0.1 by PLAIN refused")
		}
	}
	if n := len(harness.Embedded(destination, "dst").Dump(t)); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
}

// TestTLSOnTheWrongPort: TLS to a port without, and the reverse; both modes in
// one; a version that is forbidden. No credential is sent.
func TestTLSOnTheWrongPort(t *testing.T) {
	t.Parallel()
	certificate, err := imaptest.NewCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	offers := &tls.Config{Certificates: []tls.Certificate{certificate.TLS}}
	said := &transcript{}
	plain := imaptest.StartServer(t, imaptest.Options{Transcript: said, TLS: offers})
	secure := imaptest.StartTLSServer(t, imaptest.Options{Transcript: said}, certificate.TLS)
	old := imaptest.NewServer(imaptest.Options{Transcript: said})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate.TLS}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	go old.Serve(listener)
	t.Cleanup(func() { old.Close() })
	b := harness.NewShell(t).With("PIN", "--tls-pin sha256:"+certificate.Pin).With("JOE", "--user joe --timeout 2s")
	b.Env["PLAIN"], b.Env["SECURE"], b.Env["OLD"] = plain.Addr(), secure.Addr(), listener.Addr().String()
	b.Sh(`imap-list $JOE $PIN --tls implicit --host $PLAIN`).Wants(76).Says("--tls starttls")
	b.Sh(`imap-list $JOE $PIN --tls starttls --host $SECURE`).Wants(69).Says("--tls implicit")
	b.Sh(`imap-list $JOE --tls none --host $SECURE`).Wants(69).Says("--tls implicit")
	b.Sh(`imap-list $JOE $PIN --tls starttls --tls implicit --host $PLAIN`).Wants(76) // the last counts, and is meant
	b.Sh(`imap-list $JOE $PIN --host $OLD`).Wants(76).Says("--tls-min 1.0")
	b.Sh(`imap-list $JOE $PIN --tls-min 1.3 --host $OLD`).Wants(76)
	said.noCredential(t)
	b.Sh(`imap-list $JOE $PIN --tls-min 1.0 --host $OLD`).Wants(0).Says("warning: --tls-min 1.0")
	b.Sh(`imap-list $JOE $PIN --tls-min 1.3 --host $SECURE`).Wants(0)
	b.Sh(`imap-list $JOE $PIN --tls starttls --host $PLAIN`).Wants(0)
}

// TestCertificateOfAnotherName: a tunnel's end has another name than the certificate.
func TestCertificateOfAnotherName(t *testing.T) {
	t.Parallel()
	certificate, err := imaptest.NewCertificate("mail.example.org")
	if err != nil {
		t.Fatal(err)
	}
	server := imaptest.StartTLSServer(t, imaptest.Options{}, certificate.TLS)
	b := harness.NewShell(t).With("AT", "--user joe --ca-file ca.pem --host "+server.Addr())
	b.Write("ca.pem", certificate.PEM)
	b.Sh(`imap-list $AT`).Wants(76)
	b.Sh(`imap-list $AT --tls-server-name mail.example.org`).Wants(0)
	b.Sh(`imap-list $AT --tls-server-name mail.example.com`).Wants(76).Says("mail.example.org")
}

// TestProxyAuth: by an administrator's login and PROXYAUTH; 64 without an
// administrator, and 77 where the server has no such thing.
func TestProxyAuth(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(harness.Mail(20))
	sun := startFront(t, source, "* OK [CAPABILITY IMAP4 IMAP4rev1] (Sun Java(tm) System Messaging Server 6.3) ready\r\n", func(command string) (string, string) {
		switch command {
		case `LOGIN "admin" "secret"`:
			return "TAG OK User logged in\r\n", ""
		case `PROXYAUTH "joe"`:
			return "TAG OK Completed\r\n", "joe"
		case "CAPABILITY":
			return "* CAPABILITY IMAP4 IMAP4rev1\r\nTAG OK Completed\r\n", ""
		}
		return "TAG NO no\r\n", ""
	})
	destination := imaptest.StartServer(t, imaptest.Options{})
	b := harness.Between(t, harness.Account{Addr: sun.Addr(), User: "joe"}, harness.Embedded(destination, "joe"))
	b.Env["ANN"] = harness.Account{Addr: sun.Addr(), User: "ann"}.Options()
	b.Env["SRC"] += " --auth-user admin --proxyauth"
	b.Sh(`imap-list $SRC --trace trace`).Wants(0).Silent(b, "secret", "trace")
	if heard := sun.heard(); heard != `LOGIN "admin" "secret"|PROXYAUTH "joe"` {
		t.Errorf("heard %s", heard)
	}
	if trace := string(b.Read("trace")); !strings.Contains(trace, `PROXYAUTH "joe"`) || !strings.Contains(trace, "LOGIN <redacted>") {
		t.Errorf("trace: %s", harness.Shorten(trace, 1000))
	}
	b.Sh(harness.Straight).Wants(0).Appended(20)
	harness.Equal(t, harness.Embedded(source, "joe"), harness.Embedded(destination, "joe"))
	b.Sh(`imap-list $ANN --auth-user admin --proxyauth`).Wants(77).Says("PROXYAUTH of admin for ann@127.0.0.1 refused")
	b.Sh(`imap-list $DST --auth-user admin --proxyauth`).Wants(77).Says("PROXYAUTH of admin for joe@127.0.0.1 refused")
	b.Sh(`imap-list $DST --proxyauth`).Wants(64).Says("--proxyauth needs --auth-user")
}

// TestMasterUserLogsIn: by Kerio's master password, which takes no name of its
// own, in all four commands; 77 where the server has no such thing.
func TestMasterUserLogsIn(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(harness.Mail(20))
	sum := md5.Sum([]byte("<1@kerio.example>secret"))
	answer := hex.EncodeToString(sum[:])
	kerio := startFront(t, source, "* OK [CAPABILITY IMAP4 IMAP4rev1] Kerio Connect IMAP4rev1 server ready\r\n", func(command string) (string, string) {
		switch command {
		case "X-MASTERAUTH":
			return "+ <1@kerio.example>\r\n", ""
		case answer:
			return "TAG OK X-MASTERAUTH completed\r\n", ""
		case `X-SETUSER "joe"`:
			return "TAG OK X-SETUSER completed\r\n", "joe"
		}
		return "TAG NO no\r\n", ""
	})
	destination := imaptest.StartServer(t, imaptest.Options{})
	b := harness.Between(t, harness.Account{Addr: kerio.Addr(), User: "joe"}, harness.Embedded(destination, "joe"))
	b.Env["ANN"] = harness.Account{Addr: kerio.Addr(), User: "ann"}.Options() + " --auth x-masterauth"
	b.Env["SRC"] += " --auth x-masterauth"
	o := b.Sh(`imap-list $SRC --trace trace`).Wants(0)
	o.Silent(b, "secret", "trace")
	o.Silent(b, answer, "trace")
	if heard := kerio.heard(); heard != "X-MASTERAUTH|"+answer+`|X-SETUSER "joe"` {
		t.Errorf("heard %s", heard)
	}
	b.Sh(harness.Straight).Wants(0).Appended(20)
	harness.Equal(t, harness.Embedded(source, "joe"), harness.Embedded(destination, "joe"))
	b.Sh(`imap-list $ANN`).Wants(77).Says("X-SETUSER of ann@127.0.0.1 refused")
	b.Sh(`IMAP_PASSWORD=wrong imap-list $SRC`).Wants(77).Says("login of joe@127.0.0.1 by X-MASTERAUTH refused")
	b.Sh(`imap-list $DST --auth x-masterauth`).Wants(77).Says("by X-MASTERAUTH refused", "BAD")
	b.Sh(`imap-list $SRC --auth-user admin`).Wants(64).Says("no administrator has a place in it", "leave --auth-user out")
}

// TestMechanismChosen: what the server lacks is 77, and LOGIN is no way out.
func TestMechanismChosen(t *testing.T) {
	t.Parallel()
	said := &transcript{}
	server := imaptest.StartServer(t, imaptest.Options{Transcript: said})
	b := harness.NewShell(t).With("AT", harness.Embedded(server, "joe").Options())
	for _, options := range []string{"--auth scram-sha-256", "--auth cram-md5", "--auth scram-sha-1 --auth cram-md5", "--auth external", "--token-command 'echo tok'",
		"--token-command 'echo tok' --auth xoauth2", "--auth plain --disable-cap AUTH=PLAIN", "--auth-user admin --disable-cap AUTH=PLAIN"} {
		b.Sh(`imap-list $AT `+options).Wants(77).Says("offers none of", "nothing was sent", "the LOGIN command")
	}
	said.noCredential(t)
	b.Sh(`imap-list $AT --auth ntlm`).Wants(64).Says("no mechanism that we know")
	b.Sh(`imap-list $AT --auth cram-md5 --auth plain`).Wants(0)
}

// TestPreauth: a greeting of PREAUTH is a login; where one counted on it
// and it does not come, there is none.
func TestPreauth(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(5))
	b := harness.NewShell(t)
	delete(b.Env, "IMAP_PASSWORD")
	in := startFront(t, server, "* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n", nil)
	b.With("AT", harness.Account{Addr: in.Addr(), User: "joe"}.Options()).Sh(`imap-fetch $AT --auth external -o mail`).Wants(0)
	out := startFront(t, server, "* OK [CAPABILITY IMAP4rev1] welcome\r\n", func(string) (string, string) { return "TAG BAD what?\r\n", "" })
	b.With("AT", harness.Account{Addr: out.Addr(), User: "joe"}.Options()).Sh(`imap-list $AT --auth external`).Wants(77).Says("offers none of EXTERNAL")
	if heard := out.heard(); heard != "" {
		t.Errorf("heard %s", heard)
	}
	certificate, err := imaptest.NewCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	b.With("AT", "--user joe --tls starttls --tls-pin sha256:"+certificate.Pin+" --host "+in.Addr()).
		Sh(`imap-list $AT --auth external`).Wants(76).Says("PREAUTH before STARTTLS")
}

// garble is a line to a server that turns octets of what the server says, from
// some place on, into others.
func garble(t *testing.T, target string, rnd *rand.Rand) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	seed := rnd.Uint64()
	go func() {
		for n := uint64(0); ; n++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				return
			}
			go copyAndClose(server, client, nil)
			go copyAndClose(client, server, rand.New(rand.NewPCG(seed, n)))
		}
	}()
	return listener.Addr().String()
}

func copyAndClose(dst, src net.Conn, rnd *rand.Rand) {
	defer dst.Close()
	defer src.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := src.Read(buffer)
		for i := 0; rnd != nil && i < n; i++ {
			if rnd.IntN(500) == 0 {
				buffer[i] = byte(rnd.IntN(256))
			}
		}
		if _, err := dst.Write(buffer[:n]); err != nil || n == 0 {
			return
		}
		if err != nil {
			return
		}
	}
}

// TestGarbledServer: octets that the network has changed end in an orderly way,
// and what comes out is a stream that says how it ended. (A stream that is
// damaged is for TestCutStream and TestFlippedBits.)
func TestGarbledServer(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(harness.WithOdd(harness.Mail(60)))
	rnd := harness.Random(t)
	orderly := []int{0, 3, 65, 66, 69, 73, 75, 76, 77}
	for range harness.Rounds(2, 200) {
		b := harness.NewShell(t).With("AT", harness.Account{Addr: garble(t, source.Addr(), rnd), User: "joe"}.Options()+" --timeout 1s")
		o := b.Sh(`imap-fetch $AT >mail`)
		if !slices.Contains(orderly, o.Exit) || strings.Contains(o.Stderr, "goroutine ") || strings.Contains(o.Stderr, "a bug:") {
			t.Errorf("not an orderly end\n%s", o)
		}
		if !utf8.ValidString(o.Stderr) || strings.ContainsFunc(strings.ReplaceAll(o.Stderr, "\n", ""), unicode.IsControl) {
			t.Errorf("raw octets on stderr: %q", harness.Shorten(o.Stderr, 2000))
		}
		if octets := b.Read("mail"); len(octets) > 0 {
			if read := b.Sh(`imap-diff --report mail mail >report`); read.Exit != 0 && read.Exit != o.Exit && read.Exit != 65 {
				t.Errorf("fetched with %d, read with\n%s", o.Exit, read)
			}
		}
	}
}
