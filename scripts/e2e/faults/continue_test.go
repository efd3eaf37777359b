package faults

import (
	"bytes"
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// export is a source large enough for a file of several frames.
func export(t *testing.T) harness.Account {
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(r, "src")
	spec := harness.WithOdd(harness.Mail(1200))
	spec.Folders = append(spec.Folders, imaptest.Folder{Path: "Attachments", Messages: imaptest.GenerateMixed(8, 250)})
	large := imaptest.Folder{Path: "Large"}
	for i, m := range harness.Large(t) {
		again := m
		again.InternalDate = harness.Day(i)
		large.Messages = append(large.Messages, m, again)
	}
	spec.Folders = append(spec.Folders, large)
	src.Fill(t, spec)
	return src
}

const toFile = `imap-fetch -o mail.zst $SRC`

// TestContinued kills imap-fetch again and again; the same command goes on, and
// the file in the end is that of an uninterrupted run.
func TestContinued(t *testing.T) {
	t.Parallel()
	src := export(t)
	b := harness.NewShell(t).With("SRC", src.Options())
	took := b.Sh(`imap-fetch -o whole.zst $SRC`).Wants(0).Took
	whole := b.Read("whole.zst")
	rnd := harness.Random(t)
	for round := range harness.Rounds(1, 20) {
		b := harness.NewShell(t).With("SRC", src.Options())
		kills, furthest := 1+rnd.IntN(4), int64(0)
		for range kills {
			s := b.Start(toFile)
			time.Sleep(time.Duration(rnd.Int64N(int64(took))))
			if rnd.IntN(3) == 0 {
				s.Signal(syscall.SIGINT)
			} else {
				s.Kill(0)
			}
			s.Wait(time.Minute)
			if info, err := os.Stat(b.Path("mail.zst.partial")); err == nil {
				furthest = max(furthest, info.Size())
			}
			if b.Exists("mail.zst") {
				break
			}
		}
		b.Sh(toFile).Wants(0)
		t.Logf("round %d: %d kills, %d of %d octets were there", round, kills, furthest, len(whole))
		if !bytes.Equal(b.Read("mail.zst"), whole) {
			t.Errorf("round %d: the file is another", round)
		}
		if b.Exists("mail.zst.partial") {
			t.Errorf("round %d: the partial file is left", round)
		}
	}
}

// TestContinuedFromAnyOctet cuts the partial file itself.
func TestContinuedFromAnyOctet(t *testing.T) {
	t.Parallel()
	src := export(t)
	proxy := imaptest.NewFaultProxy(t, src.Addr)
	b := harness.NewShell(t).With("SRC", src.By(proxy.Addr()).Options())
	b.Sh(`imap-fetch -o whole.zst $SRC`).Wants(0)
	whole := b.Read("whole.zst")
	all := proxy.Octets(imaptest.ToClient)
	rnd := harness.Random(t)
	places := harness.SomeOf(t, 1, []int{0, 1, len(whole) - 1, len(whole)})
	for range harness.Rounds(2, 40) {
		places = append(places, rnd.IntN(len(whole)))
	}
	for i, at := range places {
		partial := whole[:at:at]
		if i%2 == 1 {
			partial = append(partial, make([]byte, 5000)...) // a crash may leave zeros
		}
		b.Write("mail.zst.partial", partial)
		proxy.SetRules()
		b.Sh(`rm -f mail.zst; imap-fetch -o mail.zst $SRC`).Wants(0)
		if !bytes.Equal(b.Read("mail.zst"), whole) {
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
	server.Account("src").Fill(harness.Mail(100))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Sh(`imap-fetch -o whole.zst $SRC && imap-fetch --folder Sent -o sent.zst $SRC`).Wants(0)
	whole, sent := b.Read("whole.zst"), b.Read("sent.zst")
	b.Write("mail.zst.partial", sent)
	o := b.Sh(toFile).Says("--restart")
	if o.Exit == 0 || b.Exists("mail.zst") || !bytes.Equal(b.Read("mail.zst.partial"), sent) {
		t.Errorf("%s", o)
	}
	b.Sh(`imap-fetch --restart -o mail.zst $SRC`).Wants(0)
	if !bytes.Equal(b.Read("mail.zst"), whole) || b.Exists("mail.zst.partial") {
		t.Error("--restart makes another file")
	}
	b.Sh(`imap-fetch --folder Sent -o mail.zst $SRC`).Wants(0) // a whole file is replaced
	if !bytes.Equal(b.Read("mail.zst"), sent) {
		t.Error("the file was not replaced")
	}
}

// TestServerGoesAway: the partial file waits until the server is back.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	src := export(t)
	b := harness.NewShell(t).With("SRC", src.Options())
	b.Sh(`imap-fetch -o whole.zst $SRC`).Wants(0)
	proxy := imaptest.NewFaultProxy(t, src.Addr, imaptest.CutAfter(imaptest.ToClient, 12<<20), imaptest.CutAfter(imaptest.ToClient, 100).Each())
	away := b.With("SRC", src.By(proxy.Addr()).Options()+" --timeout 2s")
	o := away.Sh(toFile)
	if o.Exit == 0 || o.Exit == 3 || b.Exists("mail.zst") {
		t.Errorf("%s", o)
	}
	proxy.SetRules()
	away.Sh(toFile).Wants(0)
	// Only the address in its begin record differs.
	b.Sh(`imap-diff --report --equal whole.zst mail.zst >report`).Wants(0)
}

// TestFullDisk: an error, and no file that looks whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(500))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Env["DST"] = harness.Embedded(server, "dst").Options()
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
			b := b.ForTest(t)
			o := b.Sh(script)
			if o.Exit == 99 {
				t.Skip("SKIPPED: mounting takes root")
			}
			if o.Exit != 74 && o.Exit != 73 {
				t.Errorf("%s", o)
			}
			if b.Exists("mail.zst") || bytes.Contains([]byte(o.Stdout), []byte("mail.zst\n")) {
				t.Error("there is a file")
			}
		})
	}
	t.Run("receipts", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`imap-fetch $SRC | imap-diff $DST | imap-push $DST >/dev/full`).Wants(74)
		b.Sh(harness.Straight).Wants(0)
		harness.Equal(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	})
	t.Run("rejects", func(t *testing.T) {
		b := b.ForTest(t)
		b.Env = maps.Clone(b.Env)
		b.Env["DST"] = harness.Embedded(server, "other").Options()
		b.Sh(`imap-fetch $SRC | imap-diff $DST | imap-push --max-bytes 1 --rejects /dev/full $DST >receipts`).Wants(74)
		b.Sh(harness.Straight).Wants(0)
		harness.Equal(t, harness.Embedded(server, "src"), harness.Embedded(server, "other"))
	})
	t.Run("trace", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`imap-list --trace /dev/full $SRC`).Wants(0).Says("no space left")
	})
}
