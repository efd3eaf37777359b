package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// wreckage is a source, and a good plan of it, compressed and plain.
type wreckage struct {
	src    harness.Account
	held   []imaptest.Entry
	server *imaptest.Server
	plans  map[string][]byte // by file name
	mails  map[string][]byte
	users  int
}

func newWreckage(t *testing.T) *wreckage {
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	account := server.Account("src")
	account.Fill(harness.Mail(120))
	for _, m := range harness.Large(t) { // with body parts, in frames of their own
		account.AddMessage("Large", m.Flags, m.InternalDate, m.Octets)
	}
	w := &wreckage{src: harness.Embedded(server, "src"), server: server, plans: map[string][]byte{}, mails: map[string][]byte{}}
	w.held = w.src.Dump(t)
	b := harness.Between(t, w.src, harness.Embedded(server, "nobody"))
	for _, level := range []string{"default", "none"} {
		b.With("LEVEL", level).Sh(`imap-fetch $SRC --level $LEVEL -o mail && imap-diff $DST --level $LEVEL -o plan mail`).Wants(0)
		w.plans[level], w.mails[level] = b.Read("plan"), b.Read("mail")
		b.Sh(`rm mail plan`)
	}
	return w
}

// fresh is an account that holds nothing.
func (w *wreckage) fresh() harness.Account {
	w.users++
	return harness.Embedded(w.server, fmt.Sprintf("fresh-%d", w.users))
}

// cuts are places where a stream may end: anywhere, and at frame boundaries or
// between lines.
func cuts(rnd *rand.Rand, octets []byte, n int) []int {
	var places, boundaries []int
	for range n {
		places = append(places, 1+rnd.IntN(len(octets)-1))
	}
	for at := 1; at < len(octets); at++ {
		if bytes.HasPrefix(octets[at:], harness.FrameMagic) || !bytes.HasPrefix(octets, harness.FrameMagic) && octets[at-1] == '\n' {
			boundaries = append(boundaries, at)
		}
	}
	rnd.Shuffle(len(boundaries), func(i, j int) { boundaries[i], boundaries[j] = boundaries[j], boundaries[i] })
	places = append(places, boundaries[:min(n, len(boundaries))]...)
	return append(places, 1, len(octets)-1)
}

// acted demands that what is at the destination is whole mail of the source,
// and that the receipts name all of it.
func (w *wreckage) acted(t *testing.T, o *harness.Outcome, dst harness.Account) {
	t.Helper()
	got := dst.Dump(t)
	for line := range strings.Lines(imaptest.Diff(w.held, got, imaptest.DiffOptions{})) {
		if strings.HasPrefix(line, "+") {
			t.Errorf("this is none of the source: %s", line)
		}
	}
	if o.Stdout == "" && len(got) == 0 {
		return // nothing came that a receipt could be about
	}
	if n := len(o.Receipts().Of("appended")); n != len(got) {
		t.Errorf("%d receipts for %d messages", n, len(got))
	}
	if end := o.Receipts().End(t); end.Exit != o.Exit {
		t.Errorf("the receipts end with %d, the command with %d", end.Exit, o.Exit)
	}
}

// wholeMessages counts the messages of a plain stream that stand in it with
// their whole bodies.
func wholeMessages(octets []byte) (n int) {
	for line := range bytes.Lines(octets) {
		var r struct {
			Type        string
			Part, Parts int
		}
		if json.Unmarshal(line, &r) != nil {
			return n // the last one is cut
		}
		if r.Type == "message" && r.Parts == 0 || r.Type == "body" && r.Part == r.Parts {
			n++
		}
	}
	return n
}

