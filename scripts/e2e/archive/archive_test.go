package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// archived is a source with odd, large and ordinary mail, and its archive in
// the shell's mail.zst.
func archived(t *testing.T) (*harness.Shell, *imaptest.Server, harness.Account) {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.WithOdd(harness.Mail(120)))
	for _, m := range harness.Large(t) {
		server.Account("src").AddMessage("Large", m.Flags, m.InternalDate, m.Octets)
	}
	src := harness.Embedded(server, "src")
	b := harness.Between(t, src, harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch $SRC -o mail.zst`).Wants(0)
	return b, server, src
}

// TestArchiveAsSource: an archive stands in for its account.
func TestArchiveAsSource(t *testing.T) {
	t.Parallel()
	b, server, src := archived(t)
	b.Sh(`imap-fetch --source mail.zst -o copy.zst && cmp mail.zst copy.zst`).Wants(0)
	b.Sh(`cat mail.zst | imap-fetch --source - --level none >plain && zstdcat mail.zst | cmp - plain`).Wants(0)
	b.Sh(`imap-fetch --source plain -o packed.zst && cmp mail.zst packed.zst`).Wants(0)
	b.Sh(`cat mail.zst copy.zst | imap-fetch --source - -o twice.zst && imap-diff --report --equal mail.zst twice.zst >out`).Wants(0)
	b.Sh(`imap-fetch --headers --source mail.zst -o headers.zst && imap-fetch --headers $SRC -o other.zst && imap-diff --report --equal headers.zst other.zst >out`).Wants(0)
	b.Sh(`imap-fetch --source mail.zst --label case=17 --level better | zstdcat | head -n 1 | grep -q '"labels":{"case":"17"}'`).Wants(0)

	t.Run("a part is restored", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`imap-fetch --source mail.zst --folder-rec Archive --folder Large | imap-diff $DST | imap-push $DST`).Wants(0)
		var want []imaptest.Entry
		for _, e := range src.Dump(t) {
			if strings.HasPrefix(e.Path, "Archive") || e.Path == "Large" {
				want = append(want, e)
			}
		}
		harness.Same(t, want, harness.Embedded(server, "dst").Dump(t))
		b.Sh(`imap-fetch --source mail.zst --folder Large | imap-diff $DST | imap-push $DST`).Wants(0).Appended(0)
	})
	t.Run("folders that are not there", func(t *testing.T) {
		b := b.ForTest(t)
		o := b.Sh(`cat mail.zst mail.zst | imap-fetch --source - --folder Sent --folder Nowhere --level none >part`).Wants(3).Says("Nowhere")
		if n := strings.Count(o.Stderr, "Nowhere"); n != 1 {
			t.Errorf("told %d times: %s", n, o)
		}
		if failed := b.Rows("part").Of("failed"); len(failed) != 1 || failed[0].Folder != "Nowhere" || failed[0].Reason != "no-such-folder" {
			t.Errorf("%+v", failed)
		}
		b.Sh(`imap-diff --report part mail.zst >out`).Wants(3)
	})
	t.Run("never onto itself", func(t *testing.T) {
		b := b.ForTest(t)
		before := b.Read("mail.zst")
		for _, script := range []string{`imap-fetch --source mail.zst -o mail.zst`, `imap-fetch --source mail.zst --folder Sent -o ./mail.zst`, `imap-fetch --select headers.zst --source mail.zst -o headers.zst`} {
			b.Sh(script).Wants(64).Says("both input and output")
		}
		if !bytes.Equal(b.Read("mail.zst"), before) {
			t.Error("it was overwritten")
		}
	})
	t.Run("nothing is connected to", func(t *testing.T) {
		b := b.ForTest(t)
		alone := harness.NewShell(t)
		alone.Dir = b.Dir
		delete(alone.Env, "IMAP_PASSWORD")
		alone.Env["IMAP_HOST"], alone.Env["IMAP_USER"] = "nowhere.invalid", "nobody"
		alone.Sh(`imap-fetch --source mail.zst --folder Sent -o sent.zst </dev/null && imap-list --source sent.zst </dev/null >out`).Wants(0)
		if begin := alone.Rows("sent.zst").Of("begin")[0]; begin.User != "src" || !slices.Equal(begin.Filters, []string{"folder=Sent"}) || begin.Key != "message-id,date" {
			t.Errorf("%+v", begin)
		}
	})
	t.Run("edited", func(t *testing.T) {
		harness.NeedsJQ(t)
		b := b.ForTest(t)
		b.Sh(`zstdcat mail.zst | ` + small + ` >edited; imap-fetch --source edited >out`).Wants(65).Says("--edited")
		b.Sh(`imap-fetch --source edited --edited -o mended.zst && imap-list --source mended.zst --verify >out`).Wants(0)
		if filters := b.Rows("mended.zst").Of("begin")[0].Filters; !slices.Equal(filters, []string{"edited"}) {
			t.Errorf("%q", filters)
		}
		b.Sh(`imap-list --source edited >out`).Wants(65)
		b.Sh(`imap-list --source edited --edited --verify >out`).Wants(0)
	})
	t.Run("an abort passes on", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-fetch --source - --folder Sent | imap-diff $DST | imap-push $DST`).Wants(77)
		b.Sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-list --source - >out`).Wants(77)
		b.Sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-list --source - --verify >out`).Wants(65)
	})
}

