package imapconn

import (
	"context"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestStore: what is sent for flags, and what becomes of flags that a server
// does not want.
func TestStore(t *testing.T) {
	opened := rule{when: "SELECT", reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 9] ok\r\n" + ok}
	silent := rule{when: "UID STORE", reply: "* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n" + ok}
	for name, test := range map[string]struct {
		rules []rule
		uids  []uint64
		flags []string
		sent  string // the commands, one a line
		drops string
		code  exit.Code
	}{
		"ranges":              {[]rule{silent}, []uint64{6, 4, 5, 8, 4}, []string{`\seen`, "Work"}, `UID STORE 4:6,8 +FLAGS.SILENT (\Seen Work)`, "", exit.OK},
		"none":                {nil, nil, []string{`\Seen`}, "", "", exit.OK},
		"not to be sent":      {[]rule{silent}, []uint64{4}, []string{`\Recent`, "a b", `\Odd`, "Work\r\nA LOGOUT", `\Seen`}, `UID STORE 4 +FLAGS.SILENT (\Seen)`, `\Recent,a b,\Odd,` + "Work\r\nA LOGOUT", exit.OK},
		"none of them":        {nil, []uint64{4}, []string{`\Recent`}, "", `\Recent`, exit.OK},
		"one is refused":      {[]rule{{when: "UID STORE 4 +FLAGS.SILENT (Work Play)", reply: "TAG NO [LIMIT] keywords\r\n"}, {when: "UID STORE 4 +FLAGS.SILENT (Play)", reply: "TAG NO bad keyword\r\n"}, silent}, []uint64{4}, []string{"Work", "Play"}, "UID STORE 4 +FLAGS.SILENT (Work Play)\nUID STORE 4 +FLAGS.SILENT (Work)\nUID STORE 4 +FLAGS.SILENT (Play)", "Play", exit.OK},
		"one, and is refused": {[]rule{{when: "UID STORE", reply: "TAG BAD bad keyword\r\n"}}, []uint64{4}, []string{"Play"}, "UID STORE 4 +FLAGS.SILENT (Play)", "Play", exit.OK},
		"refused once":        {[]rule{{when: "UID STORE", times: 1, reply: "TAG BAD Internal server error\r\n"}, silent}, []uint64{4}, []string{"Play"}, "UID STORE 4 +FLAGS.SILENT (Play)\nUID STORE 4 +FLAGS.SILENT (Play)", "", exit.OK},
		"no permission":       {[]rule{{when: "UID STORE", reply: "TAG NO [NOPERM] no\r\n"}}, []uint64{4}, []string{"Play"}, "UID STORE 4 +FLAGS.SILENT (Play)", "", exit.Partial},
		"the connection ends": {[]rule{{when: "UID STORE", times: 1, close: true}, silent}, []uint64{4}, []string{"Play"}, "UID STORE 4 +FLAGS.SILENT (Play)\nUID STORE 4 +FLAGS.SILENT (Play)", "", exit.OK},
	} {
		t.Run(name, func(t *testing.T) {
			server := newScript(t, "IMAP4rev1", append([]rule{opened}, test.rules...)...)
			box, err := server.open().Select(context.Background(), "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			dropped, err := box.Store(context.Background(), test.uids, AddFlags, test.flags)
			if got := strings.Join(dropped, ","); got != test.drops || exit.CodeOf(err) != test.code {
				t.Errorf("dropped %q, %v; want %q, exit %d", got, err, test.drops, test.code)
			}
			if got := strings.Join(server.sent("UID STORE"), "\n"); got != test.sent {
				t.Errorf("sent\n%s\nwant\n%s", got, test.sent)
			}
		})
	}
}

// TestStoreElsewhere: the flags of another folder of the same name are not
// touched.
func TestStoreElsewhere(t *testing.T) {
	server := newScript(t, "IMAP4rev1",
		rule{when: "SELECT", times: 1, reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 9] ok\r\n" + ok},
		rule{when: "SELECT", reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 8] ok\r\n* OK [UIDNEXT 9] ok\r\n" + ok},
		rule{when: "UID STORE", close: true})
	box, err := server.open().Select(context.Background(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Store(context.Background(), []uint64{4}, RemoveFlags, []string{`\Seen`}); exit.CodeOf(err) != exit.Partial {
		t.Errorf("%v", err)
	}
	if n := len(server.sent("UID STORE")); n != 1 {
		t.Errorf("%d commands", n)
	}
}
