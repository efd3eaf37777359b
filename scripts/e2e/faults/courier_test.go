package faults

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
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
func neverSelected(t *testing.T, r *imaptest.Real, user string, n int) harness.Account {
	t.Helper()
	a := harness.Real(r, user)
	a.Folders(t) // makes the Maildir
	deliver(t, r, user, 0, n)
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
		for _, e := range src.Dump(t) {
			if len(want) < n {
				want = append(want, e)
			}
		}
		return want
	}

	dst := harness.Real(dovecot, "straight")
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0)
	harness.Same(t, mail(40), dst.Dump(t))
	b.Sh(harness.Straight).Wants(0).Appended(0)

	dst = harness.Real(dovecot, "offline")
	b = harness.Between(t, src, dst)
	b.Sh(harness.Offline).Wants(0)
	harness.Same(t, mail(40), dst.Dump(t))
	b.Sh(`imap-diff --report --equal $DST mail.zst`).Wants(0)

	deliver(t, courier, "pop", 40, 50)
	b.Sh(`imap-fetch --base mail.zst $SRC -o delta.zst && cat mail.zst delta.zst >both.zst && imap-diff $DST both.zst | imap-push $DST`).Wants(0).Appended(10)
	harness.Same(t, mail(50), dst.Dump(t))
	b.Sh(`imap-diff $DST both.zst | imap-push $DST`).Wants(0).Appended(0)
	harness.Same(t, mail(50), dst.Dump(t))

	// A file that is not whole is continued, or its folder has failed.
	b.Sh(`imap-fetch --level none $SRC -o plain && head -n 20 plain >cut.partial`).Wants(0)
	b.Sh(`imap-fetch --level none $SRC -o cut`).Wants(0)
	cut := b.With("DST", harness.Real(dovecot, "cut").Options())
	cut.Sh(`imap-diff $DST cut | imap-push $DST`).Wants(0)
	harness.Same(t, mail(50), harness.Real(dovecot, "cut").Dump(t))
	b.Sh(`head -n 20 plain >moved.partial`).Wants(0)
	third, _ := filepath.Glob(filepath.Join(courier.Dir, "mail/pop/Maildir/*/1700000003.M3P1.host*"))
	if len(third) != 1 {
		t.Fatalf("files of the third letter: %q", third)
	}
	if err := os.Remove(third[0]); err != nil {
		t.Fatal(err)
	}
	b.Sh(`imap-fetch --level none $SRC -o moved`).Wants(3)
	if text := string(b.Read("moved")); !strings.Contains(text, `"reason":"uidvalidity-changed"`) {
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
	src := harness.Real(dovecot, "src")
	src.Fill(t, courierMail(200))
	want := src.Dump(t)

	for name, script := range map[string]string{"straight": harness.Straight, "offline": harness.Offline} {
		t.Run("to-"+name, func(t *testing.T) {
			dst := harness.Real(courier, name)
			b := harness.Between(t, src, dst)
			b.Sh(script).Wants(0)
			harness.Same(t, want, dst.Dump(t))
			b.Sh(script).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC | imap-diff --report --equal $DST`).Wants(0)
			harness.Same(t, want, dst.Dump(t))
		})
	}
	from := harness.Real(courier, "straight")
	for name, script := range map[string]string{"straight": harness.Straight, "offline": harness.Offline} {
		t.Run("from-"+name, func(t *testing.T) {
			dst := harness.Real(dovecot, "from-"+name)
			b := harness.Between(t, from, dst)
			b.Sh(script).Wants(0)
			harness.Same(t, want, dst.Dump(t))
			b.Sh(script).Wants(0).Appended(0)
		})
	}
	t.Run("mirror", func(t *testing.T) {
		dst := harness.Real(courier, "straight")
		dst.One(t, imaptest.Generate(12, 3)...)
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch $SRC -o src.zst && imap-diff --delete-extra=all $DST src.zst | imap-push $DST`).Wants(3).Says("--allow delete")
		b.Sh(`imap-diff --delete-extra=all $DST src.zst | imap-push --allow delete --max-delete 2 $DST`).Wants(3).Says("not removed")
		b.Sh(`imap-diff --delete-extra=all $DST src.zst | imap-push --allow delete $DST`).Wants(0).Says("3 deleted")
		harness.Same(t, want, dst.Dump(t))
	})
}

// TestCourierConnections: an address has four connections. Several pipelines
// at once wait for one, or say 75, and lose and double nothing.
func TestCourierConnections(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	var benches []*harness.Shell
	var accounts []harness.Account
	var wants [][]imaptest.Entry
	for i := range 3 {
		src, dst := harness.Real(dovecot, fmt.Sprint("src", i)), harness.Real(courier, fmt.Sprint("dst", i))
		src.Fill(t, imaptest.ForCourier(imaptest.Spread(imaptest.Generate(uint64(20+i), 40))))
		benches, accounts, wants = append(benches, harness.Between(t, src, dst)), append(accounts, dst), append(wants, src.Dump(t))
	}
	ended := make(chan *harness.Outcome, len(benches))
	for _, b := range benches {
		go func() { ended <- b.Sh(harness.Straight) }()
	}
	for range benches {
		if o := <-ended; o.Exit != 0 && o.Exit != 75 {
			t.Errorf("beside others: %s", o)
		}
	}
	for i, b := range benches {
		b.Sh(harness.Straight).Wants(0)
		harness.Same(t, wants[i], accounts[i].Dump(t))
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
		b.Sh(`imap-list --retries 1 $DST`).Wants(75)
		time.AfterFunc(2*time.Second, func() {
			for _, conn := range held {
				conn.Close()
			}
		})
		b.Sh(harness.Straight).Wants(0).Appended(0)
		harness.Same(t, wants[0], accounts[0].Dump(t))
	})
}

