package login

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestNoConnection: a host that cannot be reached is 69, for each of the
// commands, and nobody hangs.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it is connected to, and nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	proxy := imaptest.StartSocks(t, imaptest.SocksOptions{Silent: true})
	refusing := imaptest.StartSocks(t, imaptest.SocksOptions{Refuse: 4})
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(5))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Env["DST"] = harness.Embedded(server, "dst").Options()
	b.Sh(`imap-fetch -o mail.zst $SRC && imap-diff -o plan.zst $DST mail.zst`).Wants(0)
	for name, at := range map[string]string{
		"a name that nobody has": "--host mail.invalid",
		"a closed port":          "--host " + closed.Addr().String(),
		"silence":                "--host " + silent.Addr().String() + " --timeout 300ms",
		"silence, plain":         "--tls none --host " + silent.Addr().String() + " --timeout 300ms",
		"a tiny timeout":         "--tls none --host " + silent.Addr().String() + " --timeout 1ns",
		"the other IP":           "-6 --host localhost:" + strings.TrimPrefix(closed.Addr().String(), "127.0.0.1:"),
		"a silent proxy":         "--host mail.example --proxy socks5://" + proxy.Addr() + " --timeout 300ms",
		"a refusing proxy":       "--host mail.example --proxy socks5://" + refusing.Addr(),
		"no proxy":               "--host mail.example --proxy socks5://" + closed.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			b := b.With("AT", at+" --user joe")
			b.T = t
			for _, line := range []string{`imap-list $AT`, `imap-fetch $AT -o out`, `imap-diff $AT mail.zst`, `imap-push $AT plan.zst`} {
				o := b.Sh(line + ` >/dev/null`).Wants(69)
				if strings.TrimSpace(o.Stderr) == "" {
					t.Errorf("%s says nothing", line)
				}
			}
		})
	}
}

// TestProxy: the whole way by a proxy that alone knows the name.
func TestProxy(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(50))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	proxy := imaptest.StartSocks(t, imaptest.SocksOptions{Target: server.Addr(), User: "joe", Password: "canary"})
	by := "--host hidden.example --tls none --proxy socks5://joe@" + proxy.Addr() + " --user "
	b := harness.NewShell(t).With("SRC", by+"src").With("DST", by+"dst")
	b.Sh(harness.Straight).Wants(66).Says("IMAP_PROXY_PASSWORD")
	b = b.With("IMAP_PROXY_PASSWORD", "canary")
	if o := b.Sh(harness.Straight).Wants(0).Appended(50).Says("imap-push: warning: the connection to hidden.example is not encrypted: others on the way can read the password and all mail"); strings.Contains(o.Stderr, "canary") {
		t.Error("the password is told")
	}
	harness.Equal(t, src, dst)
	for _, name := range proxy.Asked() {
		if name != "hidden.example" {
			t.Errorf("the proxy was asked for %q", name)
		}
	}
	b.With("IMAP_PROXY_PASSWORD", "wrong").Sh(`imap-list $SRC`).Wants(69)
	// ALL_PROXY is for others, and nobody is between us and the loopback address.
	if o := harness.Between(t, src, dst).With("ALL_PROXY", "socks5://127.0.0.1:1").Sh(`imap-list $SRC`).Wants(0); strings.Contains(o.Stderr, "encrypted") {
		t.Error(o)
	}
}

// TestCompress: with COMPRESS=DEFLATE fewer octets go over the line, and all
// that arrives is the same; automatically where the line is slow.
func TestCompress(t *testing.T) {
	t.Parallel()
	for name, start := range harness.Some(t, 1, harness.RealServers("src", "plain", "packed", "slow")) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			src := harness.Real(r, "src")
			spec := harness.Mail(200)
			if name == "cyrus" {
				spec.Folders = withoutFolder(spec.Folders, harness.QuotedPath)
			}
			src.Fill(t, spec)
			toServer := map[string]int64{}
			toClient := map[string]int64{}
			for user, mode := range map[string]string{"plain": "never", "packed": "always", "slow": "auto"} {
				dst := harness.Real(r, user)
				near, far := r.Addr, r.Addr
				if mode == "auto" { // behind the proxies that count
					near = imaptest.NewDelayProxy(t, r.Addr, 40*time.Millisecond, 0).Addr()
					far = near
				}
				in, out := imaptest.NewFaultProxy(t, near), imaptest.NewFaultProxy(t, far)
				b := harness.NewShell(t).With("SRC", src.By(in.Addr()).Options()+" --compress "+mode).With("DST", dst.By(out.Addr()).Options()+" --compress "+mode)
				b.Sh(harness.Straight).Wants(0)
				b.Sh(harness.Straight).Wants(0).Appended(0)
				harness.InOrder(t, src.Dump(t), dst.Dump(t))
				toServer[user], toClient[user] = out.Octets(imaptest.ToServer), in.Octets(imaptest.ToClient)
			}
			t.Logf("to the server %v, to the client %v", toServer, toClient)
			for _, user := range []string{"packed", "slow"} {
				if 2*toServer[user] > toServer["plain"] || 2*toClient[user] > toClient["plain"] {
					t.Errorf("%s: to the server %v, to the client %v", user, toServer, toClient)
				}
			}
			b := harness.NewShell(t).With("SRC", src.Options())
			b.Sh(`imap-list --compress always --disable-cap COMPRESS=DEFLATE $SRC`).Wants(0) // the later --compress counts
			b.Sh(`imap-list $SRC --compress always --disable-cap COMPRESS=DEFLATE`).Wants(76).Says("COMPRESS=DEFLATE")
		})
	}
}

func withoutFolder(all []imaptest.Folder, path string) (some []imaptest.Folder) {
	for _, f := range all {
		if f.Path != path {
			some = append(some, f)
		}
	}
	return some
}

// TestCompressedLineBreaks: what is in doubt after a cut is looked up, on a line
// that nobody in between can read.
func TestCompressedLineBreaks(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(r, "src")
	src.Fill(t, harness.Mail(200))
	rnd := harness.Random(t)
	for round := range harness.Rounds(2, 20) {
		rule := imaptest.CutAfter(imaptest.ToServer, 1+rnd.Int64N(150_000))
		if round%2 == 1 {
			rule = imaptest.CutAfter(imaptest.ToClient, 1+rnd.Int64N(4_000))
		}
		t.Run(rule.String(), func(t *testing.T) {
			dst := harness.Real(r, fmt.Sprint("dst", round))
			proxy := imaptest.NewFaultProxy(t, r.Addr, rule)
			b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options()+" --compress always")
			o := b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"}))
			t.Logf("fired %d, exit %d", proxy.Fired(), o.Exit)
			dst.Settle(t)
			b.Sh(harness.Straight).Wants(0)
			harness.Equal(t, src, dst)
		})
	}
}
