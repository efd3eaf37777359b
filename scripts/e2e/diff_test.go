package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// forms are the ways of a message from $SRC to $DST.
var forms = map[string]string{
	"file":     `imap-fetch $SRC -o mail --restart && imap-diff $DST mail | imap-push $DST`,
	"pipe":     `imap-fetch $SRC | imap-diff $DST | imap-push $DST`,
	"straight": straight,
}

// arrives moves src to dst in one form, and demands that dst has what src has,
// and nothing twice; a second run moves nothing.
func arrives(t *testing.T, form string, src, dst account) {
	t.Helper()
	b := between(t, src, dst)
	o := b.sh(forms[form]).wants(0)
	diff := imaptest.Diff(src.dump(t), dst.dump(t), imaptest.DiffOptions{})
	if diff != "" {
		t.Errorf("%s\n%s", diff, o)
	}
	b.sh(forms[form]).wants(0).appended(0)
}

// TestThreeHereOneThere: messages are counted.
func TestThreeHereOneThere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	m := imaptest.Message{Octets: letter("equal", "Hello\n"), InternalDate: day(1)}
	src := letters(server, "src", m, m, m)
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			dst := letters(server, "dst-"+form, m)
			between(t, src, dst).sh(forms[form]).wants(0).appended(2)
			equal(t, src, dst)
		})
	}
}

// TestTwins: messages of one key, size and date that differ in their text, from
// every state of the destination.
func TestTwins(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	var all []imaptest.Message
	for _, text := range []string{"one\n", "two\n", "six\n"} {
		all = append(all, imaptest.Message{Octets: letter("twins", text), InternalDate: day(1)})
	}
	src := letters(server, "src", all...)
	for form := range some(t, 1, forms) {
		for set := range 1 << len(all) {
			t.Run(fmt.Sprintf("%s, %03b", form, set), func(t *testing.T) {
				var some []imaptest.Message
				for i, m := range all {
					if set>>i&1 == 1 {
						some = append(some, m)
					}
				}
				arrives(t, form, src, letters(server, fmt.Sprintf("dst-%s-%d", form, set), some...))
			})
		}
	}
}

// TestRandomMultisets: a few keys, sizes, dates and texts, drawn at random, and
// a random part of it at the destination.
func TestRandomMultisets(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := random(t)
	for round := range rounds(2, 200) {
		var all, some []imaptest.Message
		for range 2 + rnd.IntN(14) {
			all = append(all, draw(rnd))
		}
		for _, m := range all {
			if rnd.IntN(2) == 0 {
				some = append(some, m)
			}
		}
		rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		src := letters(server, fmt.Sprintf("src-%d", round), all...)
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			t.Run(fmt.Sprintf("%d, %s", round, form), func(t *testing.T) {
				arrives(t, form, src, letters(server, fmt.Sprintf("dst-%d-%s", round, form), some...))
				if t.Failed() {
					t.Logf("source: %s\ndestination: %s", spell(all), spell(some))
				}
			})
		}
	}
}

func spell(all []imaptest.Message) string {
	var out []string
	for _, m := range all {
		out = append(out, fmt.Sprintf("%s %s", imaptest.Sum(m.Octets)[:6], m.InternalDate.Format("01-02")))
	}
	return strings.Join(out, ", ")
}

