package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// boxesOf makes mailboxes of wire names.
func boxesOf(wires ...string) (boxes []Mailbox) {
	for _, wire := range wires {
		boxes = append(boxes, Mailbox{Name: wire, Wire: wire})
	}
	return boxes
}

// TestSpaces: whose a mailbox is, and that what is not among "everything" is
// asked for by its prefix.
func TestSpaces(t *testing.T) {
	namespaces := rule{when: "NAMESPACE", reply: `* NAMESPACE (("" "/")) (("~" "/")) (("Shared/" "/")("#news." "."))` + "\r\n" + ok}
	rules := []rule{namespaces,
		{when: `LIST "" "*"`, reply: "* LIST () \"/\" INBOX\r\n* LIST () \"/\" a\r\n* LIST (\\Noselect) \"/\" Shared\r\n* LIST () \"/\" Shared/x\r\n" + ok},
		{when: `LSUB "" "*"`, reply: "* LSUB () \"/\" a\r\n" + ok},
		{when: `LIST "" "~*"`, reply: "* LIST () \"/\" ~ann\r\n* LIST () \"/\" ~ann/Sent\r\n" + ok},
		{when: `LSUB "" "~*"`, reply: "* LSUB () \"/\" ~ann\r\n" + ok},
		{when: `LIST "" "Shared/*"`, reply: "* LIST () \"/\" Shared/x\r\n* LIST () \"/\" Shared/y\r\n" + ok},
		{when: `LIST "" "#news.*"`, reply: "TAG NO closed\r\n"},
	}
	for spaces, want := range map[folder.Spaces][]string{
		0:                                    {"INBOX personal", "a personal +"},
		folder.Spaces(0).With(folder.Shared): {"Shared shared", "Shared/x shared", "Shared/y shared"},
		folder.Spaces(0).With(folder.Others): {"~ann other +", "~ann/Sent other"},
		folder.AllSpaces:                     {"INBOX personal", "Shared shared", "Shared/x shared", "Shared/y shared", "a personal +", "~ann other +", "~ann/Sent other"},
	} {
		server := newScript(t, "IMAP4rev1 NAMESPACE", rules...)
		s := server.open()
		boxes, err := s.List(context.Background(), spaces)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range boxes {
			line := b.Name + " " + b.Space.String()
			if b.Subscribed {
				line += " +"
			}
			got = append(got, line)
		}
		equalLists(t, got, want)
		if spaces == 0 && len(server.sent("LIST")) != 1 {
			t.Errorf("%q", server.sent("LIST"))
		}
		if list := s.Namespaces(folder.Shared); fmt.Sprint(list) != "[{Shared/ /} {#news. .}]" {
			t.Error(list)
		}
	}
}

// TestSubscriptions: what is subscribed, there or not.
func TestSubscriptions(t *testing.T) {
	for caps, rules := range map[string][]rule{
		"IMAP4rev1 LIST-EXTENDED":  {{when: `LIST (SUBSCRIBED) "" "*"`, reply: "* LIST (\\Subscribed) \"/\" a\r\n* LIST (\\NonExistent \\Subscribed) \"/\" gone\r\n" + ok}},
		"IMAP4rev1 LIST-EXTENDED ": {{when: `LIST (SUBSCRIBED) "" "*"`, reply: "TAG BAD no\r\n"}, {when: `LSUB "" "*"`, reply: "* LSUB () \"/\" gone\r\n* LSUB () \"/\" a\r\n" + ok}},
		"IMAP4rev1":                {{when: `LSUB "" "*"`, reply: "* LSUB () \"/\" gone\r\n* LSUB () \"/\" a\r\n" + ok}},
	} {
		boxes, err := newScript(t, caps, rules...).open().Subscriptions(context.Background(), 0)
		if err != nil || len(boxes) != 2 || boxes[0].Name != "a" || boxes[1].Name != "gone" {
			t.Errorf("%s: %v %v", caps, boxes, err)
		}
	}
	if _, err := newScript(t, "IMAP4rev1", rule{when: "LSUB", reply: "TAG NO no\r\n"}).open().Subscriptions(context.Background(), 0); err == nil {
		t.Error("a refusal that nobody hears of")
	}
}

