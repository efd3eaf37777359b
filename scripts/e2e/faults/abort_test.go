package faults

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// abortLine ends a stream as a command does that has lost its connection.
const abortLine = `{"type":"abort","command":"imap-fetch","exit":69,"text":"the connection is lost"}` + "\n"

// TestAbortedStreamInFront: a stream that was aborted somewhere, and a whole
// one behind it. Whatever the destination holds, it ends equal, nothing is
// there twice, and the exit code is the abort's.
func TestAbortedStreamInFront(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := harness.Random(t)
	ways := map[string]string{
		"file":         `imap-diff $DST all | imap-push $DST`,
		"pipe":         `cat all | imap-diff $DST | imap-push $DST`,
		"headers-file": `imap-diff $DST all | imap-fetch --select - $SRC | imap-push $DST`,
		"headers-pipe": `cat all | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`,
	}
	for round := range harness.Rounds(2, 60) {
		var all, some []imaptest.Message
		for range 4 + rnd.IntN(12) {
			m := harness.Draw(rnd)
			if all = append(all, m); rnd.IntN(2) == 0 {
				some = append(some, m)
			}
		}
		huge := imaptest.Message{Octets: harness.Letter("huge", string(bytes.Repeat([]byte("line of text\n"), 200000))), InternalDate: harness.Day(3)}
		if rnd.IntN(2) == 0 {
			some = append(some, imaptest.Message{Octets: huge.Octets, InternalDate: harness.Day(4)}) // it waits
		}
		all = slices.Insert(all, rnd.IntN(len(all)), huge)
		src := harness.Letters(server, fmt.Sprintf("src-%d", round), all...)
		for name, way := range ways {
			t.Run(fmt.Sprintf("%d, %s", round, name), func(t *testing.T) {
				dst := harness.Letters(server, fmt.Sprintf("dst-%d-%s", round, name), some...)
				b := harness.Between(t, src, dst).With("MODE", "")
				if name[0] == 'h' {
					b = b.With("MODE", "--headers")
				}
				b.Sh(`imap-fetch $MODE --level none $SRC -o whole`).Wants(0)
				whole := b.Read("whole")
				contents := bytes.LastIndex(whole, []byte(`{"type":"folder"`))
				lines := bytes.SplitAfter(whole[contents:], []byte("\n"))
				cut := slices.Concat(lines[:1+rnd.IntN(len(lines)-2)]...)
				b.Write("all", slices.Concat(whole[:contents], cut, []byte(abortLine), whole))
				o := b.Sh(way).Wants(69)
				if diff := imaptest.Diff(src.Dump(t), dst.Dump(t), imaptest.DiffOptions{IgnoreDates: true}); diff != "" {
					t.Errorf("%s\n%s", harness.Shorten(diff, 2000), o)
				}
				b.Sh(harness.Straight).Wants(0).Appended(0)
			})
		}
	}
}
