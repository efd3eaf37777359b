package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// forms are the ways of a message from $SRC to $DST.
var forms = map[string]string{
	"file":     `imap-fetch $SRC -o mail --restart && imap-diff $DST mail | imap-push $DST`,
	"pipe":     `imap-fetch $SRC | imap-diff $DST | imap-push $DST`,
	"straight": harness.Straight,
}

// arrives moves src to dst in one form, and demands that dst has what src has,
// and nothing twice; a second run moves nothing.
func arrives(t *testing.T, form string, src, dst harness.Account) {
	t.Helper()
	b := harness.Between(t, src, dst)
	o := b.Sh(forms[form]).Wants(0)
	diff := imaptest.Diff(src.Dump(t), dst.Dump(t), imaptest.DiffOptions{})
	if diff != "" {
		t.Errorf("%s\n%s", diff, o)
	}
	b.Sh(forms[form]).Wants(0).Appended(0)
}

// TestThreeHereOneThere: messages are counted.
func TestThreeHereOneThere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	m := imaptest.Message{Octets: harness.Letter("equal", "Hello\n"), InternalDate: harness.Day(1)}
	src := harness.Letters(server, "src", m, m, m)
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			dst := harness.Letters(server, "dst-"+form, m)
			harness.Between(t, src, dst).Sh(forms[form]).Wants(0).Appended(2)
			harness.Equal(t, src, dst)
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
		all = append(all, imaptest.Message{Octets: harness.Letter("twins", text), InternalDate: harness.Day(1)})
	}
	src := harness.Letters(server, "src", all...)
	for form := range harness.Some(t, 1, forms) {
		for set := range 1 << len(all) {
			t.Run(fmt.Sprintf("%s, %03b", form, set), func(t *testing.T) {
				var some []imaptest.Message
				for i, m := range all {
					if set>>i&1 == 1 {
						some = append(some, m)
					}
				}
				arrives(t, form, src, harness.Letters(server, fmt.Sprintf("dst-%s-%d", form, set), some...))
			})
		}
	}
}

