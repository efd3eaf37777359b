package deletion

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMoveWithoutProof(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	for i, m := range harness.Notes("a", "b", "c") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
		if i == 0 {
			server.Account("dst").AddMessage("INBOX", nil, m.InternalDate, m.Octets) // nobody pushed it
		}
	}
	b := harness.Between(t, src, dst).With("OTHER", harness.Embedded(server, "ann").Options())
	b.Sh(`imap-fetch $SRC -o mail && imap-diff -o plan $DST mail && imap-push --dry-run $DST plan >dry && imap-push $DST plan >receipts`).Wants(0)
	all := []string{"INBOX a", "INBOX b", "INBOX c"}
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"a dry run":              {`imap-diff --move dry $DST | imap-push` + harness.DeleteAll + `$SRC`, 66},
		"into another account":   {`imap-diff --move receipts $OTHER | imap-push` + harness.DeleteAll + `$SRC`, 66},
		"a stream":               {`imap-diff --move mail $DST | imap-push` + harness.DeleteAll + `$SRC`, 65},
		"nothing":                {`imap-diff --move /dev/null $DST | imap-push` + harness.DeleteAll + `$SRC`, 66},
		"no file":                {`imap-diff --move nonesuch $DST | imap-push` + harness.DeleteAll + `$SRC`, 66},
		"another source as well": {`(cat receipts; sed 's/"user":"src"/"user":"ann"/' receipts) | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 64},
		"another source":         {`sed 's/"user":"src"/"user":"ann"/' receipts | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 3},
		"another UIDVALIDITY":    {`sed 's/"uidvalidity":[0-9]*/"uidvalidity":9/' receipts | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 3},
		"another target":         {`sed 's/"target":"INBOX"/"target":"Work"/' receipts | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 0},
		"another key":            {`sed 's/"key":"recipe:..../"key":"recipe:0000/' receipts | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 0},
		"cut":                    {`sed '$d' receipts | head -c -20 | sed 's/"uid":2/"uid":1/' | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if o := b.Sh(c.script); o.Exit != c.code {
				t.Errorf("exit %d, want %d\n%s", o.Exit, c.code, o)
			}
			src.Holds(t, all...)
		})
	}
	// Two of the source cannot both be the one of the destination.
	b.Sh(`sed 's/"uid":3,\(.*\)"target_uid":3/"uid":1,\1"target_uid":2/' receipts | imap-diff --move - $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
	src.Holds(t, "INBOX a", "INBOX c")
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
	src.Holds(t, "INBOX a") // which nobody has pushed
}

func TestUndo(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("a", "b")}, {Path: "Work", Messages: harness.Notes("c")}, {Path: "Kept/x", Messages: harness.Notes("d")}, {Path: "Empty"}}})
		dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("b", "own")}}})
		b := harness.Between(t, src, dst)
		b.Sh(harness.Straight + ` >receipts`).Wants(0).Says("3 appended")
		dst.One(t, harness.Notes("later")...)
		dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Kept/y", Messages: harness.Notes("own")}}})
		b.Sh(`imap-diff --undo receipts -o plan $DST`).Wants(0).Says("3 appended, 3 to delete, 3 folders")
		dst.Holds(t, "INBOX b", "INBOX own", "INBOX a", "INBOX later", "Kept/x d", "Kept/y own", "Work c")
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(3)
		b.Sh(`imap-push` + harness.DeleteAll + `$DST plan`).Wants(0).Says("3 deleted")
		dst.Holds(t, "INBOX b", "INBOX own", "INBOX later", "Kept/y own")
		var paths []string
		for _, box := range dst.Folders(t) {
			if box.Selectable() && box.Path != "Kept" { // Cyrus has made it for what is below
				paths = append(paths, box.Path)
			}
		}
		if fmt.Sprint(paths) != "[INBOX Kept/y]" {
			t.Errorf("%q", paths)
		}
		src.Holds(t, "INBOX a", "INBOX b", "Kept/x d", "Work c")
		b.Sh(`imap-diff --undo receipts $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0)
		b.Sh(harness.Straight).Wants(0).Appended(3) // and once more
	})
}

