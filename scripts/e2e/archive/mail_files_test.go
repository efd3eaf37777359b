package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// fileFormats are the formats of mail files, with options of both commands
// that take octets as they are.
var fileFormats = []struct{ format, there, back string }{
	{"maildir", "--keep-line-ends", "--keep-line-ends"},
	{"maildir", "--keep-line-ends --nested", "--keep-line-ends"},
	{"mbox", "--keep-line-ends", "--keep-line-ends"},
	{"eml", "", ""},
}

// TestMailFilesWideUIDs: UIDs of 64 bits stay where the files have a place for them;
// a dovecot-uidlist has none, and the messages are kept.
func TestMailFilesWideUIDs(t *testing.T) {
	t.Parallel()
	vector, err := filepath.Abs(harness.Root + "/pkg/stream/testdata/vectors/uid-64-bits")
	if err != nil {
		t.Fatal(err)
	}
	b := harness.NewShell(t).With("VECTOR", vector).WithTools()
	b.Sh(`sed '1,/^$/d' $VECTOR >mail`).Wants(0)
	uids := func(file string) string {
		return b.Sh(`jq -r 'select(.type == "message") | "\(.uidvalidity) \(.uid)"' ` + file).Wants(0).Stdout
	}
	b.Sh(`$TOOLS/stream-to-mail eml mail eml; $TOOLS/mail-to-stream eml eml >eml.back && imap-list --source eml.back --verify`).Wants(0)
	if want, got := uids("mail"), uids("eml.back"); got != want || !strings.Contains(want, "18446744073709551615 9007199254740992\n") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	b.Sh(`$TOOLS/stream-to-mail maildir mail maildir; $TOOLS/mail-to-stream maildir maildir >maildir.back && imap-list --source maildir.back --verify && ! test -e maildir/dovecot-uidlist`).Wants(0).Says("5 messages")
}

// TestMailFilesKeepOctets: an archive that went through files is the same
// archive: folders, octets, flags, dates, keys.
func TestMailFilesKeepOctets(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.WithUgly(harness.Mail(150)))
	for i, body := range fromLines() {
		server.Account("joe").AddMessage("From here", []string{`\Seen`}, harness.Day(i), []byte(body))
	}
	for i, text := range oddKeys() {
		server.Account("joe").AddMessage("Keys", nil, harness.Day(i), []byte(text))
	}
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "joe").Options()).WithTools()
	b.Sh(`imap-fetch $SRC -o mail.zst`).Wants(0)
	for i, f := range harness.SomeOf(t, 1, fileFormats) {
		t.Run(f.format+" "+f.there, func(t *testing.T) {
			b := b.With("N", fmt.Sprint(i)).With("F", f.format)
			b.T = t
			b.Sh(`$TOOLS/stream-to-mail ` + f.there + ` $F mail.zst files$N`).Wants(0)
			b.Sh(`$TOOLS/mail-to-stream ` + f.back + ` $F files$N >back$N && imap-list --source back$N --verify`).Wants(0).Says("0 failed")
			b.Sh(`imap-diff --report --equal mail.zst back$N >&2`).Wants(0)
			b.Sh(`$TOOLS/mail-to-stream ` + f.back + ` $F files$N | cmp - back$N`).Wants(0)
			sameKeys(t, b.Rows("mail.zst"), b.Rows(fmt.Sprint("back", i)))
			if f.format == "eml" { // with its UIDs, the rest of the lines is the same
				octets := ` | sed -En 's/^\{"type":"body"/&/p; s/^\{"type":"message".*(,"sha256":"[0-9a-f]{64}","body)/\1/p' `
				b.Sh(`zstdcat mail.zst` + octets + `>want && cat back$N` + octets + `| cmp want - && test -s want`).Wants(0)
			}
		})
	}
}