// TestRandomMultisets: a few keys, sizes, dates and texts, drawn at random, and
// a random part of it at the destination.
func TestRandomMultisets(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := harness.Random(t)
	for round := range harness.Rounds(2, 200) {
		var all, some []imaptest.Message
		for range 2 + rnd.IntN(14) {
			all = append(all, harness.Draw(rnd))
		}
		for _, m := range all {
			if rnd.IntN(2) == 0 {
				some = append(some, m)
			}
		}
		rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		src := harness.Letters(server, fmt.Sprintf("src-%d", round), all...)
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			t.Run(fmt.Sprintf("%d, %s", round, form), func(t *testing.T) {
				arrives(t, form, src, harness.Letters(server, fmt.Sprintf("dst-%d-%s", round, form), some...))
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
		all = append(all, imaptest.Message{Octets: harness.Letter("twins", fmt.Sprintf("text %02d\n", i%20)), InternalDate: harness.Day(1)})
	}
	src := harness.Letters(server, "src", all...)
	for k := 1; k <= len(all); k += 5 {
		dst := harness.Embedded(server, fmt.Sprintf("cut-%d", k))
		proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.DropAnswer("APPEND", k))
		b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
		b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"})).Wants(0)
		harness.Equal(t, src, dst)
		b.Sh(`imap-fetch $SRC -o mail --restart && imap-diff $DST -o plan mail && imap-push $DST plan`).Wants(0).Appended(0)
	}
	t.Run("plan pushed twice", func(t *testing.T) {
		dst := harness.Letters(server, "twice", all[3], all[7])
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail && imap-push $DST plan`).Wants(0)
		harness.Equal(t, src, dst)
		b.Sh(`imap-push $DST plan`).Wants(0).Appended(0)
		harness.Equal(t, src, dst)
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
	src := harness.Letters(server, "src", all...)
	other := slices.Clone(all[:10]) // 10 and 11 are missing
	other[1].Flags = append(slices.Clone(other[1].Flags), "$Odd")
	other[2].InternalDate = other[2].InternalDate.AddDate(0, 0, 3)
	other = append(other, imaptest.Generate(77, 3)...) // extra
	dst := harness.Letters(server, "dst", other...)
	same := harness.Letters(server, "same", all...)
	b := harness.Between(t, src, dst).With("SAME", same.Options())
	b.Sh(`imap-fetch $SRC -o src.zst && imap-fetch --headers $SRC -o headers.zst && imap-fetch $DST -o dst.zst && imap-fetch $SAME -o same.zst`).Wants(0)
	for name, against := range map[string]string{"account": "$DST src.zst", "account, headers": "$DST headers.zst", "file": "src.zst dst.zst", "file, headers": "headers.zst dst.zst"} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(`imap-diff --report ` + against + ` >text`).Wants(0)
			for _, word := range []string{"2 missing", "3 extra"} {
				if !strings.Contains(string(b.Read("text")), word) {
					t.Errorf("the report does not say %q:\n%s", word, b.Read("text"))
				}
			}
			b.Sh(`imap-diff --report --exit-code ` + against + ` >text`).Wants(1)
			b.Sh(`imap-diff --report --equal ` + against + ` >text`).Wants(1)
			b.Sh(`imap-diff --report --format ndjson ` + against + ` >ndjson`).Wants(0)
			kinds := map[string]int{}
			for line := range strings.Lines(string(b.Read("ndjson"))) {
				var f finding
				if err := json.Unmarshal([]byte(line), &f); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				kinds[f.Kind]++
			}
			if kinds["missing"] != 2 || kinds["extra"] != 3 || kinds["flags"] != 1 || kinds["date"] != 1 {
				t.Errorf("%v\n%s", kinds, b.Read("ndjson"))
			}
		})
	}
	for name, against := range map[string]string{"account": "$SAME src.zst", "file": "src.zst same.zst", "itself": "src.zst src.zst"} {
		t.Run("equal, "+name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(`imap-diff --report --exit-code ` + against + ` >text`).Wants(0)
			b.Sh(`imap-diff --report --equal ` + against + ` >text`).Wants(0)
		})
	}
	// Only extra mail: no --exit-code, but --equal.
	b.Sh(`imap-fetch --folder INBOX $SRC -o src2.zst && imap-push --unconditional $SAME dst.zst >/dev/null`).Wants(0)
	b.Sh(`imap-diff --report --exit-code $SAME src.zst >text`).Wants(0)
	b.Sh(`imap-diff --report --equal $SAME src.zst >text`).Wants(1)
	b.Sh(`imap-diff --exit-code $DST src.zst >plan`).Wants(1)
	b.Sh(`imap-diff --exit-code $SAME src.zst >plan`).Wants(0)
}

// TestAltered: the same key and another text, seen where both sides have the
// octets.
func TestAltered(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(server, "src", imaptest.Message{Octets: harness.Letter("a", "right\n"), InternalDate: harness.Day(1)})
	dst := harness.Letters(server, "dst", imaptest.Message{Octets: harness.Letter("a", "wrong\n"), InternalDate: harness.Day(1)})
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch $SRC -o src && imap-fetch $DST -o dst`).Wants(0)
	b.Sh(`imap-diff --report --exit-code src dst >text`).Wants(1)
	if !strings.Contains(string(b.Read("text")), "altered") {
		t.Errorf("%s", b.Read("text"))
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
		all = append(all, imaptest.Message{Octets: harness.Letter("large", text), InternalDate: harness.Day(1)})
		all = append(all, imaptest.Message{Octets: harness.Letter(fmt.Sprint("small ", i), "Hello\n"), InternalDate: harness.Day(i)})
	}
	src := harness.Letters(server, "src", all...)
	for form := range harness.Some(t, 1, forms) {
		t.Run(form, func(t *testing.T) {
			arrives(t, form, src, harness.Letters(server, "empty-"+form))
			arrives(t, form, src, harness.Letters(server, "one-"+form, all[2]))
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
		a.AddMessage(name, nil, harness.Day(i), harness.Letter(name, "Hello\n"))
	}
	src := harness.Embedded(from, "src")
	for name, dst := range map[string]harness.Account{"slashes": harness.Embedded(to, "dst"), "flat": harness.Embedded(flat, "dst")} {
		t.Run(name, func(t *testing.T) {
			b := harness.Between(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(7)
			if diff := imaptest.Diff(src.Dump(t), dst.Dump(t), imaptest.DiffOptions{IgnoreFolders: true}); diff != "" {
				t.Error(diff)
			}
			b.Sh(harness.Straight).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC -o mail && imap-diff --report --equal $DST mail >text`).Wants(0)
		})
	}
}

// TestReportOnJoinedFiles: of a message that stands twice the last flags are
// reported on, so that what was just pushed is equal.
func TestReportOnJoinedFiles(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Holding(server, "src", "INBOX", "Work"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch -o monday $SRC`).Wants(0)
	server.Account("src").SetFlags("Work", 1, `\Flagged`)
	b.Sh(`imap-fetch -o tuesday $SRC && cat monday tuesday >both`).Wants(0)
	b.Sh(`imap-diff $DST both | imap-push $DST >receipts && imap-diff --report --equal $DST both`).Wants(0)
	b.Sh(`imap-diff --report --equal both tuesday && imap-diff --report --equal tuesday both`).Wants(0)
	b.Sh(`imap-diff --report --equal both monday >out`).Wants(1).Says("1 with other flags")
}
