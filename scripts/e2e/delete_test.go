package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

func TestMoveWithoutProof(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	for i, m := range notes("a", "b", "c") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
		if i == 0 {
			server.Account("dst").AddMessage("INBOX", nil, m.InternalDate, m.Octets) // nobody pushed it
		}
	}
	b := between(t, src, dst).with("OTHER", embedded(server, "ann").options())
	b.sh(`imap-fetch $SRC -o mail && imap-diff -o plan $DST mail && imap-push --dry-run $DST plan >dry && imap-push $DST plan >receipts`).wants(0)
	all := []string{"INBOX a", "INBOX b", "INBOX c"}
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"a dry run":              {`imap-diff --move dry $DST | imap-push` + deleteAll + `$SRC`, 66},
		"into another account":   {`imap-diff --move receipts $OTHER | imap-push` + deleteAll + `$SRC`, 66},
		"a stream":               {`imap-diff --move mail $DST | imap-push` + deleteAll + `$SRC`, 65},
		"nothing":                {`imap-diff --move /dev/null $DST | imap-push` + deleteAll + `$SRC`, 66},
		"no file":                {`imap-diff --move nonesuch $DST | imap-push` + deleteAll + `$SRC`, 66},
		"another source as well": {`(cat receipts; sed 's/"user":"src"/"user":"ann"/' receipts) | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 64},
		"another source":         {`sed 's/"user":"src"/"user":"ann"/' receipts | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 3},
		"another UIDVALIDITY":    {`sed 's/"uidvalidity":[0-9]*/"uidvalidity":9/' receipts | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 3},
		"another target":         {`sed 's/"target":"INBOX"/"target":"Work"/' receipts | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 0},
		"another key":            {`sed 's/"key":"recipe:..../"key":"recipe:0000/' receipts | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 0},
		"cut":                    {`sed '$d' receipts | head -c -20 | sed 's/"uid":2/"uid":1/' | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if o := b.sh(c.script); o.exit != c.code {
				t.Errorf("exit %d, want %d\n%s", o.exit, c.code, o)
			}
			src.holds(t, all...)
		})
	}
	// Two of the source cannot both be the one of the destination.
	b.sh(`sed 's/"uid":3,\(.*\)"target_uid":3/"uid":1,\1"target_uid":2/' receipts | imap-diff --move - $DST | imap-push` + deleteAll + `$SRC`).wants(0)
	src.holds(t, "INBOX a", "INBOX c")
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0)
	src.holds(t, "INBOX a") // which nobody has pushed
}

func TestUndo(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("a", "b")}, {Path: "Work", Messages: notes("c")}, {Path: "Kept/x", Messages: notes("d")}, {Path: "Empty"}}})
		dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("b", "own")}}})
		b := between(t, src, dst)
		b.sh(straight + ` >receipts`).wants(0).says("3 appended")
		dst.one(t, notes("later")...)
		dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Kept/y", Messages: notes("own")}}})
		b.sh(`imap-diff --undo receipts -o plan $DST`).wants(0).says("3 appended, 3 to delete, 3 folders")
		dst.holds(t, "INBOX b", "INBOX own", "INBOX a", "INBOX later", "Kept/x d", "Kept/y own", "Work c")
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(3)
		b.sh(`imap-push` + deleteAll + `$DST plan`).wants(0).says("3 deleted")
		dst.holds(t, "INBOX b", "INBOX own", "INBOX later", "Kept/y own")
		var paths []string
		for _, box := range dst.folders(t) {
			if box.Selectable() && box.Path != "Kept" { // Cyrus has made it for what is below
				paths = append(paths, box.Path)
			}
		}
		if fmt.Sprint(paths) != "[INBOX Kept/y]" {
			t.Errorf("%q", paths)
		}
		src.holds(t, "INBOX a", "INBOX b", "Kept/x d", "Work c")
		b.sh(`imap-diff --undo receipts $DST | imap-push` + deleteAll + `$DST`).wants(0)
		b.sh(straight).wants(0).appended(3) // and once more
	})
}

