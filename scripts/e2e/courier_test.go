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
			dst := real(courier, name)
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
		b.sh(`imap-fetch $SRC -o src.zst && imap-diff --delete-extra=all $DST src.zst | imap-push $DST`).wants(3).says("--allow delete")
		b.sh(`imap-diff --delete-extra=all $DST src.zst | imap-push --allow delete --max-delete 2 $DST`).wants(3).says("not removed")
		b.sh(`imap-diff --delete-extra=all $DST src.zst | imap-push --allow delete $DST`).wants(0).says("3 deleted")
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
		src, dst := real(dovecot, fmt.Sprint("src", i)), real(courier, fmt.Sprint("dst", i))
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
			dst := real(courier, fmt.Sprint("killed", round))
			b := between(t, src, dst)
			s := b.start(straightStages...)
			time.Sleep(time.Duration(rnd.Int64N(int64(4 * time.Second))))
			s.kill(stage)
			codes := s.wait(time.Minute)
			t.Logf("%d messages had arrived, exit codes %v", len(dst.dump(t)), codes)
			endsWell(b, t, codes[3], s, want, dst)
		})
		t.Run(fmt.Sprint("cut-", round), func(t *testing.T) {
			dst := real(courier, fmt.Sprint("cut", round))
			rule := imaptest.CutAfter(imaptest.ToServer, 1000+rnd.Int64N(900_000))
			proxy := imaptest.NewFaultProxy(t, dst.addr, rule)
			b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
			run := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"}))
			t.Logf("%v fired %d: exit %d", rule, proxy.Fired(), run.exit)
			endsWell(b, t, run.exit, run, want, dst)
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
	for _, script := range []string{straight, offline} {
		name := map[bool]string{true: "straight", false: "offline"}[script == straight]
		t.Run(name, func(t *testing.T) {
			src, dst := real(dovecot, "src-"+name), neverSelected(t, courier, name, 3)
			src.one(t, imaptest.Generate(31, 5)...)
			b := between(t, src, dst)
			b.sh(script).wants(0).appended(5)
			if n := len(dst.dump(t)); n != 8 {
				t.Errorf("%d messages instead of 8", n)
			}
			b.sh(script).wants(0).appended(0)
		})
	}
}

// TestCourierLarge: a message of 20 MB goes to Courier and comes back.
func TestCourierLarge(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst, back := real(dovecot, "src"), real(courier, "large"), real(dovecot, "back")
	src.one(t, imaptest.Message{Octets: letter("large", strings.Repeat(strings.Repeat("x", 70)+"\r\n", 20<<20/72))})
	want := src.dump(t)
	b := between(t, src, dst)
	b.sh(straight).wants(0).appended(1)
	same(t, want, dst.dump(t))
	between(t, dst, back).sh(straight).wants(0).appended(1)
	same(t, want, back.dump(t))
	b.sh(straight).wants(0).appended(0)
}

// TestCourierQuota: a Maildir quota ends the run with 73, and the rest arrives
// once there is room.
func TestCourierQuota(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(dovecot, "src"), real(courier, "full")
	src.one(t, imaptest.Generate(41, 12)...)
	dst.folders(t) // makes the Maildir
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
	b := between(t, src, dst)
	b.sh(straight).wants(73)
	if n := len(dst.dump(t)); n > 5 {
		t.Errorf("%d messages above a quota of 5", n)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	b.sh(straight).wants(0)
	same(t, src.dump(t), dst.dump(t))
	b.sh(straight).wants(0).appended(0)
}

// TestCourierNames: Courier has all folders below INBOX, and a dot between the
// levels; names that hold dots, spaces and other letters come back as they were.
func TestCourierNames(t *testing.T) {
	t.Parallel()
	courier := imaptest.StartCourier(t, imaptest.CourierOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst, back := real(dovecot, "src"), real(courier, "names"), real(dovecot, "back")
	var folders []imaptest.Folder
	for i, path := range []string{"Work", "Work/2020", "Work/2020/Größe", "Two words", "inbox2", "INBOX2/x"} {
		folders = append(folders, imaptest.Folder{Path: path, Subscribed: i%2 == 0, Messages: imaptest.Generate(uint64(50+i), 2)})
	}
	src.fill(t, imaptest.Spec{Folders: folders})
	b := between(t, src, dst)
	b.sh(straight).wants(0).appended(12)
	b.sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST`).wants(0)
	b.sh(straight).wants(0).appended(0)
	between(t, dst, back).sh(straight).wants(0).appended(12)
	same(t, src.dump(t), back.dump(t))

	// A dot within a name cannot be kept: it is another character there.
	dots := embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
	dots.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "v1.2", Messages: imaptest.Generate(60, 2)}}})
	b = between(t, dots, real(courier, "dots"))
	b.sh(straight).wants(0).appended(2)
	b.sh(straight).wants(0).appended(0)
}
