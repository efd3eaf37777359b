package e2e

import (
	"bytes"
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// export is a source large enough for a file of several frames.
func export(t *testing.T) account {
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(r, "src")
	spec := withOdd(mail(1200))
	spec.Folders = append(spec.Folders, imaptest.Folder{Path: "Attachments", Messages: imaptest.GenerateMixed(8, 250)})
	var large imaptest.Folder
	for i, c := range imaptest.Ugly() {
		if c.Large {
			large.Messages = append(large.Messages, c.Message(i), c.Message(i+1))
		}
	}
	large.Path = "Large"
	spec.Folders = append(spec.Folders, large)
	src.fill(t, spec)
	return src
}

const toFile = `imap-fetch -o mail.zst $SRC`

// TestContinued kills imap-fetch again and again; the same command goes on, and
// the file in the end is that of an uninterrupted run.
func TestContinued(t *testing.T) {
	t.Parallel()
	src := export(t)
	b := newBench(t).with("SRC", src.options())
	took := b.sh(`imap-fetch -o whole.zst $SRC`).wants(0).took
	whole := b.read("whole.zst")
	rnd := random(t)
	for round := range rounds(1, 20) {
		b := newBench(t).with("SRC", src.options())
		kills, furthest := 1+rnd.IntN(4), int64(0)
		for range kills {
			s := b.start(toFile)
			time.Sleep(time.Duration(rnd.Int64N(int64(took))))
			if rnd.IntN(3) == 0 {
				s.signal(syscall.SIGINT)
			} else {
				s.kill(0)
			}
			s.wait(time.Minute)
			if info, err := os.Stat(b.path("mail.zst.partial")); err == nil {
				furthest = max(furthest, info.Size())
			}
			if b.exists("mail.zst") {
				break
			}
		}
		b.sh(toFile).wants(0)
		t.Logf("round %d: %d kills, %d of %d octets were there", round, kills, furthest, len(whole))
		if !bytes.Equal(b.read("mail.zst"), whole) {
			t.Errorf("round %d: the file is another", round)
		}
		if b.exists("mail.zst.partial") {
			t.Errorf("round %d: the partial file is left", round)
		}
	}
}

// TestContinuedFromAnyOctet cuts the partial file itself.
func TestContinuedFromAnyOctet(t *testing.T) {
	t.Parallel()
	src := export(t)
	proxy := imaptest.NewFaultProxy(t, src.addr)
	b := newBench(t).with("SRC", src.by(proxy.Addr()).options())
	b.sh(`imap-fetch -o whole.zst $SRC`).wants(0)
	whole := b.read("whole.zst")
	all := proxy.Octets(imaptest.ToClient)
	rnd := random(t)
	places := someOf(t, 1, []int{0, 1, len(whole) - 1, len(whole)})
	for range rounds(2, 40) {
		places = append(places, rnd.IntN(len(whole)))
	}
	for i, at := range places {
		partial := whole[:at:at]
		if i%2 == 1 {
			partial = append(partial, make([]byte, 5000)...) // a crash may leave zeros
		}
		b.write("mail.zst.partial", partial)
		proxy.SetRules()
		b.sh(`rm -f mail.zst; imap-fetch -o mail.zst $SRC`).wants(0)
		if !bytes.Equal(b.read("mail.zst"), whole) {
			t.Errorf("from %d octets (case %d) comes another file", at, i)
		}
		if got := proxy.Octets(imaptest.ToClient); at > len(whole)*3/4 && got > all/2 {
			t.Errorf("from %d of %d octets: %d were fetched, %d for all", at, len(whole), got, all)
		}
	}
}

// TestRestart begins anew; without it, the partial file of another export is
// not touched.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(mail(100))
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.sh(`imap-fetch -o whole.zst $SRC && imap-fetch --folder Sent -o sent.zst $SRC`).wants(0)
	whole, sent := b.read("whole.zst"), b.read("sent.zst")
	b.write("mail.zst.partial", sent)
	o := b.sh(toFile).says("--restart")
	if o.exit == 0 || b.exists("mail.zst") || !bytes.Equal(b.read("mail.zst.partial"), sent) {
		t.Errorf("%s", o)
	}
	b.sh(`imap-fetch --restart -o mail.zst $SRC`).wants(0)
	if !bytes.Equal(b.read("mail.zst"), whole) || b.exists("mail.zst.partial") {
		t.Error("--restart makes another file")
	}
	b.sh(`imap-fetch --folder Sent -o mail.zst $SRC`).wants(0) // a whole file is replaced
	if !bytes.Equal(b.read("mail.zst"), sent) {
		t.Error("the file was not replaced")
	}
}

