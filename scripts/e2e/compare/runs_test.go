package compare

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// remembering is the offline pipeline with receipts of earlier runs.
const remembering = `touch receipts && imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts $DST mail | imap-push --allow rewrite $DST | tee -a receipts`

// ways are the two pipelines with options for imap-fetch and imap-diff.
func ways(fetch, diff string) map[string]string {
	return map[string]string{
		"file":     `imap-fetch ` + fetch + ` $SRC -o mail --restart && imap-diff ` + diff + ` $DST mail | imap-push $DST`,
		"pipe":     `imap-fetch ` + fetch + ` $SRC | imap-diff ` + diff + ` $DST | imap-push $DST`,
		"straight": `imap-fetch ` + fetch + ` --headers $SRC | imap-diff ` + diff + ` $DST | imap-fetch --select - $SRC | imap-push $DST`,
	}
}

// TestSecondRunHasNothingToDo: the second run plans nothing and appends nothing.
func TestSecondRunHasNothingToDo(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(dovecot, "src")
	src.Fill(t, imaptest.Spread(imaptest.Generate(38, 300)))
	for name, start := range harness.Some(t, 1, harness.JoeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := harness.Between(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(300)
			harness.Equal(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC | imap-diff --level none $DST >plan; grep -c '"type":"message"' plan`).Wants(1)
		})
	}
}

// TestSecondRunWithOtherKeys: whatever the key, a second run has nothing to do.
func TestSecondRunWithOtherKeys(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(dovecot, "src")
	src.Fill(t, harness.WithOdd(harness.Mail(60)))
	all := len(src.Dump(t))
	for i, key := range harness.SomeOf(t, 3, []string{"Message-Id", "Received", "ALL", "ALL,-X-*,-Date", "message-id-local,date"}) {
		t.Run(key, func(t *testing.T) {
			dst := harness.Real(dovecot, fmt.Sprint("dst-", i))
			scripts := ways("--key '"+key+"'", "")
			b := harness.Between(t, src, dst)
			b.Sh(scripts["straight"]).Wants(0).Appended(all)
			harness.Equal(t, src, dst)
			for name, script := range scripts {
				if harness.Long() || i == 0 || name == "pipe" {
					b.Sh(script).Wants(0).Appended(0)
				}
			}
		})
	}
}

// TestKeyThatIsNowhere: the fallback makes keys; nothing is lost, and
// nothing comes twice.
func TestKeyThatIsNowhere(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(dovecot, "src"), harness.Real(dovecot, "dst")
	src.Fill(t, harness.WithOdd(harness.Mail(60)))
	b := harness.Between(t, src, dst)
	scripts := ways("--key X-Nowhere", "")
	b.Sh(scripts["straight"]).Wants(0).Appended(len(src.Dump(t)))
	harness.Equal(t, src, dst)
	for _, script := range scripts {
		b.Sh(script).Wants(0).Appended(0)
	}
}

// TestNoKeyHeader: a message without any header of the key is carried
// over, once, and two merged folders keep both of theirs.
func TestNoKeyHeader(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	for _, folder := range []string{"a", "b"} {
		account.AddMessage(folder, nil, harness.Day(1), []byte("\r\nnothing but a text\r\n"))
		account.AddMessage(folder, nil, harness.Day(1), []byte("X-Mailer: none\r\n\r\nin "+folder+"\r\n"))
		account.AddMessage(folder, nil, harness.Day(2), []byte("X-Mailer: none\r\n\r\nin "+folder+"\r\n"))
		account.AddMessage(folder, nil, harness.Day(3), []byte("no header at all"))
	}
	src := harness.Embedded(server, "src")
	for name, script := range ways("", "--map a=All --map b=All") {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(server, "dst-"+name)
			b := harness.Between(t, src, dst)
			into(t, src, dst, b.Sh(script).Wants(0).Appended(8))
			b.Sh(script).Wants(0).Appended(0)
		})
	}
}

// TestDuplicatesAtTheSource: three equal messages here and one there: by default two
// are appended, with --dedup folder none.
func TestDuplicatesAtTheSource(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	m := imaptest.Message{Octets: harness.Letter("equal", "Hello\n"), InternalDate: harness.Day(1)}
	other := imaptest.Message{Octets: harness.Letter("other", "Hello\n"), InternalDate: harness.Day(2)}
	src := harness.Letters(server, "src", m, m, other, m, other)
	for name, script := range ways("", "") {
		t.Run(name, func(t *testing.T) {
			dst := harness.Letters(server, "dst-"+name, m)
			harness.Between(t, src, dst).Sh(script).Wants(0).Appended(4)
			harness.Equal(t, src, dst)
		})
	}
	for name, script := range ways("", "--dedup folder") {
		t.Run(name+", unique", func(t *testing.T) {
			dst := harness.Letters(server, "dst-u-"+name, m)
			b := harness.Between(t, src, dst)
			o := b.Sh(script).Wants(0).Appended(1).Says(`"INBOX": 3 messages left out that the source has in "INBOX" 3`)
			if n := len(o.Receipts().Of("skipped")); n != 3 {
				t.Errorf("%d receipts of what was left out", n)
			}
			b.Sh(script).Wants(0).Appended(0)
		})
	}
}

// TestEachMessageOnce: a message in three folders arrives in the first of them; All
// Mail gets the rest, and the order that was asked for decides.
func TestEachMessageOnce(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	gmail := server.Account("src")
	gmail.AddMailbox("INBOX")
	gmail.AddMailbox("[Gmail]", `\Noselect`)
	gmail.AddMailbox("[Gmail]/All Mail", `\All`)
	gmail.AddMailbox("[Gmail]/Starred", `\Flagged`)
	gmail.AddMailbox("label")
	for i := range 12 {
		octets := harness.Letter(fmt.Sprint("message ", i), "Hello\n")
		for _, folder := range [][]string{{"INBOX", "label"}, {"label", "[Gmail]/Starred"}, {"INBOX"}, {}}[i%4] {
			gmail.AddMessage(folder, nil, harness.Day(i), octets)
		}
		gmail.AddMessage("[Gmail]/All Mail", nil, harness.Day(i), octets)
	}
	gmail.AddMessage("INBOX", nil, harness.Day(1), harness.Letter("message 3", "Another text\n")) // it is another message
	src := harness.Embedded(server, "src")
	for order, want := range map[string]map[string]int{
		``:                                  {"INBOX": 7, "label": 3, "[Gmail]/All Mail": 3},
		`--folder-first label`:              {"INBOX": 4, "label": 6, "[Gmail]/All Mail": 3},
		`--folder-first '[Gmail]/All Mail'`: {"INBOX": 1, "[Gmail]/All Mail": 12},
	} {
		for name, script := range ways(order, "--dedup account") {
			t.Run(order+" "+name, func(t *testing.T) {
				dst := harness.Embedded(server, fmt.Sprint("dst-", name, len(order)))
				b := harness.Between(t, src, dst)
				o := b.Sh(script).Wants(0).Appended(13)
				if order == "" {
					o.Says(`"label": 3 messages left out that the source has in "INBOX" 3`, `"[Gmail]/All Mail": 9 messages left out that the source has in "INBOX" 6, "label" 3`)
				} else if order != `--folder-first label` {
					o.Says(`comes before some of them`)
				}
				got := map[string]int{}
				for _, e := range dst.Dump(t) {
					got[e.Folder]++
				}
				if !maps.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				b.Sh(script).Wants(0).Appended(0)
			})
		}
	}
}

// TestEmptiedDestination: what receipts say to be present and somebody
// has removed is planned again.
func TestEmptiedDestination(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(40))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(remembering).Wants(0).Appended(40)
	b.Sh(remembering).Wants(0).Appended(0)
	box := server.Account("dst").Messages("INBOX")
	for _, e := range box {
		server.Account("dst").Expunge("INBOX", e.UID)
	}
	b.Sh(remembering).Wants(0).Appended(len(box))
	harness.Equal(t, src, dst)
	b.Sh(remembering).Wants(0).Appended(0)
}

// TestOtherUIDValidity: receipts of a folder whose UIDVALIDITY has changed
// are worth nothing; keys do, and nothing comes twice.
func TestOtherUIDValidity(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"src", "dst"} {
		t.Run(side, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			server.Account("src").Fill(harness.Mail(40))
			src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
			b := harness.Between(t, src, dst)
			b.Sh(remembering).Wants(0).Appended(40)
			server.Account(side).SetUIDValidity("INBOX", 77)
			b.Sh(remembering).Wants(0).Appended(0)
			harness.Equal(t, src, dst)
		})
	}
}

// TestMessageIDSpellings: one message in several spellings is one message.
func TestMessageIDSpellings(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	const rest = "\r\nX: y\r\n\r\ntext\r\n"
	for i, c := range []struct{ key, here, there string }{
		{"", "Message-ID: <a b@x>\r\nDate: Sat, 3 Mar 2012 10:11:12 +0100", "Message-ID:\r\n <a\r\n  b@x>\r\nDate: Sat,\r\n 3 Mar 2012 10:11:12 +0100"},
		{"", "Message-ID: <a b@x>\r\nDate: Sat, 3 Mar 2012 10:11:12 +0100", "Message-ID:\t<a\r\n\tb@x>\r\nDate: Sat,\t3 Mar 2012\r\n\t10:11:12 +0100"},
		{"", "Message-ID: <a@x>\r\nDate: Sat, 3 Mar 2012 10:11:12 +0100", "DATE: Sat, 3 Mar 2012 10:11:12 +0100\r\nmessage-id: <a@x>"},
		{"", "Message-ID: <caf\xc3\xa9@x>\r\nDate: 3 M\xe4rz 2012", "Message-ID: <cafX@x>\r\nDate: 3 MXXXrz 2012"},
		{"subject,from", "Subject: gr\xc3\xbc\xc3\x9fe an alle\r\nFrom: J\xf6rg", "FROM: JXrg\r\nSUBJECT: grXe\r\n\tan  alle"},
		{"message-id-local,date", "Message-ID: <AbC.1@old.example>\r\nDate: 3 Mar 2012", "Date: 3 Mar 2012\r\nMESSAGE-ID:\r\n <abc.1@NEW.example>"},
		{"ALL,-X", "Message-ID: <a@x>\r\nTo: b\r\nTo: c\r\nSubject: s", "SUBJECT: s\r\nTo: b\r\nX: other\r\nMessage-ID:\r\n\t<a@x>"},
	} {
		src, dst := harness.Embedded(server, fmt.Sprint("src-", i)), harness.Embedded(server, fmt.Sprint("dst-", i))
		server.Account(src.User).AddMessage("INBOX", nil, harness.Day(1), []byte(c.here+rest))
		server.Account(dst.User).AddMessage("INBOX", nil, harness.Day(1), []byte(c.there+rest))
		key := ""
		if c.key != "" {
			key = "--key " + c.key
		}
		harness.Between(t, src, dst).Sh(`imap-fetch ` + key + ` $SRC | imap-diff --report --exit-code --explain $DST >&2`).Wants(0)
	}
}

// TestOddStartOfHeader: a header that begins with a continuation, or with a line
// that is no field, is read on.
func TestOddStartOfHeader(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	const fields = "Message-ID: <odd@x>\r\nDate: Sat, 3 Mar 2012 10:11:12 +0100\r\n\r\ntext\r\n"
	starts := []string{" a continuation\r\n\tand another\r\n", ": nameless\r\n  and more\r\n", "From joe Sat Mar  3 10:11:12 2012\r\n", "no colon here\r\n", "a name: value\r\n", ":\r\n"}
	for i, start := range starts {
		source.Account("src").AddMessage("INBOX", nil, harness.Day(i), []byte(start+fields))
	}
	src := harness.Embedded(source, "src")
	b := harness.NewShell(t).With("SRC", src.Options())
	o := b.Sh(`imap-fetch --headers --level none $SRC | sed -n 's/.*"key":"\([^"]*\)".*/\1/p' | tail -n +2 | sort | uniq -c`).Wants(0)
	if want := fmt.Sprint(len(starts)); !strings.HasPrefix(strings.TrimSpace(o.Stdout), want+" recipe:") {
		t.Errorf("not one key for all: %s", o.Stdout)
	}
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: rewrite})
	b = harness.Between(t, src, harness.Embedded(destination, "dst"))
	b.Sh(harness.Straight).Wants(0).Appended(len(starts))
	b.Sh(harness.Straight).Wants(0).Appended(0)
}

// TestAllIntoOneFolder: the messages of several folders arrive in one, each once,
// on a server that renames them too.
func TestAllIntoOneFolder(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	equal := harness.Letter("in each", "Hello\n")
	for i, m := range imaptest.Generate(47, 30) {
		folder := []string{"a", "b", "c"}[i%3]
		server.Account("src").AddMessage(folder, m.Flags, m.InternalDate, m.Octets)
		if i < 3 {
			server.Account("src").AddMessage(folder, nil, harness.Day(1), equal)
		}
	}
	src := harness.Embedded(server, "src")
	renamed := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: renaming})
	const into1 = ` --map a=All --map b=All --map c=All `
	for name, dst := range map[string]harness.Account{"plain": harness.Embedded(server, "dst"), "renaming": harness.Embedded(renamed, "dst")} {
		t.Run(name, func(t *testing.T) {
			b := harness.Between(t, src, dst)
			b.Write("receipts", nil)
			for form, script := range map[string]string{
				"file": `imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts` + into1 + `$DST mail | imap-push --allow rewrite $DST | tee -a receipts`,
				"pipe": `imap-fetch --headers $SRC | imap-diff --receipts receipts` + into1 + `$DST | imap-fetch --select - $SRC | imap-push --allow rewrite $DST | tee -a receipts`,
			} {
				o := b.Sh(script).Wants(0)
				if n := len(dst.Dump(t)); n != 33 {
					t.Errorf("%s: %d messages\n%s", form, n, o)
				}
			}
		})
	}
}

// TestReceiptsOfRealServers: Dovecot and Cyrus tell UIDs that receipts are known
// by.
func TestReceiptsOfRealServers(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := harness.Real(dovecot, "src")
	src.Fill(t, harness.WithOdd(imaptest.Spread(imaptest.Generate(9, 60))))
	all := src.Dump(t)
	for name, start := range harness.Some(t, 1, harness.JoeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := harness.Between(t, src, dst)
			b.Sh(remembering).Wants(0).Appended(len(all))
			b.Sh(remembering).Wants(0).Appended(0)
			// By another key than that of the receipts, so that only they tell.
			b.Sh(`imap-fetch --key x-nowhere $SRC -o other && sed 's/"key":"[^"]*"/"key":"recipe:0"/' receipts >r && imap-diff --report --exit-code --receipts r $DST other >&2`).Wants(0)
		})
	}
}