// oddKeys are messages on whose keys two programs could disagree.
func oddKeys() []string {
	long := strings.Repeat("y", 1<<16)
	return []string{
		"Message-ID: <\xe9\xe9XX\x00a@x>\r\nDate:\tThu,\r\n\t 2 Jan\x0b2020 \r\n\r\n", "MESSAGE-id : one\r\nMessage-ID: two\r\nSubject: \xff\r\n\r\n", "Message-ID:\r\nMessage-ID: two\r\n\r\n",
		"Message-ID: " + long + "z\r\n z\r\n\r\n", "Message-ID: " + strings.Repeat("y\r", 1<<16) + "z\r\n\r\n", "To: ann\r\nX-Other: 1\r\n\r\n", "X-Other: 2\r\nX-Other: 1\r\nX-\xe9: 3\r\nno colon\r\n and more\r\n\r\n",
		"\r\n\xff\x00XX\r\nno header", "\r\n" + long + strings.Repeat("X\xff", 1<<19) + "a", "\xff: 1\r\n\r\nDate: none\r\n", " folded: at once\r\nDate: x\r\n", "Received: a\r\nReceived:\r\nReceived: b" + long + long + "\r\n\r\n",
		strings.Repeat("n", 998) + ": 1\r\n\r\n", strings.Repeat("n", 999) + ": 1\r\n\r\n", "Date: x\r\r\n\r\r\nFrom: y\r\n", strings.Repeat("X-A: 1\r\nX-B: 2\r\n", 9000) + "\r\n", "Subject: =?utf-8?q?=C3=A9?= =?nonesuch?q?x?=\r\n\r\n",
		"Date: Thu, 2 Jan 2020 03:04:05 +0000\r\nSubject: no Message-ID\r\n\r\n", "Message-ID: <>\r\nDate: x\r\nFrom: J\xf6rg\r\nTo: \x00\r\n\r\n", "Message-ID: <\xff@>\r\nDate: x\r\n\r\n",
		"Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\r\nDate: x\r\n\r\n", "Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\r\n\r\nbody", "Message-ID: <>\r\nX-Other: 1\r\n\r\n",
		"Message-ID: <>\r\nMessage-ID: <two@x>\r\nDate: x\r\n\r\n", "Message-ID: =?utf-8?q??=\r\nDate: x\r\n\r\n", "Message-ID: <>\r\n\r\none", "Message-ID: < >\r\n\r\ntwo",
	}
}

// fromLines are messages that an mbox could take for more, or fewer.
func fromLines() []string {
	long := strings.Repeat(">", 1<<20) // more than is looked at at a time
	return []string{
		"From joe@example.org Thu Jan  2 03:04:05 2020\r\nSubject: a From_ line\r\n\r\nHello\r\n",
		"Subject: in the text\r\n\r\nFrom joe@example.org Thu Jan  2 03:04:05 2020\r\n\r\nFrom here\r\n>From there\r\n>>From nowhere\r\n> From\r\n>>>\r\n",
		"Subject: at the end\r\n\r\nFrom ",
		"From joe@example.org Thu Jan  2 03:04:05 2020",
		"\nFrom joe@example.org Thu Jan  2 03:04:05 2020\n\n",
		"Status: RO\nX-Status: AF\nX-Keywords: one two\nSubject: has a status of its own\n\nHello\n",
		"Subject: long\r\n\r\n" + long + "From here\r\n" + long + "\r\n" + long + "Fro",
		"Subject: longer\r\n\r\n" + strings.Repeat("x", 1<<17) + "From \n" + long + "From \r\n",
		"Subject: cut\r\n\r\n" + long[16+2:] + "From here\r\n" + strings.Repeat("x", 1<<20-30) + "\r\nFrom there\r\n",
		"Subject: cut\r\n\r\n" + long[16+1:] + "\r\n" + long[16+5:] + "From \r\n",
		"", "\n", "\r\n", "\r", "From ",
	}
}

// sameKeys demands that a message has the same key on both sides, whoever
// computed it. UIDs may differ, but not their order.
func sameKeys(t *testing.T, want, got harness.Rows) {
	t.Helper()
	keys := func(all harness.Rows) (keys []string) {
		for _, r := range all.Of("message") {
			keys = append(keys, fmt.Sprint(r.Folder, " ", r.SHA256, " ", r.Size, " ", r.Key, " ", r.Received))
		}
		slices.Sort(keys)
		return keys
	}
	w, g := keys(want), keys(got)
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s, want %s", g[i], w[i])
		}
	}
	if len(w) != len(g) {
		t.Errorf("%d messages, want %d", len(g), len(w))
	}
}