// TestCutArchive: what is whole in it goes its way, and the code tells.
func TestCutArchive(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	rnd := harness.Random(t)
	for level, octets := range w.mails {
		for _, at := range harness.SomeOf(t, 2, cuts(rnd, octets, harness.Rounds(1, 25))) {
			b := harness.NewShell(t)
			b.Write("mail", octets[:at])
			b.Sh(`imap-fetch --source mail -o part.zst`).Wants(65)
			if b.Exists("part.zst") {
				t.Errorf("%s, %d: the part looks whole", level, at)
			}
			b.Sh(`imap-list --source mail >out`).Wants(65)
			b.Sh(`imap-list --source mail --verify >out`).Wants(65)
			ways := []string{``, `--search 'NOT BODY zzzzz'`}
			if !harness.Long() {
				ways = ways[rnd.IntN(2):][:1]
			}
			for _, options := range ways {
				t.Run(fmt.Sprintf("%s, %d, %s", level, at, options), func(t *testing.T) {
					dst := w.fresh()
					b := harness.Between(t, w.src, dst)
					b.Write("mail", octets[:at])
					w.acted(t, b.Sh(`imap-fetch `+options+` --source mail | imap-diff $DST | imap-push $DST`).Wants(65), dst)
					if got, want := len(dst.Dump(t)), wholeMessages(octets[:at]); level == "none" && got > want {
						t.Errorf("%d messages arrived, %d were whole", got, want)
					}
				})
			}
		}
	}
}

// TestArchiveInterrupted: a signal ends it in band, with the code of the signal.
func TestArchiveInterrupted(t *testing.T) {
	t.Parallel()
	b, _, _ := archived(t)
	b.Sh(`zstdcat mail.zst >plain`).Wants(0)
	s := b.Start(`sh -c "head -c 100000 plain; exec sleep 100"`, `imap-fetch --source - --level none`, `tee seen`)
	b.Arrives("seen", s)
	s.Cmds[1].Process.Signal(syscall.SIGINT)
	<-s.Ended[1]
	s.Kill(0)
	if code := s.Wait(time.Minute)[1]; code != 130 {
		t.Errorf("exit %d\n%s", code, s)
	}
	if lines := strings.Split(strings.TrimSpace(s.Stdout.String()), "\n"); !strings.HasPrefix(lines[len(lines)-1], `{"type":"abort","command":"imap-fetch","exit":130`) {
		t.Errorf("the last line is %s", harness.Shorten(lines[len(lines)-1], 300))
	}
}

