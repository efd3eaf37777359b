package login

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// tries runs imap-list on joe's account, which holds three messages and is
// nobody else's, and demands exit 0 and these three, or another code and texts.
type try struct {
	name   string
	script string
	exit   int
	says   []string
}

func tryAll(b *harness.Shell, t *testing.T, list []try) {
	t.Helper()
	for _, x := range list {
		t.Run(x.name, func(t *testing.T) {
			b := b.ForTest(t)
			o := b.Sh(x.script).Wants(x.exit).Says(x.says...)
			if inbox := `"name":"INBOX"`; x.exit == 0 && (!strings.Contains(o.Stdout, inbox) || !strings.Contains(o.Stdout, `"messages":3`)) {
				t.Errorf("not joe's account:\n%s", o.Stdout)
			}
			if x.exit != 0 && o.Stdout != "" {
				t.Errorf("stdout: %s", o.Stdout)
			}
		})
	}
}

// joes is a server's account of joe with three messages in INBOX, made by
// LOGIN, and a shell whose $AT reaches the server.
func joes(t *testing.T, r *imaptest.Real, options string) *harness.Shell {
	t.Helper()
	spec := imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(7, 3)}}}
	harness.Real(r, "joe").Fill(t, spec)
	return harness.NewShell(t).With("AT", options).With("PIN", "--tls-pin sha256:"+r.Pin)
}

// TestDovecotMaster: an administrator logs in for joe, by an authorization
// identity and by a user name that holds both.
func TestDovecotMaster(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{
		Files: map[string]string{"masters": "boss:{PLAIN}boss-secret\n"},
		Extra: "auth_master_user_separator = *\npassdb {\n  driver = passwd-file\n  args = @DIR@/masters\n  master = yes\n}\n",
	})
	b := joes(t, r, "--tls none --host "+r.Addr).With("IMAP_PASSWORD", "boss-secret")
	tryAll(b, t, []try{
		{"by default", `imap-list $AT --user joe --auth-user boss`, 0, nil},
		{"PLAIN", `imap-list $AT --user joe --auth-user boss --auth plain`, 0, nil},
		{"SCRAM", `imap-list $AT --user joe --auth-user boss --auth scram-sha-256`, 0, nil},
		{"TLS", `imap-list --host ` + r.TLSAddr + ` $PIN --user joe --auth-user boss`, 0, nil},
		{"user*master", `imap-list $AT --user 'joe*boss'`, 0, nil},
		{"user*master, LOGIN", `imap-list $AT --user 'joe*boss' --auth login`, 0, nil},
		{"another password", `IMAP_PASSWORD=wrong imap-list $AT --user joe --auth-user boss --auth plain`, 77, []string{"login of boss for joe@127.0.0.1 by PLAIN refused"}},
		{"no master", `imap-list $AT --user joe --auth-user ann`, 77, []string{"ann for joe@"}},
		{"LOGIN cannot", `imap-list $AT --user joe --auth-user boss --auth login`, 64, []string{`login cannot log "boss" in for "joe"`}},
		{"CRAM-MD5 cannot", `imap-list $AT --user joe --auth-user boss --auth cram-md5`, 64, nil},
		{"no PROXYAUTH", `IMAP_PASSWORD=secret imap-list $AT --user joe --auth-user ann --proxyauth`, 77, []string{"PROXYAUTH of ann for joe@", "BAD"}},
	})
	// All four commands, through a whole migration.
	full := harness.Between(t, harness.Real(r, "joe"), harness.Real(r, "ann"))
	full.Env["SRC"] += " --auth-user boss"
	full.Env["DST"] += " --auth-user boss"
	full = full.With("IMAP_PASSWORD", "boss-secret")
	full.Sh(harness.Straight).Wants(0).Appended(3)
	harness.Equal(t, harness.Real(r, "joe"), harness.Real(r, "ann"))
}

