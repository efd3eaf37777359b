package faults

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// interrupted returns an account at an address where act runs, once, right
// before the server gets the first command that matches (without its tag).
func interrupted(a harness.Account, t testing.TB, pattern string, act func()) harness.Account {
	t.Helper()
	proxy := imaptest.NewFaultProxy(t, a.Addr)
	done := proxy.Interrupt(pattern, act)
	t.Cleanup(func() {
		if !done() {
			t.Errorf("no command matches %s", pattern)
		}
	})
	return a.By(proxy.Addr())
}

// changing is a folder, Work, that another client changes in the middle of a run.
type changing struct {
	name    string
	at      string // the command before which it is changed
	change  []string
	atDest  bool     // it is the one at the destination, which holds two of the three messages
	first   []string // what the destination holds after that run
	another []string // and after another, without a change
}

var changings = []changing{
	{"renamed before it is listed", `UID FETCH .*RFC822.SIZE`, []string{"RENAME WORK OLD"}, false,
		[]string{"Work w0", "Work w1", "Z z0", "Z z1"}, []string{"Old w0", "Old w1", "Old w2", "Work w0", "Work w1", "Z z0", "Z z1"}},
	{"deleted before it is read", `UID FETCH .*BODY.PEEK\[\]`, []string{"DELETE WORK"}, false,
		[]string{"Work w0", "Work w1", "Z z0", "Z z1"}, []string{"Work w0", "Work w1", "Z z0", "Z z1"}},
	{"renamed at the destination before it is compared", `UID FETCH .*HEADER.FIELDS`, []string{"RENAME WORK OLD"}, true,
		[]string{"Old w0", "Old w1", "Z z0", "Z z1"}, []string{"Old w0", "Old w1", "Work w0", "Work w1", "Work w2", "Z z0", "Z z1"}},
	{"deleted at the destination before it is filled", `APPEND .*Work`, []string{"DELETE WORK"}, true,
		[]string{"Z z0", "Z z1"}, []string{"Work w0", "Work w1", "Work w2", "Z z0", "Z z1"}},
}

// TestFolderChanges: a folder that is renamed or deleted in the middle of a run,
// of a mirror too, costs that folder: it has failed, all others are copied,
// nothing is deleted, and the next run repairs it.
func TestFolderChanges(t *testing.T) {
	t.Parallel()
	letters := func(name string, n int) (out []imaptest.Message) {
		for i := range n {
			out = append(out, imaptest.Message{Octets: fmt.Appendf(nil, "Message-ID: <%s%d@x.example>\r\nSubject: %s%d\r\n\r\nHi\r\n", name, i, name, i)})
		}
		return out
	}
	var users []string
	for i := range changings {
		users = append(users, fmt.Sprint("src", i), fmt.Sprint("dst", i))
	}
	for kind, start := range harness.Some(t, 1, harness.RealServers(users...)) {
		server := start(t)
		for i, c := range changings {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				src, dst := harness.Real(server, fmt.Sprint("src", i)), harness.Real(server, fmt.Sprint("dst", i))
				src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters("w", 3)}, {Path: "Z", Messages: letters("z", 2)}}})
				dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters("w", 2)}}})
				b := harness.Between(t, src, dst)
				changed, side := src, "SRC"
				if c.atDest {
					changed, side = dst, "DST"
				}
				wire := changed.Wire(t, "Work")
				var change []string
				for _, command := range c.change {
					change = append(change, strings.NewReplacer("WORK", wire, "OLD", strings.Replace(wire, "Work", "Old", 1)).Replace(command))
				}
				b = b.With(side, interrupted(changed, t, c.at, func() { changed.Tell(t, change...) }).Options())
				b.Sh(`imap-fetch $SRC | imap-diff --delete-extra=all $DST | imap-push --allow delete --max-delete 100% $DST`).Wants(3)
				dst.Holds(t, c.first...)
				b.Sh(`imap-fetch $SRC | imap-diff $DST | imap-push $DST`).Wants(0)
				dst.Holds(t, c.another...)
			})
		}
	}
}