func TestMeasure(t *testing.T) {
	lines := "* 1 FETCH (UID 3 RFC822.SIZE 500 INTERNALDATE \"02-Jan-2020 03:04:05 +0200\")\r\n" +
		"* 2 FETCH (UID 5 RFC822.SIZE 700 INTERNALDATE \"02-Jan-2020 02:04:05 +0000\")\r\n" +
		"* 3 FETCH (UID 4 RFC822.SIZE 700 INTERNALDATE \"31-Feb-2020 02:04:05 +0000\")\r\n"
	server := newScript(t, allCaps, rule{when: "UID FETCH 1:*", times: 1, close: true}, rule{when: "UID FETCH 1:* (UID INTERNALDATE RFC822.SIZE)", reply: lines + ok},
		rule{when: "UID SEARCH", reply: "* SEARCH 3 4 5\r\n" + ok}, rule{when: "UID FETCH 3:5 (UID INTERNALDATE RFC822.SIZE)", reply: lines + ok}, rule{when: `EXAMINE "no"`, reply: "TAG NO closed\r\n"})
	s := server.open()
	got, err := s.Measure(context.Background(), &Mailbox{Name: "a", Wire: "a"}, 0)
	if want := (Extent{1900, 700, 4, "2020-01-02T03:04:05+02:00", "2020-01-02T02:04:05+00:00"}); got.Extent != want || got.Err != nil || err != nil {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := s.Measure(context.Background(), &Mailbox{Name: "no", Wire: "no"}, 0); err != nil || got.Reason != Refused || exit.CodeOf(got.Err) != exit.Partial {
		t.Error(got, err)
	}
	if n := len(server.sent("SELECT")); n > 0 {
		t.Error("opened for writing")
	}
}

func TestQuotas(t *testing.T) {
	show := func(results []QuotaResult, roots map[string]*QuotaRoot) (list []string) {
		for _, r := range results {
			line := strings.Join(r.Roots, ",")
			if r.Err != nil {
				line = r.Err.Error()
			}
			list = append(list, line)
		}
		for _, root := range roots {
			used, limit, ok := root.Storage()
			list = append(list, fmt.Sprintf("%s: %d of %d %v %v", root.Name, used, limit, ok, root.Resources))
		}
		slices.Sort(list[len(results):])
		return list
	}
	server := newScript(t, "IMAP4rev1 QUOTA",
		rule{when: `GETQUOTAROOT "INBOX"`, reply: "* QUOTAROOT INBOX \"\" {1}\r\nb\r\n* QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2)\r\n* QUOTA b (storage 20 100)\r\n" + ok},
		rule{when: `GETQUOTAROOT "free"`, reply: "* QUOTAROOT free\r\n" + ok},
		rule{when: `GETQUOTAROOT "none"`, reply: "TAG NO [NONEXISTENT] no\r\n"},
		rule{when: `GETQUOTAROOT "x"`, reply: "* QUOTAROOT x \"User quota\"\r\n* QUOTA \"User quota\" ()\r\n* QUOTA b (STORAGE 21 100)\r\n" + ok},
		rule{when: `GETQUOTAROOT "odd"`, reply: "* QUOTAROOT odd odd\r\n* QUOTA odd (STORAGE 99999999999999999999 1)\r\n* QUOTA odd (STORAGE 1\r\n* QUOTA (\r\n* QUOTA odd (STORAGE 9007199254740991 1 X 1 2)\r\n" + ok})
	results, roots, err := server.open().Quotas(context.Background(), boxesOf("INBOX", "free", "none", "x", "odd"))
	if err != nil {
		t.Fatal(err)
	}
	equalLists(t, show(results, roots), []string{",b", "", `quota of folder "none": the server said NO [NONEXISTENT] no`, "User quota", "odd",
		": 10240 of 524288 true [{STORAGE 10 512} {MESSAGE 1 2}]", "User quota: 0 of 0 false []", "b: 21504 of 102400 true [{STORAGE 21 100}]", "odd: 0 of 0 false [{X 1 2}]"})
	if _, _, err := newScript(t, "IMAP4rev1").open().Quotas(context.Background(), boxesOf("INBOX")); err != ErrNoQuota {
		t.Error(err)
	}
}

func TestACLs(t *testing.T) {
	server := newScript(t, "IMAP4rev1 ACL",
		rule{when: `GETACL "a"`, reply: "* ACL a joe lrswipkxtecda anyone {2}\r\nrl \"-bob\" r\r\n" + ok},
		rule{when: `GETACL "none"`, reply: "* ACL none\r\n" + ok},
		rule{when: `GETACL "no"`, reply: "TAG NO [NOPERM] no\r\n"},
		rule{when: `GETACL "odd"`, reply: "* ACL odd joe\r\n" + ok},
		rule{when: `GETACL "odder"`, reply: "* ACL odder joe (lr\r\n" + ok},
		rule{when: `MYRIGHTS "a"`, reply: "* MYRIGHTS a srl\r\n" + ok},
		rule{when: `LISTRIGHTS "a" "ann"`, reply: "* LISTRIGHTS a ann la r swicd kx Q!0\r\n" + ok},
		rule{when: `SETACL "a" "ann" "+lrs"`, reply: ok},
		rule{when: `SETACL "a" "anyone"`, reply: "TAG BAD 'anyone' is disallowed\r\n"})
	s, ctx := server.open(), context.Background()
	boxes := boxesOf("a", "none", "no", "odd", "odder", "level")
	boxes[5].Attributes = []string{`\Noselect`}
	results, err := s.ACLs(ctx, boxes)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		if r.Err != nil {
			got = append(got, r.Err.Error())
		} else {
			got = append(got, fmt.Sprint(r.Grants))
		}
	}
	equalLists(t, got, []string{"[{joe lrswipkxteacd} {anyone lr} {-bob r}]", "[]", `access control list of folder "no": the server said NO [NOPERM] no`,
		`access control list of folder "odd": the answer to ACL makes no sense`, `access control list of folder "odder": the answer to ACL makes no sense`, "[]"})
	if mine, err := s.MyRights(ctx, &boxes[0]); mine != "lrs" || err != nil {
		t.Error(mine, err)
	}
	if known, err := s.GrantableRights(ctx, &boxes[0], "ann"); known != "lrswikxacd0" || err != nil {
		t.Error(known, err)
	}
	if err := s.Grant(ctx, &boxes[0], Grant{"ann", "lrs"}); err != nil {
		t.Error(err)
	}
	if err := s.Grant(ctx, &boxes[0], Grant{"anyone", "l"}); err == nil || !strings.Contains(err.Error(), "disallowed") {
		t.Error(err)
	}
	if _, err := newScript(t, "IMAP4rev1").open().ACLs(ctx, boxes); !errors.Is(err, ErrNoACL) {
		t.Error(err)
	}
}