// TestCourierKilled ends one process of the pipeline with SIGKILL, or
// imap-push's connection, at any time.
func TestCourierKilled(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{PerIP: "20"})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(dovecot, "src")
	src.Fill(t, courierMail(300))
	want := src.Dump(t)
	rnd := harness.Random(t)
	for round := range harness.Rounds(1, 20) {
		stage := 3 - round%4
		t.Run(fmt.Sprint(stage, "-", round), func(t *testing.T) {
			dst := harness.Real(courier, fmt.Sprint("killed", round))
			b := harness.Between(t, src, dst)
			s := b.Start(harness.StraightStages...)
			time.Sleep(time.Duration(rnd.Int64N(int64(4 * time.Second))))
			s.Kill(stage)
			codes := s.Wait(time.Minute)
			t.Logf("%d messages had arrived, exit codes %v", len(dst.Dump(t)), codes)
			endsWell(b, t, codes[3], s, want, dst)
		})
		t.Run(fmt.Sprint("cut-", round), func(t *testing.T) {
			dst := harness.Real(courier, fmt.Sprint("cut", round))
			rule := imaptest.CutAfter(imaptest.ToServer, 1000+rnd.Int64N(900_000))
			proxy := imaptest.NewFaultProxy(t, dst.Addr, rule)
			b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
			run := b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"}))
			t.Logf("%v fired %d: exit %d", rule, proxy.Fired(), run.Exit)
			endsWell(b, t, run.Exit, run, want, dst)
		})
	}
}

// TestCourierFilled: a destination that a delivery agent has filled, and that
// nobody has opened, has another UIDVALIDITY at each look. It is compared by
// keys, and what it lacks is appended.
func TestCourierFilled(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	for _, script := range []string{harness.Straight, harness.Offline} {
		name := map[bool]string{true: "straight", false: "offline"}[script == harness.Straight]
		t.Run(name, func(t *testing.T) {
			src, dst := harness.Real(dovecot, "src-"+name), neverSelected(t, courier, name, 3)
			src.One(t, imaptest.Generate(31, 5)...)
			b := harness.Between(t, src, dst)
			b.Sh(script).Wants(0).Appended(5)
			if n := len(dst.Dump(t)); n != 8 {
				t.Errorf("%d messages instead of 8", n)
			}
			b.Sh(script).Wants(0).Appended(0)
		})
	}
}

// TestCourierLarge: a message of 20 MB goes to Courier and comes back.
func TestCourierLarge(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst, back := harness.Real(dovecot, "src"), harness.Real(courier, "large"), harness.Real(dovecot, "back")
	src.One(t, imaptest.Message{Octets: harness.Letter("large", strings.Repeat(strings.Repeat("x", 70)+"\r\n", 20<<20/72))})
	want := src.Dump(t)
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0).Appended(1)
	harness.Same(t, want, dst.Dump(t))
	harness.Between(t, dst, back).Sh(harness.Straight).Wants(0).Appended(1)
	harness.Same(t, want, back.Dump(t))
	b.Sh(harness.Straight).Wants(0).Appended(0)
}

// TestCourierQuota: a Maildir quota ends the run with 73, and the rest arrives
// once there is room.
func TestCourierQuota(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(dovecot, "src"), harness.Real(courier, "full")
	src.One(t, imaptest.Generate(41, 12)...)
	dst.Folders(t) // makes the Maildir
	file := filepath.Join(courier.Dir, "mail/full/Maildir/maildirsize")
	quota := func(messages int) {
		t.Helper()
		if err := os.WriteFile(file, []byte(fmt.Sprintf("100000000S,%dC\n           0           0\n", messages)), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	quota(5)
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(73)
	if n := len(dst.Dump(t)); n > 5 {
		t.Errorf("%d messages above a quota of 5", n)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	b.Sh(harness.Straight).Wants(0)
	harness.Same(t, src.Dump(t), dst.Dump(t))
	b.Sh(harness.Straight).Wants(0).Appended(0)
}

// TestCourierNames: Courier has all folders below INBOX, and a dot between the
// levels; names that hold dots, spaces and other letters come back as they were.
func TestCourierNames(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst, back := harness.Real(dovecot, "src"), harness.Real(courier, "names"), harness.Real(dovecot, "back")
	var folders []imaptest.Folder
	for i, path := range []string{"Work", "Work/2020", "Work/2020/Größe", "Two words", "inbox2", "INBOX2/x"} {
		folders = append(folders, imaptest.Folder{Path: path, Subscribed: i%2 == 0, Messages: imaptest.Generate(uint64(50+i), 2)})
	}
	src.Fill(t, imaptest.Spec{Folders: folders})
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0).Appended(12)
	b.Sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST`).Wants(0)
	b.Sh(harness.Straight).Wants(0).Appended(0)
	harness.Between(t, dst, back).Sh(harness.Straight).Wants(0).Appended(12)
	harness.Same(t, src.Dump(t), back.Dump(t))

	// A dot within a name cannot be kept: it is another character there.
	dots := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	dots.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "v1.2", Messages: imaptest.Generate(60, 2)}}})
	b = harness.Between(t, dots, harness.Real(courier, "dots"))
	b.Sh(harness.Straight).Wants(0).Appended(2)
	b.Sh(harness.Straight).Wants(0).Appended(0)
}