// TestCutStream: 65, and what was whole has been acted on and listed.
func TestCutStream(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	rnd := harness.Random(t)
	for level := range w.plans {
		for _, at := range harness.SomeOf(t, 4, cuts(rnd, w.plans[level], harness.Rounds(1, 40))) {
			t.Run(fmt.Sprintf("plan, %s, %d", level, at), func(t *testing.T) {
				dst := w.fresh()
				b := harness.Between(t, w.src, dst)
				b.Write("plan", w.plans[level][:at])
				o := b.Sh(`imap-push $DST plan`).Wants(65)
				w.acted(t, o, dst)
				if got, want := len(dst.Dump(t)), wholeMessages(w.plans[level][:at]); level == "none" && got != want {
					t.Errorf("%d messages arrived, %d were whole", got, want)
				}
			})
		}
		for _, at := range harness.SomeOf(t, 3, cuts(rnd, w.mails[level], harness.Rounds(1, 20))) {
			for name, script := range harness.Some(t, 1, map[string]string{
				"file": `imap-diff $DST mail | imap-push $DST`,
				"pipe": `cat mail | imap-diff $DST | imap-push $DST`,
			}) {
				t.Run(fmt.Sprintf("mail by %s, %s, %d", name, level, at), func(t *testing.T) {
					dst := w.fresh()
					b := harness.Between(t, w.src, dst)
					b.Write("mail", w.mails[level][:at])
					w.acted(t, b.Sh(script).Wants(65), dst)
				})
			}
		}
	}
}

// TestCutStreamIsRead: every reader refuses it.
func TestCutStreamIsRead(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	dst := w.fresh()
	b := harness.Between(t, w.src, dst)
	for level, octets := range w.mails {
		b.Write("mail", octets[:len(octets)*2/3])
		b.Write("whole", octets)
		for _, script := range harness.SomeOf(t, 2, []string{`imap-diff --report $DST mail`, `imap-diff --report whole mail`, `imap-diff --report mail whole`, `imap-diff -o plan mail whole`, `imap-fetch --select mail $SRC -o new`}) {
			if o := b.Sh(script); o.Exit != 65 {
				t.Errorf("%s: exit %d\n%s", level, o.Exit, o)
			}
			if b.Exists("plan") || b.Exists("new") {
				t.Errorf("%s: %s leaves a file that looks whole", level, script)
			}
		}
	}
}

// TestFlippedBits: never a message that is not the source's.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	rnd := harness.Random(t)
	for level := range w.plans {
		for range harness.Rounds(2, 150) {
			bit := rnd.IntN(8 * len(w.plans[level]))
			if rnd.IntN(2) == 0 {
				bit = rnd.IntN(8 * min(20000, len(w.plans[level])))
			}
			t.Run(fmt.Sprintf("%s, %d", level, bit), func(t *testing.T) {
				dst := w.fresh()
				b := harness.Between(t, w.src, dst)
				plan := slices.Clone(w.plans[level])
				plan[bit/8] ^= 1 << (bit % 8)
				b.Write("plan", plan)
				o := b.Sh(`imap-push $DST plan`)
				if level != "none" && o.Exit != 65 || o.Exit == 0 {
					t.Errorf("%s", o)
				}
				if level != "none" { // only the hash at the end tells a flipped flag in a plain one
					w.acted(t, o, dst)
					return
				}
				diff := imaptest.Diff(w.held, dst.Dump(t), imaptest.DiffOptions{IgnoreFlags: true, IgnoreDates: true, IgnoreFolders: true})
				if strings.Contains("\n"+diff, "\n+") {
					t.Errorf("octets that are not the source's:\n%s", diff)
				}
			})
		}
	}
}

