package imapconn

import (
	"context"
	"testing"
)

// Reopen asks for STATUS on a new connection on which nothing is open yet.
func TestReopen(t *testing.T) {
	s := newScript(t, "IMAP4rev1",
		rule{when: "EXAMINE", reply: "* 0 EXISTS\r\n* OK [UIDVALIDITY 9] .\r\nTAG OK .\r\n", times: 1},
		rule{when: "STATUS", reply: "* STATUS box (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 9)\r\nTAG OK\r\n", times: 1},
		rule{when: "STATUS", reply: "TAG NO not now\r\n"})
	x := s.examine()
	again, told, err := x.Reopen(context.Background())
	if err != nil || x.Messages != 0 || told.Messages != 3 || again.Messages != 3 {
		t.Errorf("first %+v, then %+v, told %+v, %v", x, again, told, err)
	}
	equalLists(t, append(s.sent("EXAMINE"), s.sent("STATUS")...), []string{`EXAMINE "box"`, `EXAMINE "box"`, `STATUS "box" (MESSAGES UIDNEXT UIDVALIDITY)`})
	if n := len(s.sent("LOGIN")) + len(s.sent("AUTHENTICATE")); n != 2 {
		t.Errorf("%d logins", n)
	}
	if _, told, err := again.Reopen(context.Background()); err != nil || told.Messages != 3 {
		t.Errorf("STATUS is refused, and EXAMINE is not asked: %+v, %v", told, err)
	}
}