// TestAskedApart: where answers cannot be told apart by their order, each is
// asked for alone.
func TestAskedApart(t *testing.T) {
	server := newScript(t, "IMAP4rev1 ACL",
		rule{when: `GETACL "a"`, times: 1, reply: "* ACL a joe l\r\n* ACL a joe l\r\n" + ok},
		rule{when: `GETACL "a"`, reply: "* ACL a joe l\r\n" + ok},
		rule{when: `GETACL "b"`, reply: "* ACL b ann r\r\n" + ok})
	results, err := server.open().ACLs(context.Background(), boxesOf("a", "b"))
	if err != nil || fmt.Sprint(results) != "[{[{joe l}] <nil>} {[{ann r}] <nil>}]" || len(server.sent("GETACL")) != 4 {
		t.Error(results, err, server.sent("GETACL"))
	}
}

// TestACLBounds: what is asked for again counts once; too much of it is not asked
// for again.
func TestACLBounds(t *testing.T) {
	defer func(n int) { maxACLs = n }(maxACLs)
	maxACLs = 100 // a grant takes 36 octets
	answer := func(n int) string { return "* ACL a" + strings.Repeat(" joe l", n) + "\r\n" }
	again := newScript(t, "IMAP4rev1 ACL", rule{when: `GETACL "a"`, times: 1, reply: answer(2), close: true}, rule{when: "GETACL", reply: answer(1) + ok})
	if results, err := again.open().ACLs(context.Background(), boxesOf("a", "b")); err != nil || fmt.Sprint(results) != "[{[{joe l}] <nil>} {[{joe l}] <nil>}]" {
		t.Error(results, err)
	}
	much := newScript(t, "IMAP4rev1 ACL", rule{when: "GETACL", reply: answer(2) + ok})
	if _, err := much.open().ACLs(context.Background(), boxesOf("a", "b")); exit.CodeOf(err) != exit.Protocol || !strings.Contains(err.Error(), "more than 100 octets") || len(much.conns) != 1 {
		t.Error(err, len(much.conns))
	}
}

