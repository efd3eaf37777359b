package archive

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// flipLetter changes one letter in the body of the message whose text has a word, and
// nothing else of a plain stream.
func flipLetter(b *harness.Shell, from, to, word string) {
	octets := b.Read(from)
	i := bytes.Index(octets, []byte(word))
	if i < 0 {
		b.T.Fatalf("%s holds no %q", from, word)
	}
	octets[i+2] ^= 1
	b.Write(to, octets)
}

// TestDamagedBodies: what the hash of a stream does not cover is found wherever
// a verdict is spoken or an archive is made, and costs the message alone.
func TestDamagedBodies(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	joe := server.Account("joe")
	joe.AddMailbox("INBOX")
	joe.AddMailbox("Work")
	texts := map[string][]byte{ // by UID and folder
		"INBOX small":  harness.Letter("one", "the small one is here\n"),
		"INBOX second": harness.Letter("two", "the second is well\n"),
		"Work large":   harness.Letter("three", strings.Repeat("many lines of a large message\n", 50000)+"and its farewell\n"),
		"Work latin":   harness.Letter("four", "caf\xe9 in base64 "+strings.Repeat("\xe9\xe8", 99)+"\n"),
		"Work last":    harness.Letter("five", "nothing is wrong with this\n"),
	}
	for _, place := range []string{"INBOX small", "INBOX second", "Work large", "Work latin", "Work last"} {
		folder, _, _ := strings.Cut(place, " ")
		joe.AddMessage(folder, nil, harness.Day(1), texts[place])
	}
	all := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	all.Sh(`imap-fetch --level none $SRC -o good && imap-fetch --hash --level none $SRC -o hashes && imap-fetch --headers --level none $SRC -o headers`).Wants(0)
	all.Sh(`imap-diff $DST good | imap-push $DST >receipts`).Wants(0)
	all.Sh(`imap-diff --report --equal --exit-code good good`).Wants(0).Prints("\nequal\n").PrintsNot("bodies not compared")
	all.Sh(`imap-diff --report --equal --exit-code $DST good`).Wants(0).Prints("bodies not compared: 5 messages")
	all.Sh(`imap-diff --report --equal --exit-code headers good`).Wants(0).Prints("bodies not compared: 5 messages")
	all.Sh(`imap-diff --report --verify --equal $DST good`).Wants(0).PrintsNot("bodies not compared")
	latin := regexp.MustCompile(`"body_base64":"[^"]{80}`).Find(all.Read("good"))
	if latin == nil {
		t.Fatal("no body in base64")
	}
	for name, word := range harness.Some(t, 2, map[string]string{"small": "the small one", "large, last part": "and its farewell", "large, first part": "many lines of a large", "base64": string(latin[40:60])}) {
		t.Run(name, func(t *testing.T) {
			user := "new-" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
			b := harness.NewShell(t).With("DST", harness.Embedded(server, "dst").Options()).With("NEW", harness.Embedded(server, user).Options())
			for _, file := range []string{"good", "hashes", "headers"} {
				b.Write(file, all.Read(file))
			}
			flipLetter(b, "good", "bad", word)
			folder, uid := "INBOX", 1
			if name != "small" {
				folder, uid = "Work", map[byte]int{'l': 1, 'b': 2}[name[0]]
			}
			named := fmt.Sprintf(`"folder":%q,`, folder)
			for i, script := range []string{
				`imap-diff --report --equal --format ndjson bad good`, `imap-diff --report --exit-code --format ndjson bad hashes`, `imap-diff --report --format ndjson bad headers`,
				`imap-diff --report --equal --format ndjson $DST bad`, `cat bad | imap-diff --report --format ndjson - good`,
			} {
				if harness.Long() || name == "small" || (i+len(name))%2 == 0 {
					b.Sh(script).Wants(3).Prints(fmt.Sprintf(`%s"uid":%d`, named, uid), `"reason":"damaged"`, `"failed":1`, `"type":"summary","folders_missing":0,"listed":5,`)
				}
			}
			b.Sh(`imap-diff --report --equal --format ndjson good bad`).Wants(3).Prints(`"reason":"damaged"`, fmt.Sprintf(`"target_uid":%d`, uid), `"missing":1`)
			b.Sh(`imap-diff --report --exit-code --key message-id bad good`).Wants(3)
			for i, script := range []string{`imap-fetch --source bad -o new`, `imap-fetch --hash --source bad -o new`, `imap-fetch --source bad --min-size 1 -o new`, `cat bad | imap-fetch --source - -o new`, `imap-fetch --source good --select headers -o new`} {
				if !harness.Long() && name != "small" && (i+len(name))%2 > 0 {
					continue
				}
				want := 3
				if strings.Contains(script, "--select") {
					script = strings.Replace(script, "--source good", "--source bad", 1)
				}
				b.Sh(`rm -f new; ` + script).Wants(want)
				if failed := b.Rows("new").Of("failed"); len(failed) != 1 || failed[0].Folder != folder || int(failed[0].UID) != uid || failed[0].Reason != "damaged" {
					t.Errorf("%s: failed records are %+v", script, failed)
				}
				b.Sh(`imap-list --source new --verify >/dev/null`).Wants(0)
			}
			b.Sh(`imap-fetch --headers --source bad -o new --overwrite`).Wants(0)
			b.Sh(`imap-diff $NEW bad | imap-push $NEW >receipts`).Wants(65)
			if got := len(harness.Embedded(server, user).Dump(t)); got != 4 {
				t.Errorf("%d messages at the destination, want 4", got)
			}
			b.Sh(`imap-diff --delete-source --level none bad >plan`).Wants(3)
			if n := len(b.Rows("plan").Of("delete")); n != 4 {
				t.Errorf("%d messages to delete, want 4", n)
			}
		})
	}
}

