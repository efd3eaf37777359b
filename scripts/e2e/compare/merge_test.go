package compare

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// merging are the ways of several folders into one.
func merging(options string) map[string]string {
	return map[string]string{
		"file":     `imap-fetch $SRC -o mail --restart && imap-diff ` + options + ` $DST mail | imap-push $DST`,
		"pipe":     `imap-fetch $SRC | imap-diff ` + options + ` $DST | imap-push $DST`,
		"headers":  `imap-fetch --headers $SRC -o headers --restart && imap-diff ` + options + ` -o plan $DST headers && imap-fetch --select plan $SRC | imap-push $DST`,
		"straight": harness.PipelineWith(options),
	}
}

// into demands that dst holds what src does, whatever the folder, as a multiset.
func into(t *testing.T, src, dst harness.Account, o *harness.Outcome) {
	t.Helper()
	flat := func(entries []imaptest.Entry) []imaptest.Entry {
		for i := range entries {
			entries[i].Folder, entries[i].Path, entries[i].UID = "", "", 0
		}
		return entries
	}
	if diff := imaptest.Diff(flat(src.Dump(t)), flat(dst.Dump(t)), imaptest.DiffOptions{}); diff != "" {
		t.Errorf("%s\n%s", diff, o)
	}
}

// TestSeveralFoldersIntoOne: the messages of all of them are counted together,
// from every state of the destination.
func TestSeveralFoldersIntoOne(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	folders := []string{"INBOX", "a", "b", "c/d"}
	rnd := harness.Random(t)
	forms := merging(`--map '*=All' --map b=Other`)
	for round := range harness.Rounds(1, 150) {
		src := harness.Embedded(server, fmt.Sprint("src-", round))
		var all, some, others []imaptest.Message
		for _, folder := range folders { // "b" goes elsewhere, between two that do not
			for range rnd.IntN(7) {
				m := harness.Draw(rnd)
				server.Account(src.User).AddMessage(folder, m.Flags, m.InternalDate, m.Octets)
				if all = append(all, m); rnd.IntN(2) == 0 {
					if folder == "b" {
						others = append(others, m)
					} else {
						some = append(some, m)
					}
				}
			}
		}
		rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			t.Run(fmt.Sprintf("%d, %s", round, form), func(t *testing.T) {
				dst := harness.Embedded(server, fmt.Sprintf("dst-%d-%s", round, form))
				for _, m := range some {
					server.Account(dst.User).AddMessage("All", m.Flags, m.InternalDate, m.Octets)
				}
				for _, m := range others {
					server.Account(dst.User).AddMessage("Other", m.Flags, m.InternalDate, m.Octets)
				}
				b := harness.Between(t, src, dst)
				into(t, src, dst, b.Sh(forms[form]).Wants(0).Appended(len(all)-len(some)-len(others)))
				b.Sh(forms[form]).Wants(0).Appended(0)
				if t.Failed() {
					t.Logf("source: %s\ndestination: %s", spell(all), spell(some))
				}
			})
		}
	}
}

// TestTwinInAnotherFolder: the destination has the message of the second folder
// and not that of the first, which looks like it; a third goes elsewhere in
// between. Nothing may be taken for what it is not, nor stand outside its turn.
func TestTwinInAnotherFolder(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("src")
	account.AddMessage("a", nil, harness.Day(1), harness.Letter("twin", "one\n"))
	account.AddMessage("b", nil, harness.Day(1), harness.Letter("other", "Hello\n"))
	account.AddMessage("c", nil, harness.Day(1), harness.Letter("twin", "two\n"))
	large := imaptest.Message{Octets: append(harness.Letter("large", "Hello\n"), make([]byte, 3<<20)...), InternalDate: harness.Day(2)}
	for i := range large.Octets {
		if large.Octets[i] == 0 {
			large.Octets[i] = 'x'
		}
	}
	account.AddMessage("c", nil, harness.Day(2), large.Octets)
	src := harness.Embedded(server, "src")
	for form, script := range merging(`--map a=All --map c=All`) {
		t.Run(form, func(t *testing.T) {
			dst := harness.Embedded(server, "dst-"+form)
			server.Account(dst.User).AddMessage("All", nil, harness.Day(1), harness.Letter("twin", "two\n"))
			b := harness.Between(t, src, dst)
			into(t, src, dst, b.Sh(script).Wants(0).Appended(3))
			b.Sh(script).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC -o all --restart && imap-diff --report --equal --map a=All --map c=All $DST all >report`).Wants(0)
		})
	}
	// The source is cut: what was whole is acted on, and the second run ends it.
	cut := harness.Embedded(server, "dst-cut")
	server.Account(cut.User).AddMessage("All", nil, harness.Day(1), harness.Letter("twin", "two\n"))
	b := harness.Between(t, src, cut)
	b.Sh(`imap-fetch --level none $SRC | head -c 4000 | imap-diff --map a=All --map c=All $DST | imap-push $DST`).Wants(65)
	b.Sh(merging(`--map a=All --map c=All`)["pipe"]).Wants(0)
	into(t, src, cut, b.Sh(merging(`--map a=All --map c=All`)["pipe"]).Wants(0).Appended(0))
	// And it is aborted: the code goes on.
	b.Sh(`(imap-fetch --level none $SRC | sed '$d'; echo '{"type":"abort","command":"imap-fetch","exit":75,"text":"enough"}') | imap-diff --map a=All --map c=All $DST | imap-push $DST`).Wants(75)
	// A second stream on a pipe is refused; in a file it is not.
	b.Sh(`(imap-fetch --folder b $SRC; imap-fetch $SRC) | imap-diff --map a=All --map c=All $DST | imap-push $DST`).Wants(64).Says("another stream follows")
	b.Sh(`imap-fetch --folder b $SRC >both && imap-fetch $SRC >>both && imap-diff --map a=All --map c=All $DST both | imap-push $DST`).Wants(0).Appended(0)
}

// TestMergedPlanPushedTwice and with an answer lost: what has come meanwhile is
// known again, though the folder is left and come back to.
func TestMergedPlanPushedTwice(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	for i, m := range imaptest.Generate(8, 40) {
		server.Account("src").AddMessage([]string{"a", "b", "c"}[i%3], m.Flags, m.InternalDate, m.Octets)
	}
	src := harness.Embedded(server, "src")
	for round, rules := range [][]imaptest.Rule{nil, {imaptest.DropAnswer("APPEND", 5), imaptest.DropAnswer("APPEND", 33)}} {
		dst := harness.Embedded(server, fmt.Sprint("dst-", round))
		proxy := imaptest.NewFaultProxy(t, server.Addr(), rules...)
		b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
		b.Sh(`imap-fetch $SRC -o mail && imap-diff --map a=All --map c=All -o plan $DST mail && imap-push $PROXY plan`).Wants(0)
		into(t, src, dst, b.Sh(`imap-push $DST plan`).Wants(0).Appended(0))
	}
}