// TestNotAStream: empty, plain text, another version, the table of contents of
// nothing.
func TestNotAStream(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	dst := w.fresh()
	b := harness.Between(t, w.src, dst)
	newer := bytes.Replace(w.plans["none"], []byte(`"version":1`), []byte(`"version":2`), 1)
	for name, octets := range harness.Some(t, 6, map[string][]byte{
		"empty":                {},
		"one newline":          []byte("\n"),
		"text":                 []byte("Dear Ann,\nthis is no stream.\n"),
		"json":                 []byte("{}\n"),
		"an array":             []byte("[1,2,3]\n"),
		"another format":       []byte(`{"type":"begin","format":"imap-receipts","version":1}` + "\n"),
		"newer":                newer,
		"zeros":                make([]byte, 100000),
		"a long line":          bytes.Repeat([]byte("x"), 9<<20),
		"no begin":             w.plans["none"][bytes.IndexByte(w.plans["none"], '\n')+1:],
		"half a frame":         w.plans["default"][:20],
		"deep":                 append([]byte(`{"type":"begin","format":"imap-stream","version":1,"x":`), bytes.Repeat([]byte("["), 1<<20)...),
		"gzip":                 {0x1f, 0x8b, 8, 0, 0, 0, 0, 0},
		"after its end":        append(slices.Clone(w.plans["none"]), "trailing words\n"...),
		"begins in the middle": w.plans["default"][len(w.plans["default"])/2:],
	}) {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Write("odd", octets)
			for _, script := range []string{`imap-diff $DST odd >out`, `imap-push $DST odd`, `imap-push $DST <odd`, `imap-diff --report odd odd`} {
				if o := b.Sh(script); o.Exit != 65 && !(name == "after its end" && strings.HasPrefix(script, "imap-diff") && o.Exit == 64) {
					t.Errorf("%s", o)
				}
			}
		})
	}
}

// TestLinesAreRecords: the plain stream is one JSON object a line, begin first,
// end last.
func TestLinesAreRecords(t *testing.T) {
	t.Parallel()
	w := newWreckage(t)
	var types []string
	for line := range bytes.Lines(w.mails["none"]) {
		var r struct{ Type string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, harness.Shorten(string(line), 300))
		}
		types = append(types, r.Type)
	}
	if types[0] != "begin" || types[len(types)-1] != "end" {
		t.Errorf("it goes from %s to %s", types[0], types[len(types)-1])
	}
}

// TestEmptyInput: a stream that has not even a beginning is cut. A selection
// may be a list of folders, which has no beginning, and then names nothing.
func TestEmptyInput(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(3))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch -o mail $SRC && printf '' >empty`).Wants(0)
	for script, want := range map[string]int{
		`imap-diff $DST`:             65,
		`imap-diff --report $DST`:    65,
		`imap-diff - mail`:           65,
		`imap-diff mail -`:           65,
		`imap-push $DST`:             65,
		`imap-push --dry-run $DST`:   65,
		`imap-fetch --select - $SRC`: 66,
	} {
		for _, input := range []string{`: |` + script, script + ` <empty`, script + ` </dev/null`, strings.ReplaceAll(script+" ", " - ", " empty ")} {
			if input == script+" " { // it takes its file as an operand
				input = script + " empty"
			}
			o := b.Sh(input + ` >out`).Wants(want)
			if !strings.Contains(o.Stderr, "empty") && !strings.Contains(o.Stderr, "names nothing") {
				t.Error(o)
			}
		}
	}
	b.Sh(`: | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(65)
}

// TestKilledBeforeItsFirstRecord: the next command finds the stream cut, and
// does not take it for an empty selection.
func TestKilledBeforeItsFirstRecord(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(3)) // so that a selection of it needs a connection
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst")).With("SILENT", harness.Account{Addr: silent.Addr().String(), User: "joe"}.Options())
	for name, first := range map[string][]string{
		"diff":   {`sleep 600`, `imap-diff $DST`},
		"listed": {`sleep 600`, `imap-diff --delete-source`},
		"fetch":  {`true`, `imap-fetch $SILENT`},
		"source": {`sleep 600`, `imap-fetch --source -`},
		"select": {`cat mail`, `imap-fetch --select - $SILENT`},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.ForTest(t)
			b.Sh(`imap-fetch --headers -o mail $SRC; rm -f got`)
			s := b.Start(append(first, `tee got`, `imap-fetch --select - $SRC`, `imap-push $DST`)...)
			b.Arrives("got", s)
			s.Kill(1)
			s.Kill(0)
			if codes := s.Wait(time.Minute); codes[3] != 65 || codes[4] != 65 {
				t.Errorf("exit codes %v\n%s", codes, s)
			}
		})
	}
}
