package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// interrupted returns an account at an address where act runs, once, right
// before the server gets the first command that matches (without its tag).
func interrupted(a account, t testing.TB, pattern string, act func()) account {
	t.Helper()
	proxy := imaptest.NewFaultProxy(t, a.addr)
	done := proxy.Interrupt(pattern, act)
	t.Cleanup(func() {
		if !done() {
			t.Errorf("no command matches %s", pattern)
		}
	})
	return a.by(proxy.Addr())
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
	for kind, start := range some(t, 1, realServers(users...)) {
		server := start(t)
		for i, c := range changings {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				src, dst := real(server, fmt.Sprint("src", i)), real(server, fmt.Sprint("dst", i))
				src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters("w", 3)}, {Path: "Z", Messages: letters("z", 2)}}})
				dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters("w", 2)}}})
				b := between(t, src, dst)
				changed, side := src, "SRC"
				if c.atDest {
					changed, side = dst, "DST"
				}
				wire := changed.wire(t, "Work")
				var change []string
				for _, command := range c.change {
					change = append(change, strings.NewReplacer("WORK", wire, "OLD", strings.Replace(wire, "Work", "Old", 1)).Replace(command))
				}
				b = b.with(side, interrupted(changed, t, c.at, func() { changed.tell(t, change...) }).options())
				b.sh(`imap-fetch $SRC | imap-diff --delete-extra=all $DST | imap-push --allow delete --max-delete 100% $DST`).wants(3)
				dst.holds(t, c.first...)
				b.sh(`imap-fetch $SRC | imap-diff $DST | imap-push $DST`).wants(0)
				dst.holds(t, c.another...)
			})
		}
	}
}
