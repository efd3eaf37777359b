package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// flipLetter changes one letter in the body of the message whose text has a word, and
// nothing else of a plain stream.
func flipLetter(b *bench, from, to, word string) {
	octets := b.read(from)
	i := bytes.Index(octets, []byte(word))
	if i < 0 {
		b.t.Fatalf("%s holds no %q", from, word)
	}
	octets[i+2] ^= 1
	b.write(to, octets)
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
		"INBOX small":  letter("one", "the small one is here\n"),
		"INBOX second": letter("two", "the second is well\n"),
		"Work large":   letter("three", strings.Repeat("many lines of a large message\n", 50000)+"and its farewell\n"),
		"Work latin":   letter("four", "caf\xe9 in base64 "+strings.Repeat("\xe9\xe8", 99)+"\n"),
		"Work last":    letter("five", "nothing is wrong with this\n"),
	}
	for _, place := range []string{"INBOX small", "INBOX second", "Work large", "Work latin", "Work last"} {
		folder, _, _ := strings.Cut(place, " ")
		joe.AddMessage(folder, nil, day(1), texts[place])
	}
	all := between(t, embedded(server, "joe"), embedded(server, "dst"))
	all.sh(`imap-fetch --level none $SRC -o good && imap-fetch --hash --level none $SRC -o hashes && imap-fetch --headers --level none $SRC -o headers`).wants(0)
	all.sh(`imap-diff $DST good | imap-push $DST >receipts`).wants(0)
	all.sh(`imap-diff --report --equal --exit-code good good`).wants(0).prints("\nequal\n").printsNot("bodies not compared")
	all.sh(`imap-diff --report --equal --exit-code $DST good`).wants(0).prints("bodies not compared: 5 messages")
	all.sh(`imap-diff --report --equal --exit-code headers good`).wants(0).prints("bodies not compared: 5 messages")
	all.sh(`imap-diff --report --verify --equal $DST good`).wants(0).printsNot("bodies not compared")
	latin := regexp.MustCompile(`"body_base64":"[^"]{80}`).Find(all.read("good"))
	if latin == nil {
		t.Fatal("no body in base64")
	}
	for name, word := range some(t, 2, map[string]string{"small": "the small one", "large, last part": "and its farewell", "large, first part": "many lines of a large", "base64": string(latin[40:60])}) {
		t.Run(name, func(t *testing.T) {
			user := "new-" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
			b := newBench(t).with("DST", embedded(server, "dst").options()).with("NEW", embedded(server, user).options())
			for _, file := range []string{"good", "hashes", "headers"} {
				b.write(file, all.read(file))
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
				if long() || name == "small" || (i+len(name))%2 == 0 {
					b.sh(script).wants(3).prints(fmt.Sprintf(`%s"uid":%d`, named, uid), `"reason":"damaged"`, `"failed":1`, `"type":"summary","folders_missing":0,"listed":5,`)
				}
			}
			b.sh(`imap-diff --report --equal --format ndjson good bad`).wants(3).prints(`"reason":"damaged"`, fmt.Sprintf(`"target_uid":%d`, uid), `"missing":1`)
			b.sh(`imap-diff --report --exit-code --key message-id bad good`).wants(3)
			for i, script := range []string{`imap-fetch --source bad -o new`, `imap-fetch --hash --source bad -o new`, `imap-fetch --source bad --min-size 1 -o new`, `cat bad | imap-fetch --source - -o new`, `imap-fetch --source good --select headers -o new`} {
				if !long() && name != "small" && (i+len(name))%2 > 0 {
					continue
				}
				want := 3
				if strings.Contains(script, "--select") {
					script = strings.Replace(script, "--source good", "--source bad", 1)
				}
				b.sh(`rm -f new; ` + script).wants(want)
				if failed := b.rows("new").of("failed"); len(failed) != 1 || failed[0].Folder != folder || int(failed[0].UID) != uid || failed[0].Reason != "damaged" {
					t.Errorf("%s: failed records are %+v", script, failed)
				}
				b.sh(`imap-list --source new --verify >/dev/null`).wants(0)
			}
			b.sh(`imap-fetch --headers --source bad -o new --overwrite`).wants(0)
			b.sh(`imap-diff $NEW bad | imap-push $NEW >receipts`).wants(65)
			if got := len(embedded(server, user).dump(t)); got != 4 {
				t.Errorf("%d messages at the destination, want 4", got)
			}
			b.sh(`imap-diff --delete-source --level none bad >plan`).wants(3)
			if n := len(b.rows("plan").of("delete")); n != 4 {
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
		joe.AddMessage("INBOX", nil, day(i+1), letter(fmt.Sprint("m", i), text))
	}
	b := between(t, embedded(server, "joe"), embedded(server, "dst"))
	b.sh(`imap-fetch --level none $SRC -o good`).wants(0)
	b.sh(`jq -c 'if .type == "message" and .uid >= 2 then .key = "recipe:00000000000000000000000000000001" else . end' good >liar`).wants(0)
	b.sh(`imap-diff --report --edited --format ndjson liar good`).wants(3).prints(`"uid":2,"reason":"key-changed"`, `"uid":3,"reason":"key-changed"`, `"failed":2`)
	b.sh(`sed 's/second/SECOND/' good >other; S=$(jq -j 'select(.uid == 2).body' other | sha256sum | cut -d" " -f1); jq -c --arg s $S 'if .uid == 2 then .sha256 = $s else . end' other | imap-fetch --edited --level none --source - >another`).wants(0)
	b.sh(`imap-list --source another --verify >/dev/null && cat good another >both`).wants(0)
	for _, script := range []string{`imap-fetch --source both -o new`, `imap-fetch --source good --source another -o new`, `imap-fetch --hash --source both -o new`, `imap-list --source both --verify`, `imap-diff --report both good`, `imap-diff $DST both`} {
		b.sh(script + ` >out`).wants(65)
	}
	flipLetter(b, "good", "bad", "second")
	joe.AddMessage("INBOX", nil, day(4), letter("m4", "fourth\n"))
	b.sh(`imap-fetch --base bad --level none $SRC -o delta`).wants(0)
	var uids []uint64
	for _, r := range b.rows("delta").of("message") {
		if r.Body != nil {
			uids = append(uids, r.UID)
		}
	}
	if fmt.Sprint(uids) != "[2 4]" {
		t.Errorf("the delta brings %v, want [2 4]", uids)
	}
	b.sh(`imap-fetch --source bad --source delta -o whole`).wants(3)
	b.sh(`imap-diff $DST whole | imap-push $DST >receipts`).wants(3)
	if got := len(embedded(server, "dst").dump(t)); got != 4 {
		t.Errorf("%d messages at the destination, want 4", got)
	}
}

// TestKilledBeforeItWritesPlain: the same where nothing is compressed. The command
// is killed when it waits for a FIFO.
func TestKilledBeforeItWritesPlain(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("joe").AddMailbox("INBOX")
	b := between(t, embedded(server, "joe"), embedded(server, "dst"))
	b.sh(`mkfifo waits`)
	for _, waits := range []string{`imap-fetch $SRC --level none --select waits`, `imap-fetch $SRC -level=none --base waits`, `imap-diff $DST --level none --map-file waits`, `imap-diff --level none $DST waits`} {
		for _, next := range []string{`imap-fetch --select - $SRC -o x --overwrite`, `imap-diff $DST`, `imap-push --unconditional $DST`, `imap-list --verify --source -`} {
			b.sh(`{ ` + waits + ` & p=$!; exec 3>waits; kill -9 $p; } 2>/dev/null </dev/null | ` + next + ` >/dev/null`).wants(65)
		}
	}
	b.sh(`imap-fetch $SRC --level none >plain && imap-fetch $SRC --level none | cmp - plain`).wants(0)
	b.sh(`imap-fetch $SRC --level none --folder Nowhere --include '(' | imap-diff $DST >/dev/null`).wants(64)
}

// TestKilledWhileItOpens: a command that dies while it waits, before it
// has written a record, leaves a stream that is cut, not one that names nothing.
func TestKilledWhileItOpens(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("joe").AddMailbox("INBOX")
	b := between(t, embedded(server, "joe"), embedded(server, "dst"))
	b.sh(`mkfifo waits`)
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
			b.sh(`{ ` + waits + ` & p=$!; ` + until + `; kill -9 $p 2>/dev/null; } 2>/dev/null </dev/null | ` + next + ` >/dev/null`).wants(code)
		}
	}
}