func TestDups(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		twin := notes("a", "b", "a", "a", "c", "b")
		twin[0].Flags, twin[2].Flags, twin[3].Flags, twin[5].Flags = []string{`\Seen`}, []string{`\Flagged`, `\Seen`, `\Deleted`}, []string{`\Answered`}, []string{`\Draft`}
		other := imaptest.Message{Octets: letter("a", "Hullo a\n"), InternalDate: day(0)} // of the same size
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(twin, other)}, {Path: "Work", Messages: notes("a", "d")}}})
		b := between(t, src, dst)
		o := b.sh(`imap-diff --duplicates $SRC`).wants(0).says("3 copies")
		if got := strings.Count(o.stdout, "copy"); got != 3 || !strings.Contains(o.stdout, "INBOX UID 3  of UID 1") {
			t.Errorf("%s", o.stdout)
		}
		o = b.sh(`imap-diff --duplicates --format ndjson $SRC`).wants(0)
		if got := strings.Count(o.stdout, `"copy_of":1`); got != 2 {
			t.Errorf("%s", o.stdout)
		}
		b.sh(`imap-diff --delete-duplicates -o plan $SRC`).wants(0)
		src.holds(t, "INBOX a", "INBOX b", "INBOX a", "INBOX a", "INBOX c", "INBOX b", "INBOX a", "Work a", "Work d")
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0).says("3 deleted")
		want := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX a", "Work a", "Work d"}
		src.holds(t, want...)
		if all := src.dump(t); fmt.Sprint(all[0].Flags, all[1].Flags) != `[\Answered \Flagged \Seen] [\Draft]` {
			t.Errorf("those that are left have the flags %v and %v", all[0].Flags, all[1].Flags)
		}
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0)
		b.sh(`imap-diff --delete-duplicates $SRC | imap-push` + deleteAll + `$SRC`).wants(0)
		src.holds(t, want...)
		b.sh(`imap-diff --duplicates $DST`).wants(0).says("0 copies")
		marked := notes("m", "m")
		marked[0].Flags = []string{`\Deleted`}
		dst.one(t, marked...)
		b.sh(`imap-diff --delete-duplicates $DST | imap-push` + deleteAll + `$DST`).wants(0).says("1 deleted")
		if left := dst.dump(t); len(left) != 1 || left[0].UID != 2 {
			t.Errorf("%v is left", left)
		}
	})
}

func TestMirrorAgainstDoubt(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, m := range notes("a", "b", "c") {
		server.Account("src").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	server.Account("src").AddMessage("Work", nil, day(0), letter("w", "Hello\n"))
	src := embedded(server, "src")
	const without = `sed '/"type":"message".*"uid":2,/d;/"type":"message".*"Work"/d'`
	prepared := func(t *testing.T, name string) (*bench, account) {
		dst := embedded(server, name)
		b := between(t, src, dst).with("OTHER", embedded(server, "other").options())
		b.write("rehash.py", []byte(rehash))
		b.sh(`imap-fetch --headers $SRC -o monday && ` + straight + ` >receipts`).wants(0)
		return b, dst
	}
	for i, proof := range []string{"--delete-extra --proof receipts", "--delete-extra --proof monday", "--delete-extra=all"} {
		shared, kept := prepared(t, fmt.Sprint("kept-", i))
		for name, c := range some(t, 7, map[string]struct {
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
				if b.t = t; name == "another's" { // something goes
					b, dst = prepared(t, fmt.Sprint("mirrored-", i))
				}
				want := c.codes[0]
				if strings.HasSuffix(proof, "all") {
					want = c.codes[1]
				}
				if o := b.sh(c.fetch + ` | imap-diff ` + proof + ` $DST | imap-push` + deleteAll + `$DST`); o.exit != want {
					t.Errorf("exit %d, want %d\n%s", o.exit, want, o)
				}
				left := 4
				if name == "another's" && want == 0 {
					left = 1 // a mirror of an empty INBOX; Work is in no source
				}
				if got := len(dst.dump(t)); got != left {
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
	pairs(t, func(t *testing.T, src, dst account) {
		large := imaptest.Message{Octets: letter("large", strings.Repeat("Hello\n", 400000)), InternalDate: day(1)}
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(notes("a", "b", "c"), large)}, {Path: "Work", Messages: notes("d", "e")}}})
		b := between(t, src, dst)
		all := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX large", "Work d", "Work e"}
		b.sh(`imap-fetch --since 2015-06-02 $SRC -o old && imap-diff --delete-source -o plan old`).wants(0).says("4 to delete")
		b.sh(`imap-push` + deleteAll + `$DST plan`).wants(3)
		b.sh(`imap-push --allow delete $SRC plan`).wants(3)
		b.sh(`imap-fetch --level none $SRC | sed '$d' | imap-diff --delete-source | imap-push` + deleteAll + `$SRC`).wants(65)
		b.sh(`imap-fetch --level none $SRC | grep -v large | imap-diff --delete-source | imap-push` + deleteAll + `$SRC`).wants(65)
		b.sh(`imap-diff --delete-source plan | imap-push` + deleteAll + `$SRC`).wants(64)
		b.sh(`imap-diff --delete-source --edited old >out`).wants(64)
		b.sh(`imap-diff --delete-source $SRC old >out`).wants(64)
		for _, option := range []string{`--flag-map a=b`, `--format ndjson`, `--match account`} { // they would do nothing
			b.sh(`imap-diff --delete-source ` + option + ` old >out`).wants(64).says("cannot be combined with --delete-source")
		}
		b.sh(`echo '{"type":"abort","command":"imap-fetch","exit":69,"text":"no"}' | imap-diff --delete-source | imap-push` + deleteAll + `$SRC`).wants(69)
		src.holds(t, all...)
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0).says("4 deleted")
		src.holds(t, "INBOX a", "Work d")
		b.sh(`imap-fetch --headers --search 'SUBJECT d' $SRC | imap-diff --delete-source | imap-push` + deleteAll + `$SRC`).wants(0)
		src.holds(t, "INBOX a")
	})
}