// TestSelectFromArchive: a plan made by headers gets its bodies from a file.
func TestSelectFromArchive(t *testing.T) {
	t.Parallel()
	b, server, src := archived(t)
	proxy := imaptest.NewFaultProxy(t, src.Addr)
	b.Env["SRC"] = src.By(proxy.Addr()).Options()
	b.Sh(`imap-fetch --headers --source mail.zst | imap-diff $DST | imap-fetch --select - --source mail.zst | imap-push $DST`).Wants(0)
	harness.Equal(t, src, harness.Embedded(server, "dst"))
	if n := proxy.Connections(); n != 0 {
		t.Errorf("%d connections to the source", n)
	}
	b = b.With("DST", harness.Embedded(server, "other").Options())
	b.Sh(`imap-fetch --headers $SRC | imap-diff $DST -o plan && cat mail.zst | imap-fetch --select plan --source - | imap-push $DST`).Wants(0)
	harness.Equal(t, src, harness.Embedded(server, "other"))
	t.Run("folders of a list", func(t *testing.T) {
		harness.NeedsJQ(t)
		b := b.ForTest(t)
		b.Sh(`imap-list --source mail.zst | jq -c 'select(.name | test("Large|Sent"))' | imap-fetch --select - --source mail.zst -o some.zst && imap-list --source some.zst >some`).Wants(0)
		if n := strings.Count(string(b.Read("some")), "\n"); n != 2 {
			t.Errorf("%d folders", n)
		}
	})
	t.Run("what it has not", func(t *testing.T) {
		b := b.ForTest(t)
		server.Account("src").AddMessage("Sent", nil, harness.Day(1), harness.Letter("new", "Hello\n"))
		b.Env["DST"] = harness.Embedded(server, "third").Options()
		o := b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --source mail.zst | imap-push $DST`).Wants(3)
		if failed := o.Receipts().Of("failed"); len(failed) != 1 || failed[0].Folder != "Sent" || failed[0].Reason != "not-returned" {
			t.Errorf("%+v", failed)
		}
	})
}

// TestArchiveListing: imap-list says of an archive what it says of its account.
func TestArchiveListing(t *testing.T) {
	t.Parallel()
	b, _, _ := archived(t)
	type listed struct {
		Name       string
		Attributes []string
		Subscribed bool
		UIDNext    uint64
		Messages   int64
		Octets     int64
	}
	read := func(name string) (all []listed) {
		for line := range bytes.Lines(b.Read(name)) {
			var l listed
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			all = append(all, l)
		}
		return all
	}
	for _, options := range []string{``, `--sizes`, `--folder Sent`, `--folder-rec Archive --sizes`, `--exclude '^[A-L]'`, `--subscribed`} {
		b.Sh(`imap-list ` + options + ` $SRC >account && imap-list ` + options + ` --source mail.zst >archive`).Wants(0)
		account, archive := read("account"), read("archive")
		if fmt.Sprint(account) != fmt.Sprint(archive) || len(account) == 0 {
			t.Errorf("%s:\n%+v\n%+v", options, archive, account)
		}
	}
	b.Sh(`imap-list --source mail.zst --folder Nowhere >out`).Wants(3).Says("Nowhere")
	b.Sh(`imap-list --source mail.zst --format table --sizes >out && grep -q 'Sent' out`).Wants(0)
	b.Sh(`imap-list --source nonesuch`).Wants(66)
}

// TestArchiveCheck: any flaw is found, and what is lost is named.
func TestArchiveCheck(t *testing.T) {
	t.Parallel()
	b, server, _ := archived(t)
	b.Sh(`zstdcat mail.zst >plain`).Wants(0)
	b.Sh(`imap-fetch --headers --source mail.zst -o headers.zst && imap-diff -o plan.zst $DST mail.zst && cat mail.zst mail.zst >two.zst`).Wants(0)
	for _, name := range []string{"mail.zst", "plain", "headers.zst", "plan.zst", "two.zst"} {
		b.Sh(`imap-list --source ` + name + ` --verify --format table >out && grep -q ^whole out && grep -q 'messages' out`).Wants(0)
		b.Sh(`imap-list --source - --verify <` + name + ` >out && grep -q '"verdict":"whole"' out`).Wants(0)
	}
	rnd := harness.Random(t)
	for _, name := range []string{"mail.zst", "plain"} {
		octets := b.Read(name)
		for range harness.Rounds(3, 300) {
			bad := slices.Clone(octets)
			bit := rnd.IntN(8 * len(bad))
			bad[bit/8] ^= 1 << (bit % 8)
			b.Write("bad", bad)
			if o := b.Sh(`imap-list --source bad --verify >out`); o.Exit != 65 {
				t.Errorf("%s, bit %d of octet %d: %s", name, bit%8, bit/8, o)
			}
		}
	}
	t.Run("names", func(t *testing.T) {
		b := b.ForTest(t)
		evil := "Evil\x1b[31m"
		server.Account("evil").AddMessage(evil, nil, harness.Day(0), harness.Letter("evil", "the body\n"))
		server.Account("evil").AddMessage(evil, nil, harness.Day(0), harness.Letter("good", "another one\n"))
		b.Env["SRC"] = harness.Embedded(server, "evil").Options()
		b.Sh(`imap-fetch --level none $SRC | sed 's/the body/The body/' >bad && imap-list --source bad --verify --format table >out`).Wants(65)
		out := string(b.Read("out"))
		if !strings.Contains(out, `lost: Evil\x1b[31m UID 1: `) || strings.Contains(out, "\x1b") || strings.Contains(out, "UID 2") || !strings.Contains(out, "1 message lost") {
			t.Errorf("%s", out)
		}
		b.Sh(`imap-fetch --source bad --search 'BODY body' >part.zst`).Wants(3)
		if failed := b.Rows("part.zst").Of("failed"); len(failed) != 1 || failed[0].Reason != "damaged" || failed[0].UID != 1 {
			t.Errorf("%+v", failed)
		}
	})
}

// TestArchiveMemory: neither an archive nor a choice takes more memory than
// messages do.
func TestArchiveMemory(t *testing.T) {
	t.Parallel()
	size := 80 << 20
	if harness.Long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	account := server.Account("src")
	account.AddMessage("INBOX", nil, harness.Day(0), harness.Huge(size))
	for i, m := range imaptest.GenerateMixed(5, 300) {
		account.AddMessage("Mixed", m.Flags, harness.Day(i), m.Octets)
	}
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Sh(`imap-fetch -o mail $SRC && imap-fetch --headers --source mail -o headers`).Wants(0)
	for _, c := range harness.SomeOf(t, 2, []string{
		`imap-fetch --client-search --search 'NOT BODY nowhere' -o chosen $SRC`,
		`imap-fetch --exclude-raw 'nowhere at all' --headers -o chosen $SRC`,
		`imap-fetch --source mail --search 'NOT BODY nowhere' -o chosen`,
		`imap-fetch --source mail --exclude-raw 'nowhere at all' --headers -o chosen`,
		`imap-fetch --select headers --source mail -o chosen`,
		`imap-list --source mail --verify`,
	}) {
		b.Sh(`rm -f chosen`)
		n := b.Peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > harness.MaxMemory {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, harness.MaxMemory>>20)
		}
		if strings.HasPrefix(c, "imap-fetch") {
			b.Sh(`imap-list --source chosen --verify >out && grep -q '"messages":301' out`).Wants(0)
		}
	}
}
