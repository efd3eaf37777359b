package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
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
	server.Account("src").Fill(mail(5))
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.env["DST"] = embedded(server, "dst").options()
	b.sh(`imap-fetch -o mail.zst $SRC && imap-diff -o plan.zst $DST mail.zst`).wants(0)
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
			b := b.with("AT", at+" --user joe")
			b.t = t
			for _, line := range []string{`imap-list $AT`, `imap-fetch $AT -o out`, `imap-diff $AT mail.zst`, `imap-push $AT plan.zst`} {
				o := b.sh(line + ` >/dev/null`).wants(69)
				if strings.TrimSpace(o.stderr) == "" {
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
	server.Account("src").Fill(mail(50))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	proxy := imaptest.StartSocks(t, imaptest.SocksOptions{Target: server.Addr(), User: "joe", Password: "canary"})
	by := "--host hidden.example --tls none --proxy socks5://joe@" + proxy.Addr() + " --user "
	b := newBench(t).with("SRC", by+"src").with("DST", by+"dst")
	b.sh(straight).wants(66).says("IMAP_PROXY_PASSWORD")
	b = b.with("IMAP_PROXY_PASSWORD", "canary")
	if o := b.sh(straight).wants(0).appended(50).says("imap-push: warning: the connection to hidden.example is not encrypted: others on the way can read the password and all mail"); strings.Contains(o.stderr, "canary") {
		t.Error("the password is told")
	}
	equal(t, src, dst)
	for _, name := range proxy.Asked() {
		if name != "hidden.example" {
			t.Errorf("the proxy was asked for %q", name)
		}
	}
	b.with("IMAP_PROXY_PASSWORD", "wrong").sh(`imap-list $SRC`).wants(69)
	// ALL_PROXY is for others, and nobody is between us and the loopback address.
	if o := between(t, src, dst).with("ALL_PROXY", "socks5://127.0.0.1:1").sh(`imap-list $SRC`).wants(0); strings.Contains(o.stderr, "encrypted") {
		t.Error(o)
	}
}

// TestCompress: with COMPRESS=DEFLATE fewer octets go over the line, and all
// that arrives is the same; automatically where the line is slow.
func TestCompress(t *testing.T) {
	t.Parallel()
	for name, start := range some(t, 1, realServers("src", "plain", "packed", "slow")) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			src := real(r, "src")
			spec := mail(200)
			if name == "cyrus" {
				spec.Folders = withoutFolder(spec.Folders, quotedPath)
			}
			src.fill(t, spec)
			toServer := map[string]int64{}
			toClient := map[string]int64{}
			for user, mode := range map[string]string{"plain": "never", "packed": "always", "slow": "auto"} {
				dst := real(r, user)
				near, far := r.Addr, r.Addr
				if mode == "auto" { // behind the proxies that count
					near = imaptest.NewDelayProxy(t, r.Addr, 40*time.Millisecond, 0).Addr()
					far = near
				}
				in, out := imaptest.NewFaultProxy(t, near), imaptest.NewFaultProxy(t, far)
				b := newBench(t).with("SRC", src.by(in.Addr()).options()+" --compress "+mode).with("DST", dst.by(out.Addr()).options()+" --compress "+mode)
				b.sh(straight).wants(0)
				b.sh(straight).wants(0).appended(0)
				inOrder(t, src.dump(t), dst.dump(t))
				toServer[user], toClient[user] = out.Octets(imaptest.ToServer), in.Octets(imaptest.ToClient)
			}
			t.Logf("to the server %v, to the client %v", toServer, toClient)
			for _, user := range []string{"packed", "slow"} {
				if 2*toServer[user] > toServer["plain"] || 2*toClient[user] > toClient["plain"] {
					t.Errorf("%s: to the server %v, to the client %v", user, toServer, toClient)
				}
			}
			b := newBench(t).with("SRC", src.options())
			b.sh(`imap-list --compress always --disable-cap COMPRESS=DEFLATE $SRC`).wants(0) // the later --compress counts
			b.sh(`imap-list $SRC --compress always --disable-cap COMPRESS=DEFLATE`).wants(76).says("COMPRESS=DEFLATE")
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
	src := real(r, "src")
	src.fill(t, mail(200))
	rnd := random(t)
	for round := range rounds(2, 20) {
		rule := imaptest.CutAfter(imaptest.ToServer, 1+rnd.Int64N(150_000))
		if round%2 == 1 {
			rule = imaptest.CutAfter(imaptest.ToClient, 1+rnd.Int64N(4_000))
		}
		t.Run(rule.String(), func(t *testing.T) {
			dst := real(r, fmt.Sprint("dst", round))
			proxy := imaptest.NewFaultProxy(t, r.Addr, rule)
			b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options()+" --compress always")
			o := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"}))
			t.Logf("fired %d, exit %d", proxy.Fired(), o.exit)
			dst.settle(t)
			b.sh(straight).wants(0)
			equal(t, src, dst)
		})
	}
}