// TestServerGoesAway: the partial file waits until the server is back.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	src := export(t)
	b := newBench(t).with("SRC", src.options())
	b.sh(`imap-fetch -o whole.zst $SRC`).wants(0)
	proxy := imaptest.NewFaultProxy(t, src.addr, imaptest.CutAfter(imaptest.ToClient, 12<<20), imaptest.CutAfter(imaptest.ToClient, 100).Each())
	away := b.with("SRC", src.by(proxy.Addr()).options()+" --timeout 2s")
	o := away.sh(toFile)
	if o.exit == 0 || o.exit == 3 || b.exists("mail.zst") {
		t.Errorf("%s", o)
	}
	proxy.SetRules()
	away.sh(toFile).wants(0)
	// Only the address in its begin record differs.
	b.sh(`imap-diff --report --equal whole.zst mail.zst >report`).wants(0)
}

// TestFullDisk: an error, and no file that looks whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(mail(500))
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.env["DST"] = embedded(server, "dst").options()
	for name, script := range map[string]string{
		"limit":       `ulimit -f 200; imap-fetch -o mail.zst $SRC`,
		"dev full":    `imap-fetch -o /dev/full $SRC`,
		"stdout":      `imap-fetch $SRC >/dev/full`,
		"list":        `imap-list $SRC >/dev/full`,
		"diff":        `imap-fetch $SRC | (ulimit -f 200; imap-diff -o mail.zst $DST)`,
		"no folder":   `imap-fetch -o nonesuch/mail.zst $SRC`,
		"report":      `imap-fetch --headers $SRC | imap-diff --report --format ndjson $DST >/dev/full`,
		"read-only":   `imap-fetch -o /proc/mail.zst $SRC`,
		"small tmpfs": `mkdir -p small && mount -t tmpfs -o size=300k none small 2>/dev/null || exit 99; imap-fetch -o small/mail.zst $SRC; code=$?; ls small; umount small; exit $code`,
	} {
		t.Run(name, func(t *testing.T) {
			b := b.forTest(t)
			o := b.sh(script)
			if o.exit == 99 {
				t.Skip("SKIPPED: mounting takes root")
			}
			if o.exit != 74 && o.exit != 73 {
				t.Errorf("%s", o)
			}
			if b.exists("mail.zst") || bytes.Contains([]byte(o.stdout), []byte("mail.zst\n")) {
				t.Error("there is a file")
			}
		})
	}
	t.Run("receipts", func(t *testing.T) {
		b := b.forTest(t)
		b.sh(`imap-fetch $SRC | imap-diff $DST | imap-push $DST >/dev/full`).wants(74)
		b.sh(straight).wants(0)
		equal(t, embedded(server, "src"), embedded(server, "dst"))
	})
	t.Run("rejects", func(t *testing.T) {
		b := b.forTest(t)
		b.env = maps.Clone(b.env)
		b.env["DST"] = embedded(server, "other").options()
		b.sh(`imap-fetch $SRC | imap-diff $DST | imap-push --max-bytes 1 --rejects /dev/full $DST >receipts`).wants(74)
		b.sh(straight).wants(0)
		equal(t, embedded(server, "src"), embedded(server, "other"))
	})
	t.Run("trace", func(t *testing.T) {
		b := b.forTest(t)
		b.sh(`imap-list --trace /dev/full $SRC`).wants(0).says("no space left")
	})
}
