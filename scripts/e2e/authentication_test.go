package e2e

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
)

// TestHostForms: stray blanks and a trailing slash are taken off; what cannot
// be a host is a usage error, shown with its invisible characters.
func TestHostForms(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	b := newBench(t).with("ADDR", server.Addr())
	for _, host := range []string{`"$ADDR"`, `" $ADDR"`, `"$ADDR "`, `" $ADDR/ "`, `"$ADDR/"`, "\"\t$ADDR\n\"", "\"\u00a0$ADDR\u00a0\""} {
		b.sh(`imap-list --tls none --user joe --host ` + host).wants(0)
		b.sh(`IMAP_HOST=` + host + ` imap-list --tls none --user joe`).wants(0)
	}
	for host, said := range map[string]string{
		`"127.0.0.1 :143"`: `"127.0.0.1 :143"`, "\"old\u200b.example\"": `old\u200b.example`, `"imap://$ADDR"`: "not a URL", `"joe@$ADDR"`: "--user",
		`"$ADDR/INBOX"`: "no path", `" / "`: "no server", "\"old\x1b.example\"": `old\x1b.example`,
	} {
		b.sh(`imap-list --tls none --user joe --host ` + host).wants(64).says(said)
	}
}

// TestPasswordFileForms: 66 before connecting for a file that is missing or
// cannot be read.
func TestPasswordFileForms(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := newBench(t).with("AT", account{proxy.Addr(), "joe"}.options())
	b.write("empty", nil)
	b.write("good", []byte("secret\n"))
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
		b.sh(script).wants(66).says(said)
	}
	if proxy.Connections() != 0 {
		t.Errorf("%d connections", proxy.Connections())
	}
	b.sh(`imap-list $AT --password-file good`).wants(0)
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
	server.Account("joe").Fill(mail(3))
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	at := account{proxy.Addr(), "joe"}
	b := newBench(t).with("AT", at.options()).with("ANN", account{at.addr, "ann"}.options())
	b.sh(`imap-list $AT`).wants(0)
	b.sh(`imap-fetch $AT | imap-diff $ANN >plan`).wants(0)
	b.write("account", []byte("host "+at.addr+"\nuser joe\ntls none\n"))
	before := proxy.Connections()
	delete(b.env, "IMAP_PASSWORD")
	for _, script := range []string{`echo secret | setsid -w imap-list $AT`, `setsid -w imap-push $ANN <plan`, `cat plan | setsid -w imap-fetch --select - $AT >out`,
		`IMAP_PASSWORD=secret setsid -w imap-list --account ./account`} {
		b.sh(script).wants(66).says("no password, and no terminal to ask for it")
	}
	if n := proxy.Connections() - before; n != 0 {
		t.Errorf("%d connections", n)
	}
	o := b.sh(`(sleep 0.3; echo secret) | script -qec "imap-list $AT >list" /dev/null`).wants(0)
	if !strings.Contains(o.stdout, "password for joe@127.0.0.1: ") || strings.Contains(o.stdout, "secret") || !strings.Contains(string(b.read("list")), "INBOX") {
		t.Errorf("the terminal showed %q", o.stdout)
	}
	o = b.sh(`(sleep 0.3; echo secret) | script -qec "imap-push $ANN <plan >receipts" /dev/null`).wants(0)
	if !strings.Contains(o.stdout, "password for ann@127.0.0.1: ") || len(embedded(server, "ann").dump(t)) != 3 {
		t.Errorf("the terminal showed %q", o.stdout)
	}
	o = b.sh(`(sleep 0.3; echo secret) | IMAP_PASSWORD=wrong script -qec "imap-list --account ./account >list" /dev/null`).wants(0)
	if !strings.Contains(o.stdout, "password for joe@127.0.0.1: ") {
		t.Errorf("an account file and IMAP_PASSWORD: the terminal showed %q", o.stdout)
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
		b := newBench(t).with("IMAP_PASSWORD", password).with("AT", fmt.Sprintf("--tls none --user u%d --host %s", i, r.Addr))
		b.write("pw", []byte(password+"\n"))
		for k, mechanism := range mechanisms {
			if !long() && (i+k)%3 > 0 {
				continue
			}
			b.write("trace", nil)
			script := `imap-list $AT --trace trace ` + mechanism + ` ` + sources[(i+k)%len(sources)]
			o := b.sh(script).wants(0)
			o.silent(b, password, "trace")
			if !strings.Contains(string(b.read("trace")), "<redacted>") {
				t.Errorf("%s: there is nothing in the trace", mechanism)
			}
		}
		wrong := password + "!"
		for k, mechanism := range mechanisms[1:5] {
			if !long() && (i+k)%4 > 0 {
				continue
			}
			o := b.with("IMAP_PASSWORD", wrong).sh(`imap-list $AT --trace trace ` + mechanism).wants(77)
			o.silent(b, wrong, "trace")
			o.silent(b, password, "trace")
		}
	}
}