// TestStreamsThatLie: a key that is not that of the octets fails its message in a
// report; another sha256 for the same message is damage; a message that is
// damaged in a base is fetched again.
func TestStreamsThatLie(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	joe := server.Account("joe")
	joe.AddMailbox("INBOX")
	for i, text := range []string{"first\n", "second\n", strings.Repeat("third, and large\n", 80000)} {
		joe.AddMessage("INBOX", nil, harness.Day(i+1), harness.Letter(fmt.Sprint("m", i), text))
	}
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch --level none $SRC -o good`).Wants(0)
	b.Sh(`jq -c 'if .type == "message" and .uid >= 2 then .key = "recipe:00000000000000000000000000000001" else . end' good >liar`).Wants(0)
	b.Sh(`imap-diff --report --edited --format ndjson liar good`).Wants(3).Prints(`"uid":2,"reason":"key-changed"`, `"uid":3,"reason":"key-changed"`, `"failed":2`)
	b.Sh(`sed 's/second/SECOND/' good >other; S=$(jq -j 'select(.uid == 2).body' other | sha256sum | cut -d" " -f1); jq -c --arg s $S 'if .uid == 2 then .sha256 = $s else . end' other | imap-fetch --edited --level none --source - >another`).Wants(0)
	b.Sh(`imap-list --source another --verify >/dev/null && cat good another >both`).Wants(0)
	for _, script := range []string{`imap-fetch --source both -o new`, `imap-fetch --source good --source another -o new`, `imap-fetch --hash --source both -o new`, `imap-list --source both --verify`, `imap-diff --report both good`, `imap-diff $DST both`} {
		b.Sh(script + ` >out`).Wants(65)
	}
	flipLetter(b, "good", "bad", "second")
	joe.AddMessage("INBOX", nil, harness.Day(4), harness.Letter("m4", "fourth\n"))
	b.Sh(`imap-fetch --base bad --level none $SRC -o delta`).Wants(0)
	var uids []uint64
	for _, r := range b.Rows("delta").Of("message") {
		if r.Body != nil {
			uids = append(uids, r.UID)
		}
	}
	if fmt.Sprint(uids) != "[2 4]" {
		t.Errorf("the delta brings %v, want [2 4]", uids)
	}
	b.Sh(`imap-fetch --source bad --source delta -o whole`).Wants(3)
	b.Sh(`imap-diff $DST whole | imap-push $DST >receipts`).Wants(3)
	if got := len(harness.Embedded(server, "dst").Dump(t)); got != 4 {
		t.Errorf("%d messages at the destination, want 4", got)
	}
}

// TestKilledBeforeItWritesPlain: the same where nothing is compressed. The command
// is killed when it waits for a FIFO.
func TestKilledBeforeItWritesPlain(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("joe").AddMailbox("INBOX")
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	b.Sh(`mkfifo waits`)
	for _, waits := range []string{`imap-fetch $SRC --level none --select waits`, `imap-fetch $SRC -level=none --base waits`, `imap-diff $DST --level none --map-file waits`, `imap-diff --level none $DST waits`} {
		for _, next := range []string{`imap-fetch --select - $SRC -o x --overwrite`, `imap-diff $DST`, `imap-push --unconditional $DST`, `imap-list --verify --source -`} {
			b.Sh(`{ ` + waits + ` & p=$!; exec 3>waits; kill -9 $p; } 2>/dev/null </dev/null | ` + next + ` >/dev/null`).Wants(65)
		}
	}
	b.Sh(`imap-fetch $SRC --level none >plain && imap-fetch $SRC --level none | cmp - plain`).Wants(0)
	b.Sh(`imap-fetch $SRC --level none --folder Nowhere --include '(' | imap-diff $DST >/dev/null`).Wants(64)
}

// TestKilledWhileItOpens: a command that dies while it waits, before it
// has written a record, leaves a stream that is cut, not one that names nothing.
func TestKilledWhileItOpens(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("joe").AddMailbox("INBOX")
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "dst"))
	b.Sh(`mkfifo waits`)
	for _, waits := range []string{
		`imap-fetch --account ./waits`, `imap-fetch $SRC --select waits`, `imap-fetch $SRC --base waits`, `imap-fetch $SRC --source waits`, `imap-fetch --source waits`,
		`imap-fetch $DST --password-command 'echo >waits; sleep 9'`, `imap-diff $DST --map-file waits`, `imap-diff $DST waits`,
	} {
		for next, code := range map[string]int{`imap-fetch --select - $SRC -o x --overwrite`: 65, `imap-diff $DST`: 65, `imap-push --unconditional $DST`: 65} {
			until := `exec 3>waits` // it waits for the FIFO
			switch waits {
			case `imap-fetch $SRC --source waits`:
				code, until = 64, `wait $p` // that is a mistake, and says so
			case `imap-fetch $DST --password-command 'echo >waits; sleep 9'`:
				until = `cat waits`
			}
			b.Sh(`{ ` + waits + ` & p=$!; ` + until + `; kill -9 $p 2>/dev/null; } 2>/dev/null </dev/null | ` + next + ` >/dev/null`).Wants(code)
		}
	}
}
