package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// courierMail is an account of n letters that Courier can hold.
func courierMail(n int) imaptest.Spec {
	return imaptest.ForCourier(imaptest.Spread(imaptest.Generate(11, n)))
}

// deliver puts letters into a user's Maildir as a delivery agent does: no IMAP
// session knows of them yet.
func deliver(t *testing.T, r *imaptest.Real, user string, from, to int) {
	t.Helper()
	maildir := filepath.Join(r.Dir, "mail", user, "Maildir")
	for i := from; i < to; i++ {
		letter := fmt.Sprintf("Message-ID: <pop-%d@x.example>\nDate: Mon, 1 Jan 2024 10:00:%02d +0000\nFrom: a@x.example\nTo: b@x.example\nSubject: letter %d\n\nbody %d\n", i, i%60, i, i)
		name := filepath.Join(maildir, "new", fmt.Sprintf("%d.M%dP1.host", 1700000000+i, i))
		if err := os.WriteFile(name, []byte(letter), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("chown", "-R", "--reference="+maildir, filepath.Join(maildir, "new"))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
}

// neverSelected makes an account whose mail nobody has opened: the folder has
// no file of UIDs.
func neverSelected(t *testing.T, r *imaptest.Real, user string, n int) account {
	t.Helper()
	a := real(r, user)
	a.folders(t) // makes the Maildir
	deliver(t, r, user, 0, n)
	return a
}

// opened is an account of Courier whose INBOX has been SELECTed once, so that
// it has its UIDVALIDITY.
func opened(t *testing.T, r *imaptest.Real, user string) account {
	t.Helper()
	a := real(r, user)
	a.tell(t, "SELECT INBOX")
	return a
}

// TestCourierNeverSelected: what a POP3 user has is moved, by the straight
// pipeline, by way of a file, as a delta, and after a cut, and the folder still
// has no UIDs of its own.
func TestCourierNeverSelected(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := neverSelected(t, courier, "pop", 40)
	unopened := func() {
		t.Helper()
		if found, _ := filepath.Glob(filepath.Join(courier.Dir, "mail/pop/Maildir/courierimapuiddb")); found != nil {
			t.Errorf("the source was SELECTed: %s", found)
		}
	}
	mail := func(n int) (want []imaptest.Entry) {
		for _, e := range src.dump(t) {
			if len(want) < n {
				want = append(want, e)
			}
		}
		return want
	}

	dst := real(dovecot, "straight")
	b := between(t, src, dst)
	b.sh(straight).wants(0)
	same(t, mail(40), dst.dump(t))
	b.sh(straight).wants(0).appended(0)

	dst = real(dovecot, "offline")
	b = between(t, src, dst)
	b.sh(offline).wants(0)
	same(t, mail(40), dst.dump(t))
	b.sh(`imap-diff --report --equal $DST mail.zst`).wants(0)

	deliver(t, courier, "pop", 40, 50)
	b.sh(`imap-fetch --base mail.zst $SRC -o delta.zst && cat mail.zst delta.zst >both.zst && imap-diff $DST both.zst | imap-push $DST`).wants(0).appended(10)
	same(t, mail(50), dst.dump(t))
	b.sh(`imap-diff $DST both.zst | imap-push $DST`).wants(0).appended(0)
	same(t, mail(50), dst.dump(t))

	// A file that is not whole is continued, or its folder has failed.
	b.sh(`imap-fetch --level none $SRC -o plain && head -n 20 plain >cut.partial`).wants(0)
	b.sh(`imap-fetch --level none $SRC -o cut`).wants(0)
	cut := b.with("DST", real(dovecot, "cut").options())
	cut.sh(`imap-diff $DST cut | imap-push $DST`).wants(0)
	same(t, mail(50), real(dovecot, "cut").dump(t))
	b.sh(`head -n 20 plain >moved.partial`).wants(0)
	third, _ := filepath.Glob(filepath.Join(courier.Dir, "mail/pop/Maildir/*/1700000003.M3P1.host*"))
	if len(third) != 1 {
		t.Fatalf("files of the third letter: %q", third)
	}
	if err := os.Remove(third[0]); err != nil {
		t.Fatal(err)
	}
	b.sh(`imap-fetch --level none $SRC -o moved`).wants(3)
	if text := string(b.read("moved")); !strings.Contains(text, `"reason":"uidvalidity-changed"`) {
		t.Errorf("a cut file was continued behind another message:\n%s", text)
	}
	unopened()
}

// TestCourier: Courier as the source and as the destination, empty and again,
// straight and by way of a file, and an audit of both.
func TestCourier(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(dovecot, "src")
	src.fill(t, courierMail(200))
	want := src.dump(t)

	for name, script := range map[string]string{"straight": straight, "offline": offline} {
		t.Run("to-"+name, func(t *testing.T) {
			dst := opened(t, courier, name)
			b := between(t, src, dst)
			b.sh(script).wants(0)
			same(t, want, dst.dump(t))
			b.sh(script).wants(0).appended(0)
			b.sh(`imap-fetch $SRC | imap-diff --report --equal $DST`).wants(0)
			same(t, want, dst.dump(t))
		})
	}
	from := real(courier, "straight")
	for name, script := range map[string]string{"straight": straight, "offline": offline} {
		t.Run("from-"+name, func(t *testing.T) {
			dst := real(dovecot, "from-"+name)
			b := between(t, from, dst)
			b.sh(script).wants(0)
			same(t, want, dst.dump(t))
			b.sh(script).wants(0).appended(0)
		})
	}
	t.Run("mirror", func(t *testing.T) {
		dst := real(courier, "straight")
		dst.one(t, imaptest.Generate(12, 3)...)
		b := between(t, src, dst)
		b.sh(`imap-fetch $SRC -o src.zst && imap-diff --delete-extra=all $DST src.zst | imap-push --allow delete $DST`).wants(0)
		same(t, want, dst.dump(t))
	})
}

// TestCourierConnections: an address has four connections. Several pipelines
// at once wait for one, or say 75, and lose and double nothing.
func TestCourierConnections(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	var benches []*bench
	var accounts []account
	var wants [][]imaptest.Entry
	for i := range 3 {
		src, dst := real(dovecot, fmt.Sprint("src", i)), opened(t, courier, fmt.Sprint("dst", i))
		src.fill(t, imaptest.ForCourier(imaptest.Spread(imaptest.Generate(uint64(20+i), 40))))
		benches, accounts, wants = append(benches, between(t, src, dst)), append(accounts, dst), append(wants, src.dump(t))
	}
	ended := make(chan *outcome, len(benches))
	for _, b := range benches {
		go func() { ended <- b.sh(straight) }()
	}
	for range benches {
		if o := <-ended; o.exit != 0 && o.exit != 75 {
			t.Errorf("beside others: %s", o)
		}
	}
	for i, b := range benches {
		b.sh(straight).wants(0)
		same(t, wants[i], accounts[i].dump(t))
	}

	t.Run("none left", func(t *testing.T) {
		var held []net.Conn
		for range 4 {
			conn, err := net.Dial("tcp", courier.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Read(make([]byte, 4))
			held = append(held, conn)
		}
		b := benches[0]
		b.sh(`imap-list --retries 1 $DST`).wants(75)
		time.AfterFunc(2*time.Second, func() {
			for _, conn := range held {
				conn.Close()
			}
		})
		b.sh(straight).wants(0).appended(0)
		same(t, wants[0], accounts[0].dump(t))
	})
}

// TestCourierKilled ends one process of the pipeline with SIGKILL, or
// imap-push's connection, at any time.
func TestCourierKilled(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{PerIP: "20"})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(dovecot, "src")
	src.fill(t, courierMail(300))
	want := src.dump(t)
	rnd := random(t)
	for round := range rounds(1, 20) {
		stage := 3 - round%4
		t.Run(fmt.Sprint(stage, "-", round), func(t *testing.T) {
			dst := opened(t, courier, fmt.Sprint("killed", round))
			b := between(t, src, dst)
			s := b.start(straightStages...)
			time.Sleep(time.Duration(rnd.Int64N(int64(4 * time.Second))))
			s.kill(stage)
			codes := s.wait(time.Minute)
			t.Logf("%d messages had arrived, exit codes %v", len(dst.dump(t)), codes)
			b.ends(t, codes[3], s, want, dst)
		})
		t.Run(fmt.Sprint("cut-", round), func(t *testing.T) {
			dst := opened(t, courier, fmt.Sprint("cut", round))
			rule := imaptest.CutAfter(imaptest.ToServer, 1000+rnd.Int64N(900_000))
			proxy := imaptest.NewFaultProxy(t, dst.addr, rule)
			b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
			run := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"}))
			t.Logf("%v fired %d: exit %d", rule, proxy.Fired(), run.exit)
			b.ends(t, run.exit, run, want, dst)
		})
	}
}