func TestDups(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		twin := harness.Notes("a", "b", "a", "a", "c", "b")
		twin[0].Flags, twin[2].Flags, twin[3].Flags, twin[5].Flags = []string{`\Seen`}, []string{`\Flagged`, `\Seen`, `\Deleted`}, []string{`\Answered`}, []string{`\Draft`}
		other := imaptest.Message{Octets: harness.Letter("a", "Hullo a\n"), InternalDate: harness.Day(0)} // of the same size
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(twin, other)}, {Path: "Work", Messages: harness.Notes("a", "d")}}})
		b := harness.Between(t, src, dst)
		o := b.Sh(`imap-diff --duplicates $SRC`).Wants(0).Says("3 copies")
		if got := strings.Count(o.Stdout, "copy"); got != 3 || !strings.Contains(o.Stdout, "INBOX UID 3  of UID 1") {
			t.Errorf("%s", o.Stdout)
		}
		o = b.Sh(`imap-diff --duplicates --format ndjson $SRC`).Wants(0)
		if got := strings.Count(o.Stdout, `"copy_of":1`); got != 2 {
			t.Errorf("%s", o.Stdout)
		}
		b.Sh(`imap-diff --delete-duplicates -o plan $SRC`).Wants(0)
		src.Holds(t, "INBOX a", "INBOX b", "INBOX a", "INBOX a", "INBOX c", "INBOX b", "INBOX a", "Work a", "Work d")
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0).Says("3 deleted")
		want := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX a", "Work a", "Work d"}
		src.Holds(t, want...)
		if all := src.Dump(t); fmt.Sprint(all[0].Flags, all[1].Flags) != `[\Answered \Flagged \Seen] [\Draft]` {
			t.Errorf("those that are left have the flags %v and %v", all[0].Flags, all[1].Flags)
		}
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0)
		b.Sh(`imap-diff --delete-duplicates $SRC | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
		src.Holds(t, want...)
		b.Sh(`imap-diff --duplicates $DST`).Wants(0).Says("0 copies")
		marked := harness.Notes("m", "m")
		marked[0].Flags = []string{`\Deleted`}
		dst.One(t, marked...)
		b.Sh(`imap-diff --delete-duplicates $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says("1 deleted")
		if left := dst.Dump(t); len(left) != 1 || left[0].UID != 2 {
			t.Errorf("%v is left", left)
		}
	})
}

