package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// merging are the ways of several folders into one.
func merging(options string) map[string]string {
	return map[string]string{
		"file":     `imap-fetch $SRC -o mail --restart && imap-diff ` + options + ` $DST mail | imap-push $DST`,
		"pipe":     `imap-fetch $SRC | imap-diff ` + options + ` $DST | imap-push $DST`,
		"headers":  `imap-fetch --headers $SRC -o headers --restart && imap-diff ` + options + ` -o plan $DST headers && imap-fetch --select plan $SRC | imap-push $DST`,
		"straight": by(options),
	}
}

// into demands that dst holds what src does, whatever the folder, as a multiset.
func into(t *testing.T, src, dst account, o *outcome) {
	t.Helper()
	flat := func(entries []imaptest.Entry) []imaptest.Entry {
		for i := range entries {
			entries[i].Folder, entries[i].Path, entries[i].UID = "", "", 0
		}
		return entries
	}
	if diff := imaptest.Diff(flat(src.dump(t)), flat(dst.dump(t)), imaptest.DiffOptions{}); diff != "" {
		t.Errorf("%s\n%s", diff, o)
	}
}

// TestSeveralFoldersIntoOne: the messages of all of them are counted together,
// from every state of the destination.
func TestSeveralFoldersIntoOne(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	folders := []string{"INBOX", "a", "b", "c/d"}
	rnd := random(t)
	forms := merging(`--map '*=All' --map b=Other`)
	for round := range rounds(1, 150) {
		src := embedded(server, fmt.Sprint("src-", round))
		var all, some, others []imaptest.Message
		for _, folder := range folders { // "b" goes elsewhere, between two that do not
			for range rnd.IntN(7) {
				m := draw(rnd)
				server.Account(src.user).AddMessage(folder, m.Flags, m.InternalDate, m.Octets)
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
				dst := embedded(server, fmt.Sprintf("dst-%d-%s", round, form))
				for _, m := range some {
					server.Account(dst.user).AddMessage("All", m.Flags, m.InternalDate, m.Octets)
				}
				for _, m := range others {
					server.Account(dst.user).AddMessage("Other", m.Flags, m.InternalDate, m.Octets)
				}
				b := between(t, src, dst)
				into(t, src, dst, b.sh(forms[form]).wants(0).appended(len(all)-len(some)-len(others)))
				b.sh(forms[form]).wants(0).appended(0)
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
	account.AddMessage("a", nil, day(1), letter("twin", "one\n"))
	account.AddMessage("b", nil, day(1), letter("other", "Hello\n"))
	account.AddMessage("c", nil, day(1), letter("twin", "two\n"))
	large := imaptest.Message{Octets: append(letter("large", "Hello\n"), make([]byte, 3<<20)...), InternalDate: day(2)}
	for i := range large.Octets {
		if large.Octets[i] == 0 {
			large.Octets[i] = 'x'
		}
	}
	account.AddMessage("c", nil, day(2), large.Octets)
	src := embedded(server, "src")
	for form, script := range merging(`--map a=All --map c=All`) {
		t.Run(form, func(t *testing.T) {
			dst := embedded(server, "dst-"+form)
			server.Account(dst.user).AddMessage("All", nil, day(1), letter("twin", "two\n"))
			b := between(t, src, dst)
			into(t, src, dst, b.sh(script).wants(0).appended(3))
			b.sh(script).wants(0).appended(0)
			b.sh(`imap-fetch $SRC -o all --restart && imap-diff --report --equal --map a=All --map c=All $DST all >report`).wants(0)
		})
	}
	// The source is cut: what was whole is acted on, and the second run ends it.
	cut := embedded(server, "dst-cut")
	server.Account(cut.user).AddMessage("All", nil, day(1), letter("twin", "two\n"))
	b := between(t, src, cut)
	b.sh(`imap-fetch --level none $SRC | head -c 4000 | imap-diff --map a=All --map c=All $DST | imap-push $DST`).wants(65)
	b.sh(merging(`--map a=All --map c=All`)["pipe"]).wants(0)
	into(t, src, cut, b.sh(merging(`--map a=All --map c=All`)["pipe"]).wants(0).appended(0))
	// And it is aborted: the code goes on.
	b.sh(`(imap-fetch --level none $SRC | sed '$d'; echo '{"type":"abort","command":"imap-fetch","exit":75,"text":"enough"}') | imap-diff --map a=All --map c=All $DST | imap-push $DST`).wants(75)
	// A second stream on a pipe is refused; in a file it is not.
	b.sh(`(imap-fetch --folder b $SRC; imap-fetch $SRC) | imap-diff --map a=All --map c=All $DST | imap-push $DST`).wants(64).says("another stream follows")
	b.sh(`imap-fetch --folder b $SRC >both && imap-fetch $SRC >>both && imap-diff --map a=All --map c=All $DST both | imap-push $DST`).wants(0).appended(0)
}

// TestMergedPlanPushedTwice and with an answer lost: what has come meanwhile is
// known again, though the folder is left and come back to.
func TestMergedPlanPushedTwice(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	for i, m := range imaptest.Generate(8, 40) {
		server.Account("src").AddMessage([]string{"a", "b", "c"}[i%3], m.Flags, m.InternalDate, m.Octets)
	}
	src := embedded(server, "src")
	for round, rules := range [][]imaptest.Rule{nil, {imaptest.DropAnswer("APPEND", 5), imaptest.DropAnswer("APPEND", 33)}} {
		dst := embedded(server, fmt.Sprint("dst-", round))
		proxy := imaptest.NewFaultProxy(t, server.Addr(), rules...)
		b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
		b.sh(`imap-fetch $SRC -o mail && imap-diff --map a=All --map c=All -o plan $DST mail && imap-push $PROXY plan`).wants(0)
		into(t, src, dst, b.sh(`imap-push $DST plan`).wants(0).appended(0))
	}
}
