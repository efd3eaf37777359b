package e2e

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
)

// archived is a source with odd, large and ordinary mail, and its archive in
// the bench's mail.zst.
func archived(t *testing.T) (*bench, *imaptest.Server, account) {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(withOdd(mail(120)))
	for i, c := range imaptest.Ugly() {
		if c.Large {
			m := c.Message(i)
			server.Account("src").AddMessage("Large", m.Flags, m.InternalDate, m.Octets)
		}
	}
	src := embedded(server, "src")
	b := between(t, src, embedded(server, "dst"))
	b.sh(`imap-fetch $SRC -o mail.zst`).wants(0)
	return b, server, src
}

// TestArchiveAsSource: an archive stands in for its account.
func TestArchiveAsSource(t *testing.T) {
	t.Parallel()
	b, server, src := archived(t)
	b.sh(`imap-fetch --source mail.zst -o copy.zst && cmp mail.zst copy.zst`).wants(0)
	b.sh(`cat mail.zst | imap-fetch --source - --level none >plain && zstdcat mail.zst | cmp - plain`).wants(0)
	b.sh(`imap-fetch --source plain -o packed.zst && cmp mail.zst packed.zst`).wants(0)
	b.sh(`cat mail.zst copy.zst | imap-fetch --source - -o twice.zst && imap-diff --report --equal mail.zst twice.zst >out`).wants(0)
	b.sh(`imap-fetch --headers --source mail.zst -o headers.zst && imap-fetch --headers $SRC -o other.zst && imap-diff --report --equal headers.zst other.zst >out`).wants(0)
	b.sh(`imap-fetch --source mail.zst --label case=17 --level better | zstdcat | head -n 1 | grep -q '"labels":{"case":"17"}'`).wants(0)

	t.Run("a part is restored", func(t *testing.T) {
		b := b.forTest(t)
		b.sh(`imap-fetch --source mail.zst --folder-rec Archive --folder Large | imap-diff $DST | imap-push $DST`).wants(0)
		var want []imaptest.Entry
		for _, e := range src.dump(t) {
			if strings.HasPrefix(e.Path, "Archive") || e.Path == "Large" {
				want = append(want, e)
			}
		}
		same(t, want, embedded(server, "dst").dump(t))
		b.sh(`imap-fetch --source mail.zst --folder Large | imap-diff $DST | imap-push $DST`).wants(0).appended(0)
	})
	t.Run("folders that are not there", func(t *testing.T) {
		b := b.forTest(t)
		o := b.sh(`cat mail.zst mail.zst | imap-fetch --source - --folder Sent --folder Nowhere --level none >part`).wants(3).says("Nowhere")
		if n := strings.Count(o.stderr, "Nowhere"); n != 1 {
			t.Errorf("told %d times: %s", n, o)
		}
		if failed := b.rows("part").of("failed"); len(failed) != 1 || failed[0].Folder != "Nowhere" || failed[0].Reason != "no-such-folder" {
			t.Errorf("%+v", failed)
		}
		b.sh(`imap-diff --report part mail.zst >out`).wants(3)
	})
	t.Run("never onto itself", func(t *testing.T) {
		b := b.forTest(t)
		before := b.read("mail.zst")
		for _, script := range []string{`imap-fetch --source mail.zst -o mail.zst`, `imap-fetch --source mail.zst --folder Sent -o ./mail.zst`, `imap-fetch --select headers.zst --source mail.zst -o headers.zst`} {
			b.sh(script).wants(64).says("both input and output")
		}
		if !bytes.Equal(b.read("mail.zst"), before) {
			t.Error("it was overwritten")
		}
	})
	t.Run("nothing is connected to", func(t *testing.T) {
		b := b.forTest(t)
		alone := newBench(t)
		alone.dir = b.dir
		delete(alone.env, "IMAP_PASSWORD")
		alone.env["IMAP_HOST"], alone.env["IMAP_USER"] = "nowhere.invalid", "nobody"
		alone.sh(`imap-fetch --source mail.zst --folder Sent -o sent.zst </dev/null && imap-list --source sent.zst </dev/null >out`).wants(0)
		if begin := alone.rows("sent.zst").of("begin")[0]; begin.User != "src" || !slices.Equal(begin.Filters, []string{"folder=Sent"}) || begin.Key != "message-id,date" {
			t.Errorf("%+v", begin)
		}
	})
	t.Run("edited", func(t *testing.T) {
		needsJQ(t)
		b := b.forTest(t)
		b.sh(`zstdcat mail.zst | ` + small + ` >edited; imap-fetch --source edited >out`).wants(65).says("--edited")
		b.sh(`imap-fetch --source edited --edited -o mended.zst && imap-list --source mended.zst --verify >out`).wants(0)
		if filters := b.rows("mended.zst").of("begin")[0].Filters; !slices.Equal(filters, []string{"edited"}) {
			t.Errorf("%q", filters)
		}
		b.sh(`imap-list --source edited >out`).wants(65)
		b.sh(`imap-list --source edited --edited --verify >out`).wants(0)
	})
	t.Run("an abort passes on", func(t *testing.T) {
		b := b.forTest(t)
		b.sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-fetch --source - --folder Sent | imap-diff $DST | imap-push $DST`).wants(77)
		b.sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-list --source - >out`).wants(77)
		b.sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-list --source - --verify >out`).wants(65)
	})
}

// TestCutArchive: what is whole in it goes its way, and the code tells.
func TestCutArchive(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	rnd := random(t)
	for level, octets := range w.mails {
		for _, at := range someOf(t, 3, cuts(rnd, octets, rounds(1, 25))) {
			b := newBench(t)
			b.write("mail", octets[:at])
			b.sh(`imap-fetch --source mail -o part.zst`).wants(65)
			if b.exists("part.zst") {
				t.Errorf("%s, %d: the part looks whole", level, at)
			}
			b.sh(`imap-list --source mail >out`).wants(65)
			b.sh(`imap-list --source mail --verify >out`).wants(65)
			ways := []string{``, `--search 'NOT BODY zzzzz'`}
			if !long() {
				ways = ways[rnd.IntN(2):][:1]
			}
			for _, options := range ways {
				t.Run(fmt.Sprintf("%s, %d, %s", level, at, options), func(t *testing.T) {
					dst := w.fresh()
					b := between(t, w.src, dst)
					b.write("mail", octets[:at])
					w.acted(t, b.sh(`imap-fetch `+options+` --source mail | imap-diff $DST | imap-push $DST`).wants(65), dst)
					if got, want := len(dst.dump(t)), wholeMessages(octets[:at]); level == "none" && got > want {
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
	b.sh(`zstdcat mail.zst >plain`).wants(0)
	s := b.start(`sh -c "head -c 100000 plain; exec sleep 100"`, `imap-fetch --source - --level none`, `tee seen`)
	b.arrives("seen", s)
	s.cmds[1].Process.Signal(syscall.SIGINT)
	<-s.ended[1]
	s.kill(0)
	if code := s.wait(time.Minute)[1]; code != 130 {
		t.Errorf("exit %d\n%s", code, s)
	}
	if lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n"); !strings.HasPrefix(lines[len(lines)-1], `{"type":"abort","command":"imap-fetch","exit":130`) {
		t.Errorf("the last line is %s", limit(lines[len(lines)-1], 300))
	}
}

// TestSelectFromArchive: a plan made by headers gets its bodies from a file.
func TestSelectFromArchive(t *testing.T) {
	t.Parallel()
	b, server, src := archived(t)
	proxy := imaptest.NewFaultProxy(t, src.addr)
	b.env["SRC"] = src.by(proxy.Addr()).options()
	b.sh(`imap-fetch --headers --source mail.zst | imap-diff $DST | imap-fetch --select - --source mail.zst | imap-push $DST`).wants(0)
	equal(t, src, embedded(server, "dst"))
	if n := proxy.Connections(); n != 0 {
		t.Errorf("%d connections to the source", n)
	}
	b = b.with("DST", embedded(server, "other").options())
	b.sh(`imap-fetch --headers $SRC | imap-diff $DST -o plan && cat mail.zst | imap-fetch --select plan --source - | imap-push $DST`).wants(0)
	equal(t, src, embedded(server, "other"))
	t.Run("folders of a list", func(t *testing.T) {
		needsJQ(t)
		b := b.forTest(t)
		b.sh(`imap-list --source mail.zst | jq -c 'select(.name | test("Large|Sent"))' | imap-fetch --select - --source mail.zst -o some.zst && imap-list --source some.zst >some`).wants(0)
		if n := strings.Count(string(b.read("some")), "\n"); n != 2 {
			t.Errorf("%d folders", n)
		}
	})
	t.Run("what it has not", func(t *testing.T) {
		b := b.forTest(t)
		server.Account("src").AddMessage("Sent", nil, day(1), letter("new", "Hello\n"))
		b.env["DST"] = embedded(server, "third").options()
		o := b.sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - --source mail.zst | imap-push $DST`).wants(3)
		if failed := o.receipts().of("failed"); len(failed) != 1 || failed[0].Folder != "Sent" || failed[0].Reason != "not-returned" {
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
		for line := range bytes.Lines(b.read(name)) {
			var l listed
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			all = append(all, l)
		}
		return all
	}
	for _, options := range []string{``, `--sizes`, `--folder Sent`, `--folder-rec Archive --sizes`, `--exclude '^[A-L]'`, `--subscribed`} {
		b.sh(`imap-list ` + options + ` $SRC >account && imap-list ` + options + ` --source mail.zst >archive`).wants(0)
		account, archive := read("account"), read("archive")
		if fmt.Sprint(account) != fmt.Sprint(archive) || len(account) == 0 {
			t.Errorf("%s:\n%+v\n%+v", options, archive, account)
		}
	}
	b.sh(`imap-list --source mail.zst --folder Nowhere >out`).wants(3).says("Nowhere")
	b.sh(`imap-list --source mail.zst --format table --sizes >out && grep -q 'Sent' out`).wants(0)
	b.sh(`imap-list --source nonesuch`).wants(66)
}

// TestArchiveCheck: any flaw is found, and what is lost is named.
func TestArchiveCheck(t *testing.T) {
	t.Parallel()
	b, server, _ := archived(t)
	b.sh(`zstdcat mail.zst >plain`).wants(0)
	b.sh(`imap-fetch --headers --source mail.zst -o headers.zst && imap-diff -o plan.zst $DST mail.zst && cat mail.zst mail.zst >two.zst`).wants(0)
	for _, name := range []string{"mail.zst", "plain", "headers.zst", "plan.zst", "two.zst"} {
		b.sh(`imap-list --source ` + name + ` --verify --format table >out && grep -q ^whole out && grep -q 'messages' out`).wants(0)
		b.sh(`imap-list --source - --verify <` + name + ` >out && grep -q '"verdict":"whole"' out`).wants(0)
	}
	rnd := random(t)
	for _, name := range []string{"mail.zst", "plain"} {
		octets := b.read(name)
		for range rounds(3, 300) {
			bad := slices.Clone(octets)
			bit := rnd.IntN(8 * len(bad))
			bad[bit/8] ^= 1 << (bit % 8)
			b.write("bad", bad)
			if o := b.sh(`imap-list --source bad --verify >out`); o.exit != 65 {
				t.Errorf("%s, bit %d of octet %d: %s", name, bit%8, bit/8, o)
			}
		}
	}
	t.Run("names", func(t *testing.T) {
		b := b.forTest(t)
		evil := "Evil\x1b[31m"
		server.Account("evil").AddMessage(evil, nil, day(0), letter("evil", "the body\n"))
		server.Account("evil").AddMessage(evil, nil, day(0), letter("good", "another one\n"))
		b.env["SRC"] = embedded(server, "evil").options()
		b.sh(`imap-fetch --level none $SRC | sed 's/the body/The body/' >bad && imap-list --source bad --verify --format table >out`).wants(65)
		out := string(b.read("out"))
		if !strings.Contains(out, `lost: Evil\x1b[31m UID 1: `) || strings.Contains(out, "\x1b") || strings.Contains(out, "UID 2") || !strings.Contains(out, "1 message lost") {
			t.Errorf("%s", out)
		}
		b.sh(`imap-fetch --source bad --search 'BODY body' >part.zst`).wants(3)
		if failed := b.rows("part.zst").of("failed"); len(failed) != 1 || failed[0].Reason != "damaged" || failed[0].UID != 1 {
			t.Errorf("%+v", failed)
		}
	})
}

// TestArchiveMemory: neither an archive nor a choice takes more memory than
// messages do.
func TestArchiveMemory(t *testing.T) {
	t.Parallel()
	size := 100 << 20
	if long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	account := server.Account("src")
	account.AddMessage("INBOX", nil, day(0), huge(size))
	for i, m := range imaptest.GenerateMixed(5, 300) {
		account.AddMessage("Mixed", m.Flags, day(i), m.Octets)
	}
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.sh(`imap-fetch -o mail $SRC && imap-fetch --headers --source mail -o headers`).wants(0)
	for _, c := range someOf(t, 3, []string{
		`imap-fetch --client-search --search 'NOT BODY nowhere' -o chosen $SRC`,
		`imap-fetch --exclude-raw 'nowhere at all' --headers -o chosen $SRC`,
		`imap-fetch --source mail --search 'NOT BODY nowhere' -o chosen`,
		`imap-fetch --source mail --exclude-raw 'nowhere at all' --headers -o chosen`,
		`imap-fetch --select headers --source mail -o chosen`,
		`imap-list --source mail --verify`,
	}) {
		b.sh(`rm -f chosen`)
		n := b.peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > most {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, most>>20)
		}
		if strings.HasPrefix(c, "imap-fetch") {
			b.sh(`imap-list --source chosen --verify >out && grep -q '"messages":301' out`).wants(0)
		}
	}
}