// TestMailFilesOfDovecot: Dovecot serves what stream-to-mail writes, UIDs
// included, and mail-to-stream reads what Dovecot has stored as imap-fetch does.
func TestMailFilesOfDovecot(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	joe, ann := harness.Real(r, "joe"), harness.Real(r, "ann")
	joe.Fill(t, harness.WithOdd(harness.Mail(150)))
	b := harness.Between(t, joe, ann).With("MAIL", filepath.Join(r.Dir, "mail")).WithTools()
	b.Sh(`imap-fetch $SRC -o mail.zst`).Wants(0)

	t.Run("read", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`$TOOLS/mail-to-stream maildir $MAIL/joe/maildir >back && imap-list --source back --verify`).Wants(0)
		b.Sh(`imap-diff --report --equal mail.zst back >&2`).Wants(0)
		want, got := b.Rows("mail.zst"), b.Rows("back")
		harness.SameIDs(t, "messages", got.Of("message").Ids(), want.Of("message").Ids())
		sameKeys(t, want, got)
	})
	t.Run("written", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`$TOOLS/stream-to-mail maildir mail.zst files && mkdir $MAIL/ann && mv files $MAIL/ann/maildir && chown -R --reference=$MAIL/joe $MAIL/ann`).Wants(0)
		harness.Same(t, joe.Dump(t), ann.Dump(t))
		b.Sh(`imap-fetch $DST -o back.zst && imap-diff --report --equal mail.zst back.zst >&2`).Wants(0)
		b.Sh(`imap-list --subscribed $SRC | jq -r .name >want && imap-list --subscribed $DST | jq -r .name | cmp want -`).Wants(0)
	})
	t.Run("with its UIDs", func(t *testing.T) {
		b := b.ForTest(t)
		b.Env["DST"] = harness.Real(r, "eve").Options()
		b.Sh(`imap-fetch --source mail.zst --search 'NOT FLAGGED' -o part.zst`).Wants(0)
		b.Sh(`$TOOLS/stream-to-mail maildir part.zst files && mkdir $MAIL/eve && mv files $MAIL/eve/maildir && chown -R --reference=$MAIL/joe $MAIL/eve`).Wants(0)
		b.Sh(`imap-fetch $DST -o back.zst --overwrite`).Wants(0)
		want := b.Rows("part.zst").Of("message")
		harness.SameIDs(t, "messages", b.Rows("back.zst").Of("message").Ids(), want.Ids())
		for i, r := range b.Rows("back.zst").Of("message") {
			if r.UIDValidity != want[i].UIDValidity || r.SHA256 != want[i].SHA256 {
				t.Errorf("%+v, want %+v", r, want[i])
			}
		}
	})
	t.Run("pushed", func(t *testing.T) {
		b := b.ForTest(t)
		b.Env["DST"] = harness.Real(r, "bob").Options()
		b.Sh(`$TOOLS/mail-to-stream maildir $MAIL/joe/maildir | imap-diff $DST | imap-push $DST`).Wants(0)
		harness.Equal(t, joe, harness.Real(r, "bob"))
	})
}

// TestMailFilesServed: Dovecot serves directories in directories, and mboxes,
// flags included.
func TestMailFilesServed(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(100))
	src := harness.Embedded(server, "joe")
	b := harness.NewShell(t).With("SRC", src.Options()).WithTools()
	b.Sh(`imap-fetch $SRC -o mail.zst`).Wants(0)
	t.Run("nested", func(t *testing.T) {
		r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "mail_location = maildir:@DIR@/mail/%u/maildir:LAYOUT=fs"})
		b := b.With("MAIL", filepath.Join(r.Dir, "mail"))
		b.T = t
		b.Sh(`$TOOLS/stream-to-mail --nested maildir mail.zst nested && mkdir $MAIL/joe && mv nested $MAIL/joe/maildir && chown -R --reference=$MAIL $MAIL/joe`).Wants(0)
		harness.Equal(t, src, harness.Real(r, "joe"))
	})
	t.Run("mbox", func(t *testing.T) {
		r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Format: "mbox"})
		b := b.With("MAIL", filepath.Join(r.Dir, "mail"))
		b.T = t
		b.Sh(`$TOOLS/stream-to-mail mbox mail.zst mbox && mkdir $MAIL/joe $MAIL/joe/mbox && mv mbox/INBOX.mbox $MAIL/joe/mbox/inbox && mv mbox/Sent.mbox $MAIL/joe/mbox/Sent && chown -R --reference=$MAIL $MAIL/joe`).Wants(0)
		var want []imaptest.Entry
		for _, e := range src.Dump(t) {
			if e.Path == "INBOX" || e.Path == "Sent" {
				// Dovecot knows of keywords only those of its X-IMAPbase.
				e.Flags = slices.DeleteFunc(slices.Clone(e.Flags), func(flag string) bool { return flag[0] != '\\' })
				want = append(want, e)
			}
		}
		harness.Same(t, want, harness.Real(r, "joe").Dump(t))
	})
}

