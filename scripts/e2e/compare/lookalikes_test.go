package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestFlagsOfLookAlikes: three messages of one key, size and arrival that other
// Received lines or their bytes alone tell apart get their own flags, in whatever order
// the destination holds them; what nothing tells apart keeps its flags.
func TestFlagsOfLookAlikes(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	own := []string{`\Seen`, `\Flagged`, "Work"}
	for name, received := range map[string][]string{
		"received": {"Received: by a; Mon, 01 Jan 2007 00:02:38 +0000\r\n",
			"Received: by b; Mon, 01 Jan 2007 00:02:39 +0000\r\n", "Received: by c; Mon, 01 Jan 2007 00:02:40 +0000\r\n"},
		"bytes": {"", "", ""},
	} {
		message := func(i int, flags ...string) imaptest.Message {
			octets := append([]byte(received[i]), harness.Letter("one", fmt.Sprintf("invoice %d\n", i))...)
			return imaptest.Message{Octets: octets, Flags: flags, InternalDate: harness.Day(1)}
		}
		src := harness.Letters(server, name, message(0, own[0]), message(1, own[1]), message(2, own[2]))
		for _, order := range harness.SomeOf(t, 2, [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
			for _, how := range []string{"add", "exact"} {
				for _, content := range []string{"", "--headers"} {
					form := fmt.Sprint(name, order, how, content)
					t.Run(form, func(t *testing.T) {
						t.Parallel()
						var all []imaptest.Message
						var want []string
						for _, i := range order {
							all, want = append(all, message(i)), append(want, own[i])
						}
						dst := harness.Letters(server, strings.NewReplacer(" ", "", "[", "", "]", "").Replace(form), all...)
						b := harness.Between(t, src, dst)
						sync := `imap-fetch ` + content + ` $SRC | imap-diff --sync-flags ` + how + ` $DST | imap-push $DST`
						if name == "bytes" && content == "--headers" {
							b.Sh(sync).Wants(0).Says("3 ambiguous", "flags of 0 messages")
							dst.HaveFlags(t, "", "", "")
							b.Sh(`imap-fetch --headers $SRC | imap-diff --report $DST`).Wants(0).Prints("3 ambiguous", "different")
							return
						}
						b.Sh(`imap-fetch $SRC | imap-diff --report --verify $DST`).Wants(0).Prints("3 with other flags", "different")
						b.Sh(sync).Wants(0).Says("flags of 3 messages")
						dst.HaveFlags(t, want...)
						b.Sh(sync).Wants(0).Says("flags of 0 messages", "0 ambiguous")
						b.Sh(`imap-fetch $SRC | imap-diff --report --verify $DST`).Wants(0).Prints("\nequal")
					})
				}
			}
		}
		// One that was taken for another before: the flags are crossed.
		dst := harness.Letters(server, name+"crossed", message(1, own[0]), message(0, own[1]), message(2, own[2]))
		b := harness.Between(t, src, dst)
		b.Sh(`imap-fetch $SRC | imap-diff --report --verify $DST`).Wants(0).Prints("2 with other flags", "different")
		b.Sh(`imap-fetch $SRC | imap-diff --sync-flags exact $DST | imap-push $DST`).Wants(0)
		dst.HaveFlags(t, own[1], own[0], own[2])
	}
}
