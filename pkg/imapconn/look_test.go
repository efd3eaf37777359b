package imapconn

import (
	"context"
	"fmt"
	"testing"
)

// A mailbox of which STATUS says nothing, too little, that it is empty, or what
// cannot be, is opened, and the larger number counts. One that is said to be empty
// is asked what it shows.
func TestStatusInDoubt(t *testing.T) {
	for _, c := range []struct{ name, status, examine, shows, want string }{
		{"sure", "(MESSAGES 2 UIDNEXT 3 UIDVALIDITY 9)", "* 5 EXISTS\r\n", "", "9 3 2 []"},
		{"no items", "()", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE]"},
		{"empty", "(MESSAGES 0 UIDNEXT 3 UIDVALIDITY 9)", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE UID FETCH UID SEARCH]"},
		{"never filled", "(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE UID FETCH UID SEARCH]"},
		{"empty indeed", "(MESSAGES 0 UIDNEXT 3 UIDVALIDITY 9)", "* 0 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 0 [EXAMINE UID FETCH UID SEARCH]"},
		{"by all counts empty", "(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)", "* 0 EXISTS\r\n* OK [UIDNEXT 1] .\r\n* OK [UIDVALIDITY 9] .\r\n", "* 1 FETCH (UID 11)\r\n* 2 FETCH (UID 12)\r\n", "9 13 2 [EXAMINE UID FETCH UID SEARCH]"},
		{"empty but for SEARCH", "(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)", "* 0 EXISTS\r\n* OK [UIDNEXT 1] .\r\n* OK [UIDVALIDITY 9] .\r\n", "* SEARCH 3 4 8\r\n", "9 9 3 [EXAMINE UID FETCH UID SEARCH]"},
		{"empty, and refused by STATUS", "NO", "* 0 EXISTS\r\n* OK [UIDVALIDITY 9] .\r\n", "* 1 FETCH (UID 11)\r\n", "9 12 1 [EXAMINE EXAMINE UID FETCH UID SEARCH]"},
		{"no UIDVALIDITY", "(MESSAGES 3 UIDNEXT 4)", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 4 3 [EXAMINE]"},
		{"UIDNEXT too low everywhere", "(MESSAGES 3 UIDNEXT 2 UIDVALIDITY 9)", "* 3 EXISTS\r\n* OK [UIDNEXT 2] .\r\n* OK [UIDVALIDITY 9] .\r\n", "* 1 FETCH (UID 11)\r\n", "9 12 3 [EXAMINE EXAMINE UID FETCH]"},
		{"no EXISTS", "(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)", "* OK [UIDVALIDITY 9] .\r\n", "* 1 FETCH (UID 11)\r\n", "9 12 1 [EXAMINE UID FETCH UID SEARCH]"},
		{"refused", "NO", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE]"},
		{"BAD", "BAD", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE]"},
		{"silent", "OK", "* 2 EXISTS\r\n* OK [UIDNEXT 3] .\r\n* OK [UIDVALIDITY 9] .\r\n", "", "9 3 2 [EXAMINE]"},
		{"both refused", "NO", "NO", "", `refused status of folder "box": the server said NO . [EXAMINE]`},
		{"empty, and refused", "(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)", "NO", "", `refused status of folder "box": STATUS says that it holds 0 messages, and EXAMINE fails: the server said NO . [EXAMINE UID FETCH UID SEARCH]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := func(text string, before string) string {
				if len(text) < 4 {
					return "TAG " + text + " .\r\n"
				}
				return before + text + "TAG OK .\r\n"
			}
			status := c.status
			if status[0] == '(' {
				status += "\r\n"
			}
			server := newScript(t, "IMAP4rev1", rule{when: "STATUS", reply: answer(status, "* STATUS box ")}, rule{when: "EXAMINE", reply: answer(c.examine, "")},
				rule{when: "UID FETCH", reply: c.shows + ok}, rule{when: "UID SEARCH", reply: c.shows + ok}, rule{when: "FETCH", reply: c.shows + ok})
			results, err := server.open().Status(context.Background(), []Mailbox{{Name: "box", Wire: "box"}}, false)
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			got := fmt.Sprintf("%d %d %d", r.UIDValidity, r.UIDNext, r.Messages)
			if r.Err != nil {
				got = string(r.Reason) + " " + r.Err.Error()
			}
			var asked []string
			for _, verb := range []string{"EXAMINE", "FETCH", "UID FETCH", "UID SEARCH"} {
				for range server.sent(verb) {
					asked = append(asked, verb)
				}
			}
			if got = fmt.Sprint(got, " ", asked); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Many mailboxes are looked into in one round trip, and one at which the
// connection ends costs itself only.
func TestStatusInDoubtMany(t *testing.T) {
	var boxes []Mailbox
	var rules []rule
	for i := range 100 {
		name := fmt.Sprintf("box%02d", i)
		boxes = append(boxes, Mailbox{Name: name, Wire: name})
		examine := rule{when: `EXAMINE "` + name, reply: fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 1000] .\r\nTAG OK\r\n", i)}
		if i == 33 {
			examine = rule{when: `EXAMINE "` + name, close: true}
		}
		rules = append(rules, rule{when: `STATUS "` + name, reply: "* STATUS x (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\nTAG OK\r\n"}, examine)
	}
	results, err := newScript(t, "IMAP4rev1", rules...).open().Status(context.Background(), boxes, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if failed := i == 33; (r.Err != nil) != failed || !failed && r.Messages != uint32(i) {
			t.Error(i, r)
		}
	}
}