// TestTwinsAfterTheirBatch: the same, where the destination gets its part from
// an earlier run that was cut in the middle of the plan.
func TestTwinsAfterTheirBatch(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	var all []imaptest.Message
	for i := range 24 {
		all = append(all, imaptest.Message{Octets: letter("twins", fmt.Sprintf("text %02d\n", i%20)), InternalDate: day(1)})
	}
	src := letters(server, "src", all...)
	for k := 1; k <= len(all); k += 5 {
		dst := embedded(server, fmt.Sprintf("cut-%d", k))
		proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.DropAnswer("APPEND", k))
		b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
		b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"})).wants(0)
		equal(t, src, dst)
		b.sh(`imap-fetch $SRC -o mail --restart && imap-diff $DST -o plan mail && imap-push $DST plan`).wants(0).appended(0)
	}
	t.Run("plan pushed twice", func(t *testing.T) {
		dst := letters(server, "twice", all[3], all[7])
		b := between(t, src, dst)
		b.sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail && imap-push $DST plan`).wants(0)
		equal(t, src, dst)
		b.sh(`imap-push $DST plan`).wants(0).appended(0)
		equal(t, src, dst)
	})
}

// finding is a line of a report in NDJSON.
type finding struct {
	Type, Kind, Folder, Key                               string
	UID                                                   uint64
	Listed, Missing, Extra, Altered, Flags, Date, Present json.RawMessage
}

// TestReport tells missing, extra, flags and dates, by account and by file.
func TestReport(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	all := imaptest.Generate(31, 12)
	src := letters(server, "src", all...)
	other := slices.Clone(all[:10]) // 10 and 11 are missing
	other[1].Flags = append(slices.Clone(other[1].Flags), "$Odd")
	other[2].InternalDate = other[2].InternalDate.AddDate(0, 0, 3)
	other = append(other, imaptest.Generate(77, 3)...) // extra
	dst := letters(server, "dst", other...)
	same := letters(server, "same", all...)
	b := between(t, src, dst).with("SAME", same.options())
	b.sh(`imap-fetch $SRC -o src.zst && imap-fetch --headers $SRC -o headers.zst && imap-fetch $DST -o dst.zst && imap-fetch $SAME -o same.zst`).wants(0)
	for name, against := range map[string]string{"account": "$DST src.zst", "account, headers": "$DST headers.zst", "file": "src.zst dst.zst", "file, headers": "headers.zst dst.zst"} {
		t.Run(name, func(t *testing.T) {
			b := b.forTest(t)
			b.sh(`imap-diff --report ` + against + ` >text`).wants(0)
			for _, word := range []string{"2 missing", "3 extra"} {
				if !strings.Contains(string(b.read("text")), word) {
					t.Errorf("the report does not say %q:\n%s", word, b.read("text"))
				}
			}
			b.sh(`imap-diff --report --exit-code ` + against + ` >text`).wants(1)
			b.sh(`imap-diff --report --equal ` + against + ` >text`).wants(1)
			b.sh(`imap-diff --report --format ndjson ` + against + ` >ndjson`).wants(0)
			kinds := map[string]int{}
			for line := range strings.Lines(string(b.read("ndjson"))) {
				var f finding
				if err := json.Unmarshal([]byte(line), &f); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				kinds[f.Kind]++
			}
			if kinds["missing"] != 2 || kinds["extra"] != 3 || kinds["flags"] != 1 || kinds["date"] != 1 {
				t.Errorf("%v\n%s", kinds, b.read("ndjson"))
			}
		})
	}
	for name, against := range map[string]string{"account": "$SAME src.zst", "file": "src.zst same.zst", "itself": "src.zst src.zst"} {
		t.Run("equal, "+name, func(t *testing.T) {
			b := b.forTest(t)
			b.sh(`imap-diff --report --exit-code ` + against + ` >text`).wants(0)
			b.sh(`imap-diff --report --equal ` + against + ` >text`).wants(0)
		})
	}
	// Only extra mail: no --exit-code, but --equal.
	b.sh(`imap-fetch --folder INBOX $SRC -o src2.zst && imap-push --unconditional $SAME dst.zst >/dev/null`).wants(0)
	b.sh(`imap-diff --report --exit-code $SAME src.zst >text`).wants(0)
	b.sh(`imap-diff --report --equal $SAME src.zst >text`).wants(1)
	b.sh(`imap-diff --exit-code $DST src.zst >plan`).wants(1)
	b.sh(`imap-diff --exit-code $SAME src.zst >plan`).wants(0)
}

// TestAltered: the same key and another text, seen where both sides have the
// octets.
func TestAltered(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", imaptest.Message{Octets: letter("a", "right\n"), InternalDate: day(1)})
	dst := letters(server, "dst", imaptest.Message{Octets: letter("a", "wrong\n"), InternalDate: day(1)})
	b := between(t, src, dst)
	b.sh(`imap-fetch $SRC -o src && imap-fetch $DST -o dst`).wants(0)
	b.sh(`imap-diff --report --exit-code src dst >text`).wants(1)
	if !strings.Contains(string(b.read("text")), "altered") {
		t.Errorf("%s", b.read("text"))
	}
}

// TestLargeThroughAPipe: messages with parts, some of them twins, through
// imap-diff's spool.
func TestLargeThroughAPipe(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	var all []imaptest.Message
	for i := range 3 {
		text := strings.Repeat(fmt.Sprintf("line %d of a long text\n", i), 150_000)
		all = append(all, imaptest.Message{Octets: letter("large", text), InternalDate: day(1)})
		all = append(all, imaptest.Message{Octets: letter(fmt.Sprint("small ", i), "Hello\n"), InternalDate: day(i)})
	}
	src := letters(server, "src", all...)
	for form := range some(t, 1, forms) {
		t.Run(form, func(t *testing.T) {
			arrives(t, form, src, letters(server, "empty-"+form))
			arrives(t, form, src, letters(server, "one-"+form, all[2]))
		})
	}
}

// TestFoldersOfEveryKind: an account whose folders collide or nest oddly.
func TestFoldersOfEveryKind(t *testing.T) {
	t.Parallel()
	from := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	to := imaptest.StartServer(t, imaptest.Options{Delimiter: "/"})
	flat := imaptest.StartServer(t, imaptest.Options{NoLevels: true})
	a := from.Account("src")
	for i, name := range []string{"INBOX", "INBOX.a", "INBOX.a.b", "INBOX.INBOX.c", "INBOX.x/y", "INBOX.ünï", "INBOX.&"} {
		a.AddMessage(name, nil, day(i), letter(name, "Hello\n"))
	}
	src := embedded(from, "src")
	for name, dst := range map[string]account{"slashes": embedded(to, "dst"), "flat": embedded(flat, "dst")} {
		t.Run(name, func(t *testing.T) {
			b := between(t, src, dst)
			b.sh(straight).wants(0).appended(7)
			if diff := imaptest.Diff(src.dump(t), dst.dump(t), imaptest.DiffOptions{IgnoreFolders: true}); diff != "" {
				t.Error(diff)
			}
			b.sh(straight).wants(0).appended(0)
			b.sh(`imap-fetch $SRC -o mail && imap-diff --report --equal $DST mail >text`).wants(0)
		})
	}
}

// TestReportOnJoinedFiles: of a message that stands twice the last flags are
// reported on, so that what was just pushed is equal.
func TestReportOnJoinedFiles(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := holding(server, "src", "INBOX", "Work"), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(`imap-fetch -o monday $SRC`).wants(0)
	server.Account("src").SetFlags("Work", 1, `\Flagged`)
	b.sh(`imap-fetch -o tuesday $SRC && cat monday tuesday >both`).wants(0)
	b.sh(`imap-diff $DST both | imap-push $DST >receipts && imap-diff --report --equal $DST both`).wants(0)
	b.sh(`imap-diff --report --equal both tuesday && imap-diff --report --equal tuesday both`).wants(0)
	b.sh(`imap-diff --report --equal both monday >out`).wants(1).says("1 with other flags")
}