func TestDeleteWithoutUIDPlus(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		marked := notes("a", "b", "c", "d")
		marked[3].Flags = []string{`\Deleted`}
		src.one(t, marked...)
		b := between(t, src, dst)
		b.sh(`imap-fetch --headers --uid 2 $SRC | imap-diff --delete-source -o plan`).wants(0)
		all := []string{"INBOX a", "INBOX b", "INBOX c", "INBOX d"}
		b.sh(`imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2` + deleteAll + `$SRC plan >r`).wants(3)
		b.sh(`grep -q '"no-uidplus"' r`).wants(0)
		b.sh(`imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2 --allow full-expunge` + deleteAll + `$SRC plan >r`).wants(3)
		b.sh(`grep -q '"foreign-deleted-flag"' r`).wants(0)
		src.holds(t, all...)
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(0)
		src.holds(t, "INBOX a", "INBOX c", "INBOX d") // the stranger's mark is a stranger's
		src.tell(t, "SELECT INBOX", `UID STORE 4 -FLAGS.SILENT (\Deleted)`)
		b.sh(`imap-fetch --headers --uid 1 $SRC | imap-diff --delete-source | imap-push --disable-cap UIDPLUS --disable-cap IMAP4rev2 --allow full-expunge` + deleteAll + `$SRC`).wants(0).says("1 deleted")
		src.holds(t, "INBOX c", "INBOX d")
	})
}

func TestFolderReplaced(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, src, dst account) {
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: notes("i")}, {Path: "Work", Messages: notes("a", "b")}}})
		b := between(t, src, dst)
		b.sh(`imap-fetch --headers $SRC | imap-diff --delete-source -o plan`).wants(0)
		src.tell(t, `RENAME Work Old`)
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(3)
		src.holds(t, "INBOX i", "Old a", "Old b")
		src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: notes("a", "b")}}})
		b.sh(`imap-push` + deleteAll + `$SRC plan`).wants(3)
		src.holds(t, "INBOX i", "Old a", "Old b", "Work a", "Work b")
	})
}

func TestMoveOfChangedMessages(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "src"), embedded(server, "dst")
	source := server.Account("src")
	source.AddMessage("INBOX", nil, day(0), []byte("From: joe@example.org\r\nSubject: none\r\n\r\nHello\r\n"))
	for _, m := range notes("a", "b") {
		source.AddMessage("INBOX", nil, m.InternalDate, m.Octets)
	}
	b := between(t, src, dst)
	push := strings.Replace(straight, "imap-push ", `imap-push --allow rewrite --header-set 'Message-ID: <{uid}@new.example>' `, 1)
	b.sh(push + ` >receipts`).wants(0).says("3 appended")
	if o := b.sh(`grep sent_key receipts`); o.exit != 0 {
		t.Fatalf("%s", b.read("receipts"))
	}
	b.sh(`imap-diff --undo receipts -o undo $DST`).wants(0).says("3 to delete")
	b.sh(`imap-diff --move receipts $DST | imap-push` + deleteAll + `$SRC`).wants(0).says("3 deleted")
	src.holds(t)
	dst.holds(t, "INBOX none", "INBOX a", "INBOX b")
	b.sh(`imap-push` + deleteAll + `$DST undo`).wants(0).says("3 deleted")
	dst.holds(t)
}
