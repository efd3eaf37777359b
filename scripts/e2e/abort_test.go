package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// abortLine ends a stream as a command does that has lost its connection.
const abortLine = `{"type":"abort","command":"imap-fetch","exit":69,"text":"the connection is lost"}` + "\n"

// TestAbortedStreamInFront: a stream that was aborted somewhere, and a whole
// one behind it. Whatever the destination holds, it ends equal, nothing is
// there twice, and the exit code is the abort's.
func TestAbortedStreamInFront(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := random(t)
	ways := map[string]string{
		"file":         `imap-diff $DST all | imap-push $DST`,
		"pipe":         `cat all | imap-diff $DST | imap-push $DST`,
		"headers-file": `imap-diff $DST all | imap-fetch --select - $SRC | imap-push $DST`,
		"headers-pipe": `cat all | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`,
	}
	for round := range rounds(2, 60) {
		var all, some []imaptest.Message
		for range 4 + rnd.IntN(12) {
			m := draw(rnd)
			if all = append(all, m); rnd.IntN(2) == 0 {
				some = append(some, m)
			}
		}
		huge := imaptest.Message{Octets: letter("huge", string(bytes.Repeat([]byte("line of text\n"), 200000))), InternalDate: day(3)}
		if rnd.IntN(2) == 0 {
			some = append(some, imaptest.Message{Octets: huge.Octets, InternalDate: day(4)}) // it waits
		}
		all = slices.Insert(all, rnd.IntN(len(all)), huge)
		src := letters(server, fmt.Sprintf("src-%d", round), all...)
		for name, way := range ways {
			t.Run(fmt.Sprintf("%d, %s", round, name), func(t *testing.T) {
				dst := letters(server, fmt.Sprintf("dst-%d-%s", round, name), some...)
				b := between(t, src, dst).with("MODE", "")
				if name[0] == 'h' {
					b = b.with("MODE", "--headers")
				}
				b.sh(`imap-fetch $MODE --level none $SRC -o whole`).wants(0)
				whole := b.read("whole")
				contents := bytes.LastIndex(whole, []byte(`{"type":"folder"`))
				lines := bytes.SplitAfter(whole[contents:], []byte("\n"))
				cut := slices.Concat(lines[:1+rnd.IntN(len(lines)-2)]...)
				b.write("all", slices.Concat(whole[:contents], cut, []byte(abortLine), whole))
				o := b.sh(way).wants(69)
				if diff := imaptest.Diff(src.dump(t), dst.dump(t), imaptest.DiffOptions{IgnoreDates: true}); diff != "" {
					t.Errorf("%s\n%s", limit(diff, 2000), o)
				}
				b.sh(straight).wants(0).appended(0)
			})
		}
	}
}