// TestCyrusAdmin: the administrator of Cyrus logs in for joe.
func TestCyrusAdmin(t *testing.T) {
	t.Parallel()
	r := imaptest.StartCyrus(t, imaptest.CyrusOptions{TLS: true, Mechanisms: "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256"})
	b := joes(t, r, "--host "+r.Addr+" --tls starttls --user joe")
	tryAll(b, t, []try{
		{"by default", `imap-list $AT $PIN --auth-user cyrus`, 0, nil},
		{"PLAIN", `imap-list $AT $PIN --auth-user cyrus --auth plain`, 0, nil},
		{"SCRAM", `imap-list $AT $PIN --auth-user cyrus --auth scram-sha-256`, 0, nil},
		{"no administrator", `imap-list $AT $PIN --auth-user ann --auth plain`, 77, []string{"ann for joe@"}},
		{"no PROXYAUTH", `imap-list $AT $PIN --auth-user cyrus --proxyauth`, 77, []string{"PROXYAUTH of cyrus for joe@"}},
	})
}

// TestCyrusScram: all that Cyrus has, with channel binding where it has that.
func TestCyrusScram(t *testing.T) {
	t.Parallel()
	const mechanisms = "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512"
	for version, fails := range map[string]int{"tls1_2": 0, "tls1_3": 77} { // see VIOLATIONS.md
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := imaptest.StartCyrus(t, imaptest.CyrusOptions{TLS: true, Mechanisms: mechanisms, Extra: "tls_versions: " + version})
			b := joes(t, r, "--host "+r.Addr+" --tls starttls --user joe --trace -")
			shown := map[int]string{0: "AUTHENTICATE SCRAM-SHA-512-PLUS", 77: "AUTHENTICATE SCRAM-SHA-512 "}[fails]
			tryAll(b, t, []try{
				{"by default", `imap-list $AT $PIN`, 0, []string{shown}},
				{"without TLS", `imap-list $AT --tls none`, 0, []string{"AUTHENTICATE SCRAM-SHA-512 "}},
				{"SHA-1", `imap-list $AT $PIN --auth scram-sha-1`, 0, nil},
				{"SHA-256", `imap-list $AT $PIN --auth scram-sha-256`, 0, nil},
				{"SHA-256-PLUS", `imap-list $AT $PIN --auth scram-sha-256-plus`, fails, nil},
				{"CRAM-MD5", `imap-list $AT $PIN --auth cram-md5`, 0, nil},
				{"wrong password", `IMAP_PASSWORD=wrong imap-list $AT $PIN --auth scram-sha-256`, 77, []string{"by SCRAM-SHA-256 refused"}},
			})
		})
	}
}

// doveadm makes a password as Dovecot stores it.
func doveadm(t *testing.T, scheme, password string) string {
	t.Helper()
	out, err := exec.Command("doveadm", "pw", "-s", scheme, "-p", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestDovecotScram: a server that has nothing but what SCRAM leaves of a
// password.
func TestDovecotScram(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("doveadm"); err != nil {
		t.Skip("SKIPPED: no doveadm")
	}
	for _, hash := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		r := imaptest.StartDovecot(t, imaptest.DovecotOptions{
			Passdb: "driver = passwd-file\n  args = @DIR@/users",
			Files:  map[string]string{"users": "joe:" + doveadm(t, hash, "secret") + "\nann:" + doveadm(t, hash, "pä$$\"w\\ö=,rd") + "\nold:" + doveadm(t, "SSHA256", "secret") + "\n"},
			Extra:  "auth_mechanisms = plain login cram-md5 " + strings.ToLower(hash),
		})
		b := joes(t, r, "--tls none --host "+r.Addr)
		tryAll(b, t, []try{
			{hash, `imap-list $AT --user joe --trace -`, 0, []string{"AUTHENTICATE " + hash}},
			{hash + ", PLAIN", `imap-list $AT --user joe --auth plain`, 0, nil},
			{hash + ", TLS", `imap-list --host ` + r.TLSAddr + ` $PIN --user joe`, 0, nil},
			{hash + ", wrong", `IMAP_PASSWORD=wrong imap-list $AT --user joe`, 77, []string{"joe@127.0.0.1 by " + hash + " refused"}},
			{hash + ", CRAM-MD5 cannot", `imap-list $AT --user joe --auth cram-md5`, 77, nil},
			{hash + ", stored otherwise", `imap-list $AT --user old`, 77, []string{"--auth plain"}},
		})
		b.With("IMAP_PASSWORD", "pä$$\"w\\ö=,rd").Sh(`imap-list $AT --user ann`).Wants(0)
		b.Sh(`imap-list $AT --user old --auth plain`).Wants(0)
	}
}

// TestDovecotCramMD5: only where it is named.
func TestDovecotCramMD5(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "auth_mechanisms = cram-md5 plain"})
	b := joes(t, r, "--tls none --user joe --trace - --host "+r.Addr)
	tryAll(b, t, []try{
		{"by default", `imap-list $AT`, 0, []string{"AUTHENTICATE PLAIN"}},
		{"named", `imap-list $AT --auth cram-md5`, 0, []string{"AUTHENTICATE CRAM-MD5"}},
		{"wrong password", `IMAP_PASSWORD=wrong imap-list $AT --auth cram-md5`, 77, []string{"by CRAM-MD5 refused"}},
	})
}