// TestMailFilesOfOthers: mail that other programs have put down.
func TestMailFilesOfOthers(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).WithTools()
	one, two := "Received: by b; Thu, 2 Jan 2020 01:00:00 +0100\nDate: Wed, 1 Jan 2020 00:00:00 +0000\nSubject: one\n\nHello\n", "Subject: two\n\nFrom\x20here\n"
	put := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(b.Path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		b.Write(name, []byte(text))
		if err := os.Chtimes(b.Path(name), time.Time{}, harness.Day(0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, script string
		files        map[string]string
		want         []string // folder, flags, date, octets
	}{
		{"Maildir++", `maildir`, map[string]string{
			"cur/1433152801.a.host:2,FRS": one, "new/1433152800.b.host": two, "tmp/1433152802.c.host": one, "cur/1433152803.p.host:2,Sab": two, "dovecot-keywords": "0 work\n1 $Junk\n9 not here\n",
			".Entw&APw-rfe.2019/cur/1.host:2,T": two, ".Entw&APw-rfe.2019/maildirfolder": "", ".odd&name/cur/x": one, "subscriptions": "Entw&APw-rfe.2019\n", "dovecot.index": "x",
		}, []string{
			`INBOX [] 2015-06-01T10:00:00+00:00 ` + two, `INBOX [\Answered \Flagged \Seen] 2015-06-01T10:00:00+00:00 ` + one, `INBOX [$Junk \Seen work] 2015-06-01T10:00:00+00:00 ` + two,
			`Entwürfe/2019 [\Deleted] 2015-06-01T10:00:00+00:00 ` + two, `odd&name [] 2015-06-01T10:00:00+00:00 ` + one,
		}},
		{"Maildirs in a tree", `--date received maildir`, map[string]string{
			"INBOX/cur/1": one, "Work/2019/cur/1:2,S": two, "Work/2019/new/2": one, "Work/tmp/x": one,
		}, []string{`INBOX [] 2020-01-02T01:00:00+01:00 ` + one, `Work/2019 [\Seen] 2015-06-01T10:00:00+00:00 ` + two, `Work/2019 [] 2020-01-02T01:00:00+01:00 ` + one}},
		{"mboxes of Thunderbird", `mbox`, map[string]string{
			"Inbox":            "From - Thu Jan  2 03:04:05 2020\nX-Status: AF\nStatus: RO\nX-Keywords: work $Junk   \n" + one + "\nFrom joe@x Thu Jan  2 03:04:06 +0530 2020\n" + strings.ReplaceAll(two, "From", ">From"),
			"Archive.sbd/2019": "From ann Thu Jan 12 03:04:07 2020\r\n" + strings.ReplaceAll(two, "\n", "\r\n") + "\r\n",
			"Archive":          "", "Inbox.msf": "From x", "notes.txt": "not mail", "Old.mbox/mbox": "From ann Thu Jan  2 03:04:08 CET 2020\n" + two + "\n", "Empty.mbox": "",
		}, []string{
			`INBOX [$Junk \Answered \Flagged \Seen work] 2020-01-02T03:04:05+00:00 X-Status: AF` + "\nStatus: RO\nX-Keywords: work $Junk   \n" + one, `INBOX [] 2020-01-02T03:04:06+05:30 ` + two,
			`Archive/2019 [] 2020-01-12T03:04:07+00:00 ` + two, `Old [] 2020-01-02T03:04:08+00:00 ` + two,
		}},
		{"eml", `eml`, map[string]string{
			"a.eml": one, "b.EML": two, "c.txt": one, "Arch/ive/x.eml": strings.ReplaceAll(one, "\n", "\r\n"), ".git/y.eml": one, "100%/z.eml": one,
		}, []string{
			`INBOX [] 2020-01-02T01:00:00+01:00 ` + one, `INBOX [] 2015-06-01T10:00:00+00:00 ` + two, `100% [] 2020-01-02T01:00:00+01:00 ` + one, `Arch/ive [] 2020-01-02T01:00:00+01:00 ` + one,
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := b.ForTest(t)
			for name, text := range c.files {
				put(c.what+"/"+name, text)
			}
			b.Sh(`$TOOLS/mail-to-stream ` + c.script + ` '` + c.what + `' >back && imap-list --source back --verify`).Wants(0)
			var got []string
			for _, r := range b.Records("back") {
				got = append(got, fmt.Sprintf("%s %s %s %s", r.Folder, r.Flags, r.InternalDate, strings.ReplaceAll(*r.Body, "\r\n", "\n")))
				if strings.Count(*r.Body, "\r\n") != strings.Count(*r.Body, "\n") {
					t.Errorf("bare LF in %q", *r.Body)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("\n%q, want\n%q", got, c.want)
			}
		})
	}
	t.Run("what cannot be read", func(t *testing.T) {
		b := b.ForTest(t)
		b.Sh(`mkdir -p odd/cur odd/.Sub && mkfifo odd/cur/2 && ln -s nowhere odd/cur/3 && mkdir odd/cur/4 && touch odd/.Sub/cur && printf 'Subject: x\n' >odd/cur/1`).Wants(0)
		b.Sh(`$TOOLS/mail-to-stream maildir odd >back`).Wants(3).Says("INBOX UID 2: not a regular file")
		if failed := b.Rows("back").Of("failed"); len(failed) != 3 || failed[0].Reason != "unreadable" {
			t.Errorf("%+v", failed)
		}
		b.Sh(`imap-list --source back --verify`).Wants(0)
	})
}

// TestMailFilesAreMail: other readers find in the files what was put there.
func TestMailFilesAreMail(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(80))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "joe").Options()).WithTools()
	b.Sh(`imap-fetch $SRC -o mail.zst && for f in maildir mbox eml; do $TOOLS/stream-to-mail $f mail.zst $f || exit; $TOOLS/mail-to-stream $f $f >$f.back && imap-diff --report --equal mail.zst $f.back >&2 || exit; done`).Wants(0)
	b.Sh(`! grep -rlq "$(printf '\r')" maildir/cur maildir/.*/cur mbox && grep -rlq "$(printf '\r')" eml`).Wants(0)
	b.Write("count.py", []byte(`
import mailbox
print(len(mailbox.Maildir("maildir")), len(mailbox.mbox("mbox/INBOX.mbox")), len(mailbox.Maildir("maildir").get_folder("Archive.2019.Q1")), len(mailbox.mbox("mbox/Archive/2019/Q1.mbox")))
`))
	var inbox, archive int
	for _, e := range harness.Embedded(server, "joe").Dump(t) {
		if e.Path == "INBOX" {
			inbox++
		}
		if e.Path == "Archive/2019/Q1" {
			archive++
		}
	}
	if o := b.Sh(`python3 count.py`).Wants(0); strings.TrimSpace(o.Stdout) != fmt.Sprint(inbox, inbox, archive, archive) || inbox == 0 {
		t.Errorf("%d and %d: %s", inbox, archive, o)
	}
	b.Sh(`jq -r '"\(.sha256)  eml/\(.file)"' eml/index.ndjson | sha256sum -c --quiet`).Wants(0)
}