// TestWrongPasswordOnEitherSide: a wrong password at the source, at the destination and
// at both is 77, and the message names whose it is.
func TestWrongPasswordOnEitherSide(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"src": "secret"}})
	destination := imaptest.StartServer(t, imaptest.Options{Users: map[string]string{"dst": "secret"}})
	source.Account("src").Fill(mail(10))
	b := between(t, embedded(source, "src"), embedded(destination, "dst"))
	b.env["NO"] = "env IMAP_PASSWORD=wrong"
	for _, script := range []string{
		`$NO imap-fetch --headers $SRC | imap-diff $DST | $NO imap-fetch --select - $SRC | imap-push $DST`,
		`imap-fetch --headers $SRC | $NO imap-diff $DST | imap-fetch --select - $SRC | $NO imap-push $DST`,
		`$NO imap-fetch --headers $SRC | $NO imap-diff $DST | $NO imap-fetch --select - $SRC | $NO imap-push $DST`,
	} {
		o := b.sh(script).wants(77)
		if strings.Contains(script, "$NO imap-fetch --headers") {
			o.says("login of src@127.0.0.1 by PLAIN refused")
		} else {
			o.says("login of dst@127.0.0.1 by PLAIN refused")
		}
	}
	if n := len(embedded(destination, "dst").dump(t)); n != 0 {
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
	b := newBench(t).with("PIN", "--tls-pin sha256:"+certificate.Pin).with("JOE", "--user joe --timeout 2s")
	b.env["PLAIN"], b.env["SECURE"], b.env["OLD"] = plain.Addr(), secure.Addr(), listener.Addr().String()
	b.sh(`imap-list $JOE $PIN --tls implicit --host $PLAIN`).wants(76).says("--tls starttls")
	b.sh(`imap-list $JOE $PIN --tls starttls --host $SECURE`).wants(69).says("--tls implicit")
	b.sh(`imap-list $JOE --tls none --host $SECURE`).wants(69).says("--tls implicit")
	b.sh(`imap-list $JOE $PIN --tls starttls --tls implicit --host $PLAIN`).wants(76) // the last counts, and is meant
	b.sh(`imap-list $JOE $PIN --host $OLD`).wants(76).says("--tls-min 1.0")
	b.sh(`imap-list $JOE $PIN --tls-min 1.3 --host $OLD`).wants(76)
	said.noCredential(t)
	b.sh(`imap-list $JOE $PIN --tls-min 1.0 --host $OLD`).wants(0).says("warning: --tls-min 1.0")
	b.sh(`imap-list $JOE $PIN --tls-min 1.3 --host $SECURE`).wants(0)
	b.sh(`imap-list $JOE $PIN --tls starttls --host $PLAIN`).wants(0)
}

// TestCertificateOfAnotherName: a tunnel's end has another name than the certificate.
func TestCertificateOfAnotherName(t *testing.T) {
	t.Parallel()
	certificate, err := imaptest.NewCertificate("mail.example.org")
	if err != nil {
		t.Fatal(err)
	}
	server := imaptest.StartTLSServer(t, imaptest.Options{}, certificate.TLS)
	b := newBench(t).with("AT", "--user joe --ca-file ca.pem --host "+server.Addr())
	b.write("ca.pem", certificate.PEM)
	b.sh(`imap-list $AT`).wants(76)
	b.sh(`imap-list $AT --tls-server-name mail.example.org`).wants(0)
	b.sh(`imap-list $AT --tls-server-name mail.example.com`).wants(76).says("mail.example.org")
}

// TestProxyAuth: by an administrator's login and PROXYAUTH; 64 without an
// administrator, and 77 where the server has no such thing.
func TestProxyAuth(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(mail(20))
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
	b := between(t, account{sun.Addr(), "joe"}, embedded(destination, "joe"))
	b.env["ANN"] = account{sun.Addr(), "ann"}.options()
	b.env["SRC"] += " --auth-user admin --proxyauth"
	b.sh(`imap-list $SRC --trace trace`).wants(0).silent(b, "secret", "trace")
	if heard := sun.heard(); heard != `LOGIN "admin" "secret"|PROXYAUTH "joe"` {
		t.Errorf("heard %s", heard)
	}
	if trace := string(b.read("trace")); !strings.Contains(trace, `PROXYAUTH "joe"`) || !strings.Contains(trace, "LOGIN <redacted>") {
		t.Errorf("trace: %s", limit(trace, 1000))
	}
	b.sh(straight).wants(0).appended(20)
	equal(t, embedded(source, "joe"), embedded(destination, "joe"))
	b.sh(`imap-list $ANN --auth-user admin --proxyauth`).wants(77).says("PROXYAUTH of admin for ann@127.0.0.1 refused")
	b.sh(`imap-list $DST --auth-user admin --proxyauth`).wants(77).says("PROXYAUTH of admin for joe@127.0.0.1 refused")
	b.sh(`imap-list $DST --proxyauth`).wants(64).says("--proxyauth needs --auth-user")
}

