package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
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
	src := real(dovecot, "src")
	src.fill(t, imaptest.Spread(imaptest.Generate(38, 300)))
	for name, start := range some(t, 1, joeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := between(t, src, dst)
			b.sh(straight).wants(0).appended(300)
			equal(t, src, dst)
			b.sh(straight).wants(0).appended(0)
			b.sh(`imap-fetch $SRC | imap-diff --level none $DST >plan; grep -c '"type":"message"' plan`).wants(1)
		})
	}
}

// TestSecondRunWithOtherKeys: whatever the key, a second run has nothing to do.
func TestSecondRunWithOtherKeys(t *testing.T) {
	t.Parallel()
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(dovecot, "src")
	src.fill(t, withOdd(mail(60)))
	all := len(src.dump(t))
	for i, key := range someOf(t, 3, []string{"Message-Id", "Received", "ALL", "ALL,-X-*,-Date", "message-id-local,date"}) {
		t.Run(key, func(t *testing.T) {
			dst := real(dovecot, fmt.Sprint("dst-", i))
			scripts := ways("--key '"+key+"'", "")
			b := between(t, src, dst)
			b.sh(scripts["straight"]).wants(0).appended(all)
			equal(t, src, dst)
			for name, script := range scripts {
				if long() || i == 0 || name == "pipe" {
					b.sh(script).wants(0).appended(0)
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
	src, dst := real(dovecot, "src"), real(dovecot, "dst")
	src.fill(t, withOdd(mail(60)))
	b := between(t, src, dst)
	scripts := ways("--key X-Nowhere", "")
	b.sh(scripts["straight"]).wants(0).appended(len(src.dump(t)))
	equal(t, src, dst)
	for _, script := range scripts {
		b.sh(script).wants(0).appended(0)
	}
}

// TestNoKeyHeader: a message without any header of the key is carried
// over, once, and two merged folders keep both of theirs.
func TestNoKeyHeader(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	for _, folder := range []string{"a", "b"} {
		account.AddMessage(folder, nil, day(1), []byte("\r\nnothing but a text\r\n"))
		account.AddMessage(folder, nil, day(1), []byte("X-Mailer: none\r\n\r\nin "+folder+"\r\n"))
		account.AddMessage(folder, nil, day(2), []byte("X-Mailer: none\r\n\r\nin "+folder+"\r\n"))
		account.AddMessage(folder, nil, day(3), []byte("no header at all"))
	}
	src := embedded(server, "src")
	for name, script := range ways("", "--map a=All --map b=All") {
		t.Run(name, func(t *testing.T) {
			dst := embedded(server, "dst-"+name)
			b := between(t, src, dst)
			into(t, src, dst, b.sh(script).wants(0).appended(8))
			b.sh(script).wants(0).appended(0)
		})
	}
}

// TestDuplicatesAtTheSource: three equal messages here and one there: by default two
// are appended, with --dedup folder none.
func TestDuplicatesAtTheSource(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	m := imaptest.Message{Octets: letter("equal", "Hello\n"), InternalDate: day(1)}
	other := imaptest.Message{Octets: letter("other", "Hello\n"), InternalDate: day(2)}
	src := letters(server, "src", m, m, other, m, other)
	for name, script := range ways("", "") {
		t.Run(name, func(t *testing.T) {
			dst := letters(server, "dst-"+name, m)
			between(t, src, dst).sh(script).wants(0).appended(4)
			equal(t, src, dst)
		})
	}
	for name, script := range ways("", "--dedup folder") {
		t.Run(name+", unique", func(t *testing.T) {
			dst := letters(server, "dst-u-"+name, m)
			b := between(t, src, dst)
			o := b.sh(script).wants(0).appended(1).says(`"INBOX": 3 messages left out that the source has in "INBOX" 3`)
			if n := len(o.receipts().of("skipped")); n != 3 {
				t.Errorf("%d receipts of what was left out", n)
			}
			b.sh(script).wants(0).appended(0)
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
		octets := letter(fmt.Sprint("message ", i), "Hello\n")
		for _, folder := range [][]string{{"INBOX", "label"}, {"label", "[Gmail]/Starred"}, {"INBOX"}, {}}[i%4] {
			gmail.AddMessage(folder, nil, day(i), octets)
		}
		gmail.AddMessage("[Gmail]/All Mail", nil, day(i), octets)
	}
	gmail.AddMessage("INBOX", nil, day(1), letter("message 3", "Another text\n")) // it is another message
	src := embedded(server, "src")
	for order, want := range map[string]map[string]int{
		``:                                  {"INBOX": 7, "label": 3, "[Gmail]/All Mail": 3},
		`--folder-first label`:              {"INBOX": 4, "label": 6, "[Gmail]/All Mail": 3},
		`--folder-first '[Gmail]/All Mail'`: {"INBOX": 1, "[Gmail]/All Mail": 12},
	} {
		for name, script := range ways(order, "--dedup account") {
			t.Run(order+" "+name, func(t *testing.T) {
				dst := embedded(server, fmt.Sprint("dst-", name, len(order)))
				b := between(t, src, dst)
				o := b.sh(script).wants(0).appended(13)
				if order == "" {
					o.says(`"label": 3 messages left out that the source has in "INBOX" 3`, `"[Gmail]/All Mail": 9 messages left out that the source has in "INBOX" 6, "label" 3`)
				} else if order != `--folder-first label` {
					o.says(`comes before some of them`)
				}
				got := map[string]int{}
				for _, e := range dst.dump(t) {
					got[e.Folder]++
				}
				if !maps.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				b.sh(script).wants(0).appended(0)
			})
		}
	}
}

// TestEmptiedDestination: what receipts say to be present and somebody
// has removed is planned again.
func TestEmptiedDestination(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(40))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(remembering).wants(0).appended(40)
	b.sh(remembering).wants(0).appended(0)
	box := server.Account("dst").Messages("INBOX")
	for _, e := range box {
		server.Account("dst").Expunge("INBOX", e.UID)
	}
	b.sh(remembering).wants(0).appended(len(box))
	equal(t, src, dst)
	b.sh(remembering).wants(0).appended(0)
}

// TestOtherUIDValidity: receipts of a folder whose UIDVALIDITY has changed
// are worth nothing; keys do, and nothing comes twice.
func TestOtherUIDValidity(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"src", "dst"} {
		t.Run(side, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
			server.Account("src").Fill(mail(40))
			src, dst := embedded(server, "src"), embedded(server, "dst")
			b := between(t, src, dst)
			b.sh(remembering).wants(0).appended(40)
			server.Account(side).SetUIDValidity("INBOX", 77)
			b.sh(remembering).wants(0).appended(0)
			equal(t, src, dst)
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
		src, dst := embedded(server, fmt.Sprint("src-", i)), embedded(server, fmt.Sprint("dst-", i))
		server.Account(src.user).AddMessage("INBOX", nil, day(1), []byte(c.here+rest))
		server.Account(dst.user).AddMessage("INBOX", nil, day(1), []byte(c.there+rest))
		key := ""
		if c.key != "" {
			key = "--key " + c.key
		}
		between(t, src, dst).sh(`imap-fetch ` + key + ` $SRC | imap-diff --report --exit-code --explain $DST >&2`).wants(0)
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
		source.Account("src").AddMessage("INBOX", nil, day(i), []byte(start+fields))
	}
	src := embedded(source, "src")
	b := newBench(t).with("SRC", src.options())
	o := b.sh(`imap-fetch --headers --level none $SRC | sed -n 's/.*"key":"\([^"]*\)".*/\1/p' | tail -n +2 | sort | uniq -c`).wants(0)
	if want := fmt.Sprint(len(starts)); !strings.HasPrefix(strings.TrimSpace(o.stdout), want+" recipe:") {
		t.Errorf("not one key for all: %s", o.stdout)
	}
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: rewrite})
	b = between(t, src, embedded(destination, "dst"))
	b.sh(straight).wants(0).appended(len(starts))
	b.sh(straight).wants(0).appended(0)
}

// TestAllIntoOneFolder: the messages of several folders arrive in one, each once,
// on a server that renames them too.
func TestAllIntoOneFolder(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	equal := letter("in each", "Hello\n")
	for i, m := range imaptest.Generate(47, 30) {
		folder := []string{"a", "b", "c"}[i%3]
		server.Account("src").AddMessage(folder, m.Flags, m.InternalDate, m.Octets)
		if i < 3 {
			server.Account("src").AddMessage(folder, nil, day(1), equal)
		}
	}
	src := embedded(server, "src")
	renamed := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: renaming})
	const into1 = ` --map a=All --map b=All --map c=All `
	for name, dst := range map[string]account{"plain": embedded(server, "dst"), "renaming": embedded(renamed, "dst")} {
		t.Run(name, func(t *testing.T) {
			b := between(t, src, dst)
			b.write("receipts", nil)
			for form, script := range map[string]string{
				"file": `imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts` + into1 + `$DST mail | imap-push --allow rewrite $DST | tee -a receipts`,
				"pipe": `imap-fetch --headers $SRC | imap-diff --receipts receipts` + into1 + `$DST | imap-fetch --select - $SRC | imap-push --allow rewrite $DST | tee -a receipts`,
			} {
				o := b.sh(script).wants(0)
				if n := len(dst.dump(t)); n != 33 {
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
	src := real(dovecot, "src")
	src.fill(t, withOdd(imaptest.Spread(imaptest.Generate(9, 60))))
	all := src.dump(t)
	for name, start := range some(t, 1, joeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := between(t, src, dst)
			b.sh(remembering).wants(0).appended(len(all))
			b.sh(remembering).wants(0).appended(0)
			// By another key than that of the receipts, so that only they tell.
			b.sh(`imap-fetch --key x-nowhere $SRC -o other && sed 's/"key":"[^"]*"/"key":"recipe:0"/' receipts >r && imap-diff --report --exit-code --receipts r $DST other >&2`).wants(0)
		})
	}
}