// provider is who checks tokens for Dovecot (RFC 7662): a map of tokens to
// users that may change.
type provider struct {
	mu     sync.Mutex
	tokens map[string]string
	asked  int
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	token := r.FormValue("token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = bearer
	}
	user := p.tokens[token]
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"active": user != "", "username": user, "scope": "mail"})
}

func (p *provider) set(tokens map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = tokens
}

// startProvider serves on a free port of 127.0.0.1.
func startProvider(t *testing.T, tokens map[string]string) (*provider, string) {
	t.Helper()
	p := &provider{tokens: tokens}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return p, "http://" + listener.Addr().String()
}

// TestDovecotOAuth: a Dovecot that has tokens checked.
func TestDovecotOAuth(t *testing.T) {
	t.Parallel()
	const token = "ya29.a-_~+/tok=="
	long := strings.Repeat("long-token.", 530) // nearly what Dovecot takes
	p, url := startProvider(t, map[string]string{token: "joe", long: "joe", "anns": "ann"})
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{
		Files: map[string]string{"oauth2": "introspection_mode = post\nintrospection_url = " + url + "/introspect\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n"},
		Extra: "auth_mechanisms = plain scram-sha-256 oauthbearer xoauth2\npassdb {\n  driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = @DIR@/oauth2\n}\n",
	})
	b := joes(t, r, "--tls none --user joe --trace trace --host "+r.Addr)
	b.Write("token", []byte(token+"\n"))
	b.Write("long", []byte(long+"\n"))
	tryAll(b, t, []try{
		{"by default", `imap-list $AT --token-command 'cat token'`, 0, nil},
		{"OAUTHBEARER", `imap-list $AT --token-command 'cat token' --auth oauthbearer`, 0, nil},
		{"XOAUTH2", `imap-list $AT --token-command 'cat token' --auth xoauth2`, 0, nil},
		{"TLS", `imap-list --host ` + r.TLSAddr + ` $PIN --user joe --token-command 'cat token'`, 0, nil},
		{"of nearly 8 kB as sent", `imap-list $AT --token-command 'cat long'`, 0, nil},
		{"refused, OAUTHBEARER", `imap-list $AT --token-command 'echo expired' --auth oauthbearer`, 77, []string{"by OAUTHBEARER refused", `"status":"invalid_token"`}},
		{"refused, XOAUTH2", `imap-list $AT --token-command 'echo expired' --auth xoauth2`, 77, []string{"by XOAUTH2 refused", `"status":"`}},
		{"of another", `imap-list $AT --token-command 'echo anns'`, 77, nil},
		{"sees the account", `imap-list $AT --token-command 'test "$IMAP_USER@$IMAP_HOST" = joe@127.0.0.1 && cat token'`, 0, nil},
		{"fails", `imap-list $AT --token-command 'exit 9'`, 66, []string{"--token-command failed for joe@127.0.0.1: exit status 9"}},
		{"JSON", `imap-list $AT --token-command 'echo "{\"access_token\":\"x\"}"'`, 66, []string{"jq -r .access_token"}},
	})
	if trace := string(b.Read("trace")); strings.Contains(trace, token) || strings.Contains(trace, "long-token") || !strings.Contains(trace, "AUTHENTICATE XOAUTH2 <redacted>") {
		t.Errorf("trace:\n%s", harness.Shorten(trace, 4000))
	}
	if p.asked == 0 {
		t.Error("nobody asked whether a token is good")
	}
	tokenMidway(t, r, p)
}