// TestMasterUserLogsIn: by Kerio's master password, which takes no name of its
// own, in all four commands; 77 where the server has no such thing.
func TestMasterUserLogsIn(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(mail(20))
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
	b := between(t, account{kerio.Addr(), "joe"}, embedded(destination, "joe"))
	b.env["ANN"] = account{kerio.Addr(), "ann"}.options() + " --auth x-masterauth"
	b.env["SRC"] += " --auth x-masterauth"
	o := b.sh(`imap-list $SRC --trace trace`).wants(0)
	o.silent(b, "secret", "trace")
	o.silent(b, answer, "trace")
	if heard := kerio.heard(); heard != "X-MASTERAUTH|"+answer+`|X-SETUSER "joe"` {
		t.Errorf("heard %s", heard)
	}
	b.sh(straight).wants(0).appended(20)
	equal(t, embedded(source, "joe"), embedded(destination, "joe"))
	b.sh(`imap-list $ANN`).wants(77).says("X-SETUSER of ann@127.0.0.1 refused")
	b.sh(`IMAP_PASSWORD=wrong imap-list $SRC`).wants(77).says("login of joe@127.0.0.1 by X-MASTERAUTH refused")
	b.sh(`imap-list $DST --auth x-masterauth`).wants(77).says("by X-MASTERAUTH refused", "BAD")
	b.sh(`imap-list $SRC --auth-user admin`).wants(64).says("--auth-user has no place in it")
}

// TestMechanismChosen: what the server lacks is 77, and LOGIN is no way out.
func TestMechanismChosen(t *testing.T) {
	t.Parallel()
	said := &transcript{}
	server := imaptest.StartServer(t, imaptest.Options{Transcript: said})
	b := newBench(t).with("AT", embedded(server, "joe").options())
	for _, options := range []string{"--auth scram-sha-256", "--auth cram-md5", "--auth scram-sha-1 --auth cram-md5", "--auth external", "--token-command 'echo tok'",
		"--token-command 'echo tok' --auth xoauth2", "--auth plain --disable-cap AUTH=PLAIN", "--auth-user admin --disable-cap AUTH=PLAIN"} {
		b.sh(`imap-list $AT `+options).wants(77).says("offers none of", "nothing was sent", "the LOGIN command")
	}
	said.noCredential(t)
	b.sh(`imap-list $AT --auth ntlm`).wants(64).says("no mechanism that we know")
	b.sh(`imap-list $AT --auth cram-md5 --auth plain`).wants(0)
}

// TestPreauth: a greeting of PREAUTH is a login; where one counted on it
// and it does not come, there is none.
func TestPreauth(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(mail(5))
	b := newBench(t)
	delete(b.env, "IMAP_PASSWORD")
	in := startFront(t, server, "* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n", nil)
	b.with("AT", account{in.Addr(), "joe"}.options()).sh(`imap-fetch $AT --auth external -o mail`).wants(0)
	out := startFront(t, server, "* OK [CAPABILITY IMAP4rev1] welcome\r\n", func(string) (string, string) { return "TAG BAD what?\r\n", "" })
	b.with("AT", account{out.Addr(), "joe"}.options()).sh(`imap-list $AT --auth external`).wants(77).says("offers none of EXTERNAL")
	if heard := out.heard(); heard != "" {
		t.Errorf("heard %s", heard)
	}
	certificate, err := imaptest.NewCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	b.with("AT", "--user joe --tls starttls --tls-pin sha256:"+certificate.Pin+" --host "+in.Addr()).
		sh(`imap-list $AT --auth external`).wants(76).says("PREAUTH before STARTTLS")
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
	source.Account("joe").Fill(withOdd(mail(60)))
	rnd := random(t)
	orderly := []int{0, 3, 65, 66, 69, 73, 75, 76, 77}
	for range rounds(2, 200) {
		b := newBench(t).with("AT", account{garble(t, source.Addr(), rnd), "joe"}.options()+" --timeout 1s")
		o := b.sh(`imap-fetch $AT >mail`)
		if !slices.Contains(orderly, o.exit) || strings.Contains(o.stderr, "goroutine ") || strings.Contains(o.stderr, "a bug:") {
			t.Errorf("not an orderly end\n%s", o)
		}
		if !utf8.ValidString(o.stderr) || strings.ContainsFunc(strings.ReplaceAll(o.stderr, "\n", ""), unicode.IsControl) {
			t.Errorf("raw octets on stderr: %q", limit(o.stderr, 2000))
		}
		if octets := b.read("mail"); len(octets) > 0 {
			if read := b.sh(`imap-diff --report mail mail >report`); read.exit != 0 && read.exit != o.exit && read.exit != 65 {
				t.Errorf("fetched with %d, read with\n%s", o.exit, read)
			}
		}
	}
}
