package imapconn

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// TestFloods: a server that says the same again and again, or names more messages
// than there are, is not listened to for ever. Each flood is longer than its bound, and
// ends well: who is not bounded takes it for an answer.
func TestFloods(t *testing.T) {
	defer func(n, m int) { maxNoise, moreFound = n, m }(maxNoise, moreFound)
	maxNoise, moreFound = 1000, 100
	ctx := context.Background()
	same := func(line string) string { return strings.Repeat(line+"\r\n", 3000) + ok }
	other := func(format string) string {
		var s strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&s, format+"\r\n", 1000+i)
		}
		return s.String() + ok
	}
	all := func(x *Selected) error {
		return x.FetchAll(ctx, 1, 0, Items{Size: true}, 0, func(*Message) error { return nil })
	}
	fetchUIDs := func(x *Selected) error { _, err := x.fetchUIDs(ctx, "1:*"); return err }
	search := func(x *Selected) error { _, err := x.Search(ctx, nil); return err }
	changed := func(x *Selected) error { _, _, err := x.Changed(ctx, 9999, 1); return err }
	census := func(x *Selected) error { _, err := x.census(ctx); return err }
	count := func(x *Selected) error { return (&opened{Selected: *x}).count(x.s.c) }
	twice := func(x *Selected) error { _, _, err := x.CheckStable(ctx, 1); return err }
	fetch := func(x *Selected) error {
		return x.Fetch(ctx, []uint64{1, 2, 3}, Items{Size: true}, 0, func(*Message) error { return nil })
	}
	status := func(x *Selected) error {
		r, err := x.s.Status(ctx, []Mailbox{{Name: "a", Wire: "a"}}, false)
		if err == nil {
			err = r[0].Err
		}
		return err
	}
	list := func(x *Selected) error { _, err := x.s.Overview(ctx, folder.AllSpaces, States); return err }
	for _, test := range []struct {
		name, when, reply string
		read              func(*Selected) error
	}{
		{"FetchAll, the same", "UID FETCH 1:*", same("* 1 FETCH (UID 1 RFC822.SIZE 3)"), all},
		{"FetchAll, others", "UID FETCH 1:*", other("* 1 FETCH (UID %d RFC822.SIZE 3)"), all},
		{"UIDs, the same", "UID FETCH 1:*", same("* 1 FETCH (UID 1)"), fetchUIDs},
		{"UIDs, others", "UID FETCH 1:*", other("* 1 FETCH (UID %d)"), fetchUIDs},
		{"SEARCH, the same", "UID SEARCH", same("* SEARCH 1"), search},
		{"SEARCH, others", "UID SEARCH", other("* SEARCH %d"), search},
		{"SEARCH, many in a line", "UID SEARCH", "* SEARCH" + strings.Repeat(" 1", 3000) + "\r\n" + ok, search},
		{"changed, the same", "UID FETCH 1:", same("* 1 FETCH (UID 1 FLAGS (a))"), changed},
		{"changed, others", "UID FETCH 1:", other("* 1 FETCH (UID %d FLAGS (a))"), changed},
		{"changed, unsaid", "UID FETCH 1:", same("* 1 FETCH (UID 1)"), changed},
		{"census, the same", "FETCH 1:*", same("* 1 FETCH (UID 1)"), census},
		{"census, others", "FETCH 1:*", other("* %d FETCH (UID 1)"), census},
		{"count", "FETCH 1:*", same("* 1 FETCH (UID 1)"), count},
		{"a body", "UID FETCH 1 ", same("* 1 FETCH (UID 1 BODY[] {1}\r\na)"), twice},
		{"Fetch, the same", "UID FETCH 1:3", same("* 1 FETCH (UID 1 RFC822.SIZE 3)"), fetch},
		{"STATUS", "STATUS", same(`* STATUS "a" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)`), status},
		{"LIST-STATUS", `LIST "" "*" RETURN`, same(`* STATUS "a" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)`), list},
		{"unreadable LIST", `LIST "" "*" RETURN`, same(`* LIST (`), list},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, "IMAP4rev1 LIST-EXTENDED LIST-STATUS CONDSTORE", rule{when: test.when, reply: test.reply}, rule{when: "EXAMINE", reply: "* 3 EXISTS\r\n* OK [UIDNEXT 4] .\r\n* OK [UIDVALIDITY 5] .\r\n" + ok},
				rule{when: "UID FETCH", reply: "TAG NO no\r\n"}, rule{when: "UID SEARCH", reply: "TAG NO no\r\n"}, rule{when: "FETCH", reply: "TAG NO no\r\n"})
			err := test.read(s.examine())
			switch {
			case err == nil && strings.HasPrefix(test.name, "Fetch, ") && len(s.conns) > 1: // it is asked for otherwise
			case err == nil || !IsGarbled(err) && exit.CodeOf(err) != exit.Partial:
				t.Errorf("%v, code %d", err, exit.CodeOf(err))
			}
		})
	}
}