// TestFatalFolders: a few folders at which the connection ends cost themselves;
// more are an outage.
func TestFatalFolders(t *testing.T) {
	var boxes []Mailbox
	for i := range 40 {
		boxes = append(boxes, boxesOf(fmt.Sprintf("f%02d", i))...)
	}
	for fatal, code := range map[int]exit.Code{maxFatal: exit.OK, maxFatal + 1: exit.Temporary} {
		var rules []rule
		for i := range fatal {
			rules = append(rules, rule{when: fmt.Sprintf("STATUS \"f%02d\"", i*7), close: true})
		}
		rules = append(rules, rule{when: "STATUS", reply: "* STATUS x (MESSAGES 1)\r\n" + ok})
		results, err := newScript(t, "IMAP4rev1", rules...).open().askStatus(context.Background(), boxes, false)
		if exit.CodeOf(err) != code {
			t.Fatalf("%d: %v", fatal, err)
		}
		for i, r := range results {
			if lost := i%7 == 0 && i/7 < fatal; lost != (r.Reason == Unreadable) || !lost && r.Messages != 1 {
				t.Errorf("%d: %+v", i, r)
			}
		}
	}
}

func TestAppendLimit(t *testing.T) {
	for _, c := range []struct {
		caps string
		want map[string]int64
		sent int
	}{
		{"IMAP4rev1", map[string]int64{"a": -1}, 0},
		{"IMAP4rev1 APPENDLIMIT=100", map[string]int64{"a": 100, "small": 100}, 0},
		{"IMAP4rev1 APPENDLIMIT=0", map[string]int64{"a": 0}, 0},
		{"IMAP4rev1 APPENDLIMIT=x", map[string]int64{"a": -1}, 0},
		{"IMAP4rev1 APPENDLIMIT", map[string]int64{"a": 500, "small": 5, "any": -1, "no": -1}, 4},
	} {
		server := newScript(t, c.caps, rule{when: `STATUS "a" (APPENDLIMIT)`, reply: "* STATUS a (APPENDLIMIT 500)\r\n" + ok}, rule{when: `STATUS "small"`, reply: "* STATUS small (APPENDLIMIT 5)\r\n" + ok},
			rule{when: `STATUS "any"`, reply: "* STATUS any (APPENDLIMIT NIL)\r\n" + ok}, rule{when: `STATUS "no"`, reply: "TAG BAD no\r\n"})
		s := server.open()
		for range 2 { // the second time it is known
			for name, want := range c.want {
				if got, err := s.AppendLimit(context.Background(), name); got != want || err != nil {
					t.Errorf("%s, %s: %d %v", c.caps, name, got, err)
				}
			}
		}
		if n := len(server.sent("STATUS")); n != c.sent {
			t.Errorf("%s: asked %d times", c.caps, n)
		}
		var fates []string
		err := s.Append(context.Background(), "small", []AppendMessage{{Size: 6, Body: strings.NewReader("abcdef")}}, func(_ int, r AppendResult) {
			fates = append(fates, fmt.Sprint(errors.Is(r.Err, ErrTooBig), r.Err))
		}, nil)
		limit, known := c.want["small"]
		if tooBig := known && limit < 6 || c.want["a"] == 0; err != nil || len(fates) != 1 || tooBig != strings.HasPrefix(fates[0], "true") {
			t.Errorf("%s: %q %v", c.caps, fates, err)
		}
	}
}