// TestStreamFilters: the filters of streams.jq keep what a stream needs.
func TestStreamFilters(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	b, _, _ := archived(t)
	b = b.WithTools()
	filter := func(f string) string {
		return `zstdcat mail.zst | jq -cn -L $TOOLS 'include "streams"; ` + f + `'`
	}
	b.Sh(filter(`messages(true)`) + ` >out && zstdcat mail.zst | cmp - out`).Wants(0)
	b.Sh(filter(`folders(true)`) + ` >out && zstdcat mail.zst | cmp - out`).Wants(0)
	b.Sh(filter(`change(.)`) + ` >out && zstdcat mail.zst | cmp - out`).Wants(0)
	b.Sh(filter(`messages(.size < 1e6)`) + ` >out && ! grep -q '^{"type":"body"' out && imap-fetch --source out --edited -o part.zst && imap-fetch --source mail.zst --max-size 999999 -o other.zst`).Wants(0)
	b.Sh(`imap-diff --report --equal other.zst part.zst >&2`).Wants(0)
	b.Sh(filter(`messages(.size >= 1e6)`) + ` | imap-fetch --source - --edited -o part.zst && imap-fetch --source mail.zst --min-size 1000000 -o other.zst && imap-diff --report --equal other.zst part.zst >&2`).Wants(0)
	b.Sh(filter(`folders(.name | test("^(Sent|Large)$"))`) + ` | imap-fetch --source - --edited -o part.zst && imap-fetch --source mail.zst --folder Sent --folder Large -o other.zst && imap-diff --report --equal other.zst part.zst >&2`).Wants(0)
	b.Sh(filter(`change(.flags -= ["\\Seen"] | .x_note = "n")`) + ` >out && imap-fetch --source out --edited --level none >part && imap-list --source part --verify`).Wants(0)
	for _, r := range b.Rows("part").Of("message") {
		if slices.Contains(r.Flags, `\Seen`) {
			t.Errorf("%+v", r)
		}
	}
	b.Sh(`grep -q '"x_note":"n","body":' out && grep -c '"x_note"' part`).Wants(0)
}
