package imapconn

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// TestListBounds: a listing of too many folders, or of names that are too long, ends
// the run with an error that names the limit, and is not asked for again.
func TestListBounds(t *testing.T) {
	defer func(n, m int) { maxMailboxes, maxNameOctets = n, m }(maxMailboxes, maxNameOctets)
	maxMailboxes, maxNameOctets = 1000, 100_000
	lines := func(format string, n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, format+"\r\n", i)
		}
		return s.String()
	}
	list := func(s *Session) error {
		_, err := s.Overview(context.Background(), folder.AllSpaces, States)
		return err
	}
	subscribed := func(s *Session) error {
		_, err := s.Subscriptions(context.Background(), folder.AllSpaces)
		return err
	}
	for _, test := range []struct {
		name, caps, when, reply string
		read                    func(*Session) error
		want                    string
	}{
		{"as many as may be", "", "LIST", lines(`* LIST () "/" a%d`, 1000), list, ""},
		{"each way counts once", "", "L", lines(`* LIST (\HasNoChildren) "/" a%d`, 900) + lines(`* LSUB () "/" a%d`, 900) + "* LIST () \"/\"\r\n", list, ""},
		{"folders", "", "LIST", lines(`* LIST () "/" a%d`, 1001), list, "more than 1000 folders"},
		{"names", "", "LIST", lines(`* LIST () "/" `+strings.Repeat("n", 1000)+"%d", 100), list, "more than 100000 octets"},
		{"attributes", "", "LIST", lines(`* LIST (\`+strings.Repeat("n", 1000)+`) "/" a%d`, 100), list, "more than 100000 octets"},
		{"subscriptions", "", "LSUB", lines(`* LSUB () "/" a%d`, 1001), list, "more than 1000 folders"},
		{"subscriptions alone", "", "LSUB", lines(`* LSUB () "/" a%d`, 1001), subscribed, "more than 1000 folders"},
		{"states", " LIST-EXTENDED LIST-STATUS", "LIST", lines(`* STATUS a%d (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)`, 1001), list, "STATUS of more than 1000 folders"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, "IMAP4rev1"+test.caps, rule{when: `LIST "" ""`, reply: `* LIST () "/" ""` + "\r\n" + ok}, rule{when: test.when, reply: test.reply + ok})
			err := test.read(s.open())
			switch {
			case test.want == "" && err == nil:
			case err == nil || exit.CodeOf(err) != exit.Protocol || !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, code %d", err, exit.CodeOf(err))
			case len(s.conns) != 1:
				t.Errorf("asked on %d connections", len(s.conns))
			}
		})
	}
	n := namespaces{}
	for _, reply := range []string{strings.Repeat(`("a" "/")`, maxNamespaces+1), strings.Repeat(`("`+strings.Repeat("n", 1000)+`" "/")`, 100)} {
		s := newScript(t, "IMAP4rev1", rule{when: "NAMESPACE", reply: "* NAMESPACE (" + reply + ") NIL NIL\r\n" + ok}).open()
		if err := s.askNamespace(&n); exit.CodeOf(err) != exit.Protocol || !strings.Contains(err.Error(), "namespaces") {
			t.Error(err)
		}
	}
}