// TestID: we introduce ourselves before anything else, with a name and a
// version, unless told not to.
func TestID(t *testing.T) {
	version := func(o *Options) { o.Version = "1.2" }
	for _, c := range []struct {
		caps   string
		change func(*Options)
		reply  string
		sent   string
		id     string
	}{
		{"IMAP4rev1", version, "", "", "[]"},
		{"IMAP4rev1 ID", version, "* ID (\"name\" \"Server\" {7}\r\nversion NIL \"x\" {1}\r\ny )\r\n" + ok, `ID ("name" "imap-pipe" "version" "1.2")`, "[{name Server} {version } {x y}]"},
		{"IMAP4rev1 ID", func(*Options) {}, "* ID NIL\r\n" + ok, `ID ("name" "imap-pipe")`, "[]"},
		{"IMAP4rev1 ID", func(*Options) {}, "* ID (\"name\" \"Server\")\r\n* ID NIL\r\n" + ok, `ID ("name" "imap-pipe")`, "[{name Server}]"},
		{"IMAP4rev1 ID", func(o *Options) { o.Version = "1\r\n" }, "* ID (\"name\"\r\n" + ok, `ID ("name" "imap-pipe")`, "[]"},
		{"IMAP4rev1 ID", version, "TAG BAD what\r\n", `ID ("name" "imap-pipe" "version" "1.2")`, "[]"},
		{"IMAP4rev1 ID", func(o *Options) { o.NoID = true }, "", "", "[]"},
		{"IMAP4rev1 ID", func(o *Options) { o.DisableCaps = []string{"id"} }, "", "", "[]"},
	} {
		server := newScript(t, c.caps, rule{when: "ID", reply: c.reply})
		o := server.options()
		c.change(&o)
		s, about, err := Probe(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		all := strings.Join(server.sent(""), "|")
		if sent := strings.Join(server.sent("ID"), "|"); sent != c.sent || sent != "" && !strings.HasPrefix(all, "LOGIN \"joe\" \"canary\"|ID") {
			t.Errorf("%s: sent %s", c.caps, all)
		}
		if got := fmt.Sprint(about.ID); got != c.id {
			t.Errorf("%s: %s, want %s", c.reply, got, c.id)
		}
	}
}

// TestProbe: what was learnt is told, however far it came.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []rule
		code  exit.Code
		want  string
	}{
		{"whole", nil, exit.OK, "ready ready [AUTH=PLAIN IMAP4REV1] plain [AUTH=PLAIN IMAP4REV1]"},
		{"more after the login", []rule{{when: "AUTHENTICATE", reply: "TAG OK [CAPABILITY IMAP4rev1 QUOTA] in\r\n"}}, exit.OK, "ready ready [AUTH=PLAIN IMAP4REV1] plain [IMAP4REV1 QUOTA]"},
		{"login refused", []rule{{when: "AUTHENTICATE", reply: "TAG NO no\r\n"}}, exit.Login, "login ready [AUTH=PLAIN IMAP4REV1]  []"},
		{"listing refused", []rule{{when: "LIST", reply: "* BYE\r\n", close: true}}, exit.Temporary, "account ready [AUTH=PLAIN IMAP4REV1] plain [AUTH=PLAIN IMAP4REV1]"},
	} {
		server := newScript(t, "IMAP4rev1 AUTH=PLAIN", c.rules...)
		s, about, err := Probe(context.Background(), server.options())
		if s != nil {
			s.Close()
		}
		got := fmt.Sprintf("%s %s %v %s %v", about.Step, about.Greeting, about.Offered, about.Login, about.Has)
		if exit.CodeOf(err) != c.code || (s == nil) == (err == nil) || got != c.want || about.TLS != nil || !strings.HasPrefix(about.Address, "127.0.0.1:") {
			t.Errorf("%s: %v, %q, %+v", c.name, err, got, about)
		}
	}
	o := newScript(t, "").options()
	o.Port = 1
	if _, about, err := Probe(context.Background(), o); exit.CodeOf(err) != exit.Unavailable || about == nil || about.Address != "" || about.Step != Connecting {
		t.Errorf("%v %+v", err, about)
	}
}