func TestMirrorAgainstDoubt(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, m := range harness.Notes("a", "b", "c") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	server.Account("src").AddMessage("Work", nil, harness.Day(0), harness.Letter("w", "Hello\n"))
	src := harness.Embedded(server, "src")
	const without = `sed '/"type":"message".*"uid":2,/d;/"type":"message".*"Work"/d'`
	prepared := func(t *testing.T, name string) (*harness.Shell, harness.Account) {
		dst := harness.Embedded(server, name)
		b := harness.Between(t, src, dst).With("OTHER", harness.Embedded(server, "other").Options())
		b.Write("rehash.py", []byte(rehash))
		b.Sh(`imap-fetch --headers $SRC -o monday && ` + harness.Straight + ` >receipts`).Wants(0)
		return b, dst
	}
	for i, proof := range []string{"--delete-extra --proof receipts", "--delete-extra --proof monday", "--delete-extra=all"} {
		shared, kept := prepared(t, fmt.Sprint("kept-", i))
		for name, c := range harness.Some(t, 7, map[string]struct {
			fetch string
			codes [2]int // with a proof, and with none
		}{
			"edited":           {`imap-fetch --level none $SRC | ` + without, [2]int{65, 65}},
			"edited before":    {`imap-fetch --level none $SRC | ` + without + ` | imap-fetch --edited --source -`, [2]int{64, 64}},
			"some messages":    {`imap-fetch --uid 1 $SRC`, [2]int{64, 64}},
			"some folders":     {`imap-fetch --folder INBOX $SRC`, [2]int{0, 64}},
			"several streams":  {`(imap-fetch $SRC; imap-fetch $SRC)`, [2]int{64, 64}},
			"a delta":          {`imap-fetch --level none $SRC | sed '1s/"spec"/"base":"x","spec"/' | python3 rehash.py`, [2]int{64, 64}},
			"another's":        {`imap-fetch $OTHER`, [2]int{64, 0}},
			"itself":           {`imap-fetch $DST`, [2]int{64, 64}},
			"cut":              {`imap-fetch --level none $SRC | sed '$d'`, [2]int{65, 65}},
			"aborted":          {`(imap-fetch --level none $SRC | sed '$d'; echo '{"type":"abort","command":"imap-fetch","exit":75,"text":"enough"}')`, [2]int{75, 75}},
			"one that hides":   {`imap-fetch --level none $SRC | grep -v '"type":"message"' | python3 rehash.py`, [2]int{0, 0}},
			"nothing, aborted": {`echo '{"type":"abort","command":"imap-fetch","exit":69,"text":"no"}'`, [2]int{69, 69}},
			"nothing":          {`true`, [2]int{65, 65}},
		}) {
			t.Run(proof+", "+name, func(t *testing.T) {
				own := *shared
				b, dst := &own, kept
				if b.T = t; name == "another's" { // something goes
					b, dst = prepared(t, fmt.Sprint("mirrored-", i))
				}
				want := c.codes[0]
				if strings.HasSuffix(proof, "all") {
					want = c.codes[1]
				}
				if o := b.Sh(c.fetch + ` | imap-diff ` + proof + ` $DST | imap-push` + harness.DeleteAll + `$DST`); o.Exit != want {
					t.Errorf("exit %d, want %d\n%s", o.Exit, want, o)
				}
				left := 4
				if name == "another's" && want == 0 {
					left = 1 // a mirror of an empty INBOX; Work is in no source
				}
				if got := len(dst.Dump(t)); got != left {
					t.Errorf("%d messages are left, want %d", got, left)
				}
			})
		}
	}
}

const rehash = `
import hashlib, json, sys
sum, records, emitted, octets = hashlib.sha256(), 0, 0, 0
for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "end":
        r.update(listed=emitted, emitted=emitted, octets=octets, records=records, hash=sum.hexdigest())
        print(json.dumps(r, ensure_ascii=False, separators=(",", ":")))
        break
    if r["type"] == "message":
        emitted, octets = emitted + 1, octets + r["size"]
        sum.update((line[:line.rindex(',"body')] + "\n").encode())
    else:
        sum.update(line.encode())
    records += 1
    sys.stdout.write(line)
`