// tokenMidway cuts the connections of a migration when the token has changed:
// the command gives the new one at each reconnect.
func tokenMidway(t *testing.T, r *imaptest.Real, p *provider) {
	harness.Real(r, "many").Fill(t, imaptest.Spread(imaptest.Generate(3, 60)))
	proxy := imaptest.NewFaultProxy(t, r.Addr, imaptest.CutAfter(imaptest.ToClient, 60_000))
	b := harness.NewShell(t).With("AT", fmt.Sprintf("--tls none --user many --host %s", proxy.Addr()))
	b.Write("next", []byte("0"))
	tokens := map[string]string{}
	for i := range 9 {
		tokens[fmt.Sprint("t", i)] = "many"
	}
	p.set(tokens)
	// Each token is good once: the command counts, and the third is stale.
	b.Write("give", []byte("n=$(cat next); echo $((n + 1)) > next; if [ $n = 1 ]; then echo stale; else echo t$n; fi\n"))
	b.Sh(`imap-fetch $AT --token-command 'sh give' -o mail.zst`).Wants(0)
	if proxy.Fired() == 0 || strings.TrimSpace(string(b.Read("next"))) != "3" {
		t.Errorf("cut %d times, asked %s times", proxy.Fired(), b.Read("next"))
	}
}

// TestDovecotExternal: a certificate in place of a password.
func TestDovecotExternal(t *testing.T) {
	t.Parallel()
	joe, err := imaptest.NewClientCertificate("joe")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := imaptest.NewClientCertificate("joe")
	if err != nil {
		t.Fatal(err)
	}
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{
		Files: map[string]string{"clients.pem": string(joe.PEM)},
		Extra: "auth_mechanisms = plain external\nssl_ca = <@DIR@/clients.pem\nssl_verify_client_cert = yes\nssl_require_crl = no\nauth_ssl_username_from_cert = yes\n" +
			"passdb {\n  driver = static\n  mechanisms = external\n  args = nopassword\n}\n",
	})
	b := joes(t, r, "--user joe --host "+r.TLSAddr)
	for name, c := range map[string]*imaptest.Certificate{"joe": joe, "stranger": stranger} {
		b.Write(name+".pem", c.PEM)
		b.Write(name+".key", c.KeyPEM)
		b.Write(name+".both", append(append([]byte(nil), c.KeyPEM...), c.PEM...))
	}
	delete(b.Env, "IMAP_PASSWORD")
	tryAll(b, t, []try{
		{"key apart", `imap-list $AT $PIN --auth external --tls-cert joe.pem --tls-key joe.key`, 0, nil},
		{"key in the same file", `imap-list $AT $PIN --auth external --tls-cert joe.both`, 0, nil},
		{"STARTTLS", `imap-list --user joe --host ` + r.Addr + ` --tls starttls $PIN --auth external --tls-cert joe.both`, 0, nil},
		{"no certificate", `imap-list $AT $PIN --auth external`, 77, []string{"--tls-cert"}},
		{"somebody else's", `imap-list $AT $PIN --auth external --tls-cert stranger.both`, 77, []string{"by EXTERNAL refused"}},
		{"joe for ann", `imap-list --user ann --host ` + r.TLSAddr + ` $PIN --auth external --tls-cert joe.both`, 77, nil},
		{"no such file", `imap-list $AT $PIN --auth external --tls-cert nonesuch`, 66, []string{"nonesuch"}},
	})
}