// TestStatesWithTheListing: one command for names and states, where the server
// has that; what does not come so is asked for.
func TestStatesWithTheListing(t *testing.T) {
	const caps = "IMAP4rev1 LIST-EXTENDED LIST-STATUS STATUS=SIZE CONDSTORE"
	names := "* LIST (\\Subscribed) \"/\" a\r\n* LIST () \"/\" inbox\r\n* LIST () \"/\" no\r\n* LIST () \"/\" b\r\n* LIST (\\Noselect) \"/\" level\r\n"
	states := "* STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 4 SIZE 5)\r\n* STATUS INBOX (MESSAGES 6 SIZE 7)\r\n* STATUS b (UIDVALIDITY 99999999999)\r\n* STATUS x (MESSAGES\r\n"
	asked := []rule{{when: `STATUS "no"`, reply: "TAG NO closed\r\n"}, {when: `STATUS "level"`, reply: "TAG NO a level\r\n"}, {when: `STATUS "b"`, reply: "* STATUS b (MESSAGES 8)\r\n" + ok},
		{when: `STATUS "a"`, reply: "* STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 4 SIZE 5)\r\n" + ok}, {when: `STATUS "inbox"`, reply: "* STATUS inbox (MESSAGES 6 SIZE 7)\r\n" + ok}}
	plain := rule{when: `LIST "" "*" RETURN (SUBSCRIBED)`, reply: names + ok}
	for _, c := range []struct {
		name   string
		detail Detail
		rules  []rule
		sent   int // STATUS commands, one of them for the level
	}{
		{"together", Sizes, []rule{{when: `LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE))`, reply: names + states + ok}}, 3},
		{"sizes are missing", States, []rule{{when: `LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))`, reply: strings.ReplaceAll(names+states, " SIZE", " X") + ok}}, 5},
		{"refused", Sizes, []rule{{when: `LIST "" "*" RETURN (SUBSCRIBED STATUS`, reply: "TAG BAD what\r\n"}, plain}, 5},
		{"the connection is lost over it", Sizes, []rule{{when: `LIST "" "*" RETURN (SUBSCRIBED STATUS`, close: true}, plain}, 5},
		{"not wanted", NoDetail, []rule{plain}, 5},
	} {
		server := newScript(t, caps, append(c.rules, asked...)...)
		s := server.open()
		boxes, err := s.Overview(context.Background(), 0, c.detail)
		if err != nil {
			t.Fatal(c.name, err)
		}
		results, err := s.askStatus(context.Background(), boxes, true)
		if err != nil {
			t.Fatal(c.name, err)
		}
		var got []string
		for i, r := range results {
			got = append(got, fmt.Sprint(boxes[i].Name, " ", r.Messages, " ", r.UIDValidity, " ", r.Octets, " ", r.Err != nil))
		}
		equalLists(t, got, []string{"INBOX 6 0 7 false", "a 1 3 5 false", "b 8 0 -1 false", "level 0 0 0 false", "no 0 0 0 true"})
		if n := len(server.sent("STATUS")); n != c.sent {
			t.Errorf("%s: %d STATUS commands, want %d: %q", c.name, n, c.sent, server.sent(""))
		}
	}
}

func TestOverQuota(t *testing.T) {
	for reply, full := range map[string]bool{
		"NO [OVERQUOTA] no": true, "NO Over quota": true, "NO [ALERT] Quota exceeded (mailbox for user is full)": true, "NO [overquota] x": true, "NO Mailbox is full": true, "NO [ALERT] You exceeded your mail quota.": true,
		"NO [LIMIT] Quota exceeded for this message": false, "NO [TOOBIG] over quota": false, "NO no": false, "NO [NOPERM] over quota": false,
	} {
		for _, caps := range []string{"IMAP4rev1 MULTIAPPEND LITERAL+", "IMAP4rev1 LITERAL+", "IMAP4rev1"} {
			s := newScript(t, caps, rule{when: "APPEND", reply: "TAG " + reply + "\r\n"}).open()
			msgs := make([]AppendMessage, 16)
			for i := range msgs {
				msgs[i] = AppendMessage{Size: 3, Body: strings.NewReader("a\r\n")}
			}
			fates := 0
			err := s.Append(context.Background(), "box", msgs, func(int, AppendResult) { fates++ }, nil)
			if full != (exit.CodeOf(err) == exit.CantCreate) || full == (fates == len(msgs)) {
				t.Errorf("%s, %s: %v, %d fates", caps, reply, err, fates)
			}
		}
	}
}