func TestDeleteSource(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		large := imaptest.Message{Octets: harness.Letter("large", strings.Repeat("Hello\n", 400000)), InternalDate: harness.Day(1)}
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(harness.Notes("a", "b", "c"), large)}, {Path: "Work", Messages: harness.Notes("d", "e")}}})
		b := harness.Between(t, src, dst)
		all := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX large", "Work d", "Work e"}
		b.Sh(`imap-fetch --since 2015-06-02 $SRC -o old && imap-diff --delete-source -o plan old`).Wants(0).Says("4 to delete")
		b.Sh(`imap-push` + harness.DeleteAll + `$DST plan`).Wants(3)
		b.Sh(`imap-push --allow delete $SRC plan`).Wants(3)
		b.Sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-source | imap-push` + harness.DeleteAll + `$SRC`).Wants(65)
		b.Sh(`imap-fetch --level none $SRC | grep -v large | imap-diff --delete-source | imap-push` + harness.DeleteAll + `$SRC`).Wants(65)
		b.Sh(`imap-diff --delete-source plan | imap-push` + harness.DeleteAll + `$SRC`).Wants(64)
		b.Sh(`imap-diff --delete-source --edited old >out`).Wants(64)
		b.Sh(`imap-diff --delete-source $SRC old >out`).Wants(64)
		for _, option := range []string{`--flag-map a=b`, `--format ndjson`, `--match account`} { // they would do nothing
			b.Sh(`imap-diff --delete-source ` + option + ` old >out`).Wants(64).Says("cannot be combined with --delete-source")
		}
		b.Sh(`echo '{"type":"abort","command":"imap-fetch","exit":69,"text":"no"}' | imap-diff --delete-source | imap-push` + harness.DeleteAll + `$SRC`).Wants(69)
		src.Holds(t, all...)
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0).Says("4 deleted")
		src.Holds(t, "INBOX a", "Work d")
		b.Sh(`imap-fetch --headers --search 'SUBJECT d' $SRC | imap-diff --delete-source | imap-push` + harness.DeleteAll + `$SRC`).Wants(0)
		src.Holds(t, "INBOX a")
	})
}

func TestDeleteWithoutUIDPlus(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		marked := harness.Notes("a", "b", "c", "d")
		marked[3].Flags = []string{`\Deleted`}
		src.One(t, marked...)
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch --headers --uid 2 $SRC | imap-diff --delete-source -o plan`).Wants(0)
		all := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX d"}
		b.Sh(`imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2` + harness.DeleteAll + `$SRC plan >r`).Wants(3)
		b.Sh(`grep -q '"no-uidplus"' r`).Wants(0)
		b.Sh(`imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2 --allow full-expunge` + harness.DeleteAll + `$SRC plan >r`).Wants(3)
		b.Sh(`grep -q '"foreign-deleted-flag"' r`).Wants(0)
		src.Holds(t, all...)
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(0)
		src.Holds(t, "INBOX a", "INBOX c", "INBOX d") // the stranger's mark is a stranger's
		src.Tell(t, "SELECT INBOX", `UID STORE 4 -FLAGS.SILENT (\Deleted)`)
		b.Sh(`imap-fetch --headers --uid 1 $SRC | imap-diff --delete-source | imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2 --allow full-expunge` + harness.DeleteAll + `$SRC`).Wants(0).Says("1 deleted")
		src.Holds(t, "INBOX c", "INBOX d")
	})
}

func TestFolderReplaced(t *testing.T) {
	t.Parallel()
	harness.Pairs(t, func(t *testing.T, src, dst harness.Account) {
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: harness.Notes("i")}, {Path: "Work", Messages: harness.Notes("a", "b")}}})
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch --headers $SRC | imap-diff --delete-source -o plan`).Wants(0)
		src.Tell(t, `RENAME Work Old`)
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(3)
		src.Holds(t, "INBOX i", "Old a", "Old b")
		src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: harness.Notes("a", "b")}}})
		b.Sh(`imap-push` + harness.DeleteAll + `$SRC plan`).Wants(3)
		src.Holds(t, "INBOX i", "Old a", "Old b", "Work a", "Work b")
	})
}

func TestMoveOfChangedMessages(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	source := server.Account("src")
	source.AddMessage("INBOX", nil, harness.Day(0), []byte("From: joe@example.org\r\nSubject: none\r\n\r\nHello\r\n"))
	for _, m := range harness.Notes("a", "b") {
		source.AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := harness.Between(t, src, dst)
	push := strings.Replace(harness.Straight, "imap-push ", `imap-push --allow rewrite --header-set 'Message-ID: <{uid}@new.example>' `, 1)
	b.Sh(push + ` >receipts`).Wants(0).Says("3 appended")
	if o := b.Sh(`grep sent_key receipts`); o.Exit != 0 {
		t.Fatalf("%s", b.Read("receipts"))
	}
	b.Sh(`imap-diff --undo receipts -o undo $DST`).Wants(0).Says("3 to delete")
	b.Sh(`imap-diff --move receipts $DST | imap-push` + harness.DeleteAll + `$SRC`).Wants(0).Says("3 deleted")
	src.Holds(t)
	dst.Holds(t, "INBOX none", "INBOX a", "INBOX b")
	b.Sh(`imap-push` + harness.DeleteAll + `$DST undo`).Wants(0).Says("3 deleted")
	dst.Holds(t)
}
