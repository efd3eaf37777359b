package imapconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

func showBoxes(boxes []Mailbox) []string {
	var l []string
	for _, b := range boxes {
		line := fmt.Sprintf("%s %q %q", b.Name, b.Wire, b.Delimiter)
		if len(b.Attributes) > 0 {
			line += " " + strings.Join(b.Attributes, ",")
		}
		if b.Subscribed {
			line += " +"
		}
		if !b.Selectable() {
			line += " -"
		}
		if b.Unread != "" {
			line += " ?"
		}
		l = append(l, line)
	}
	return l
}

func TestList(t *testing.T) {
	plain := func(lines string) []rule { return []rule{{when: `LIST "" "*"`, reply: lines + ok}} }
	tests := []struct {
		name  string
		caps  string
		rules []rule
		want  []string
	}{
		{"extended", "IMAP4rev1 LIST-EXTENDED SPECIAL-USE", []rule{{when: `LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)`, reply: `* LIST (\Subscribed \HasNoChildren \sent) "/" Sent` + "\r\n" + `* LIST (\NOSELECT) "/" "a/b"` + "\r\n" +
			`* LIST () "/" inbox` + "\r\n" + `* LIST () "/" c ("CHILDINFO" ("SUBSCRIBED"))` + "\r\n* list (\\hasnochildren \\HasNoChildren ) \"/\" &AOk-\r\n" + ok},
			{when: `STATUS "a/b"`, reply: "TAG NO a level\r\n"}},
			[]string{`INBOX "inbox" "/"`, `Sent "Sent" "/" \HasNoChildren,\Sent +`, `a/b "a/b" "/" \Noselect -`, `c "c" "/"`, `é "&AOk-" "/" \HasNoChildren`}},
		{"extended refused", "IMAP4rev1 LIST-EXTENDED", []rule{{when: `LIST "" "*" RETURN`, reply: "TAG BAD what\r\n"}, {when: `LIST "" "*"`, reply: "* LIST () NIL a\r\n" + ok}, {when: "LSUB", reply: "* LSUB () NIL a\r\n" + ok}},
			[]string{`a "a" "" +`}},
		{"LSUB", "IMAP4rev1", []rule{{when: `LIST "" "*"`, reply: "* LIST () \".\" INBOX\r\n* LIST () \".\" b\r\n* LIST () \".\" a\r\n" + ok}, {when: "LSUB", reply: "* LSUB () \".\" Inbox\r\n* LSUB () \".\" a\r\n* LSUB () \".\" gone\r\n" + ok},
			{when: `STATUS "gone"`, reply: "TAG NO there is none\r\n"}},
			[]string{`INBOX "INBOX" "." +`, `a "a" "." +`, `b "b" "."`}},
		{"LSUB refused", "IMAP4rev1", append(plain("* LIST () \".\" a\r\n"), rule{when: "LSUB", reply: "TAG NO\r\n"}), []string{`a "a" "."`}},
		{"hostile", "IMAP4rev1", plain("* LIST (\\X\r\n* LIST\r\n* LIST ()\r\n* LIST () \"/\"\r\n* LIST () \"/\" \"\"\r\n* LIST () nil plain \r\n* LIST () \"\" two words\r\n* LIST () \"\\\\\" \"q\\\"\\\\\"\r\n* LIST () \"/\" {3}\r\nl(t\r\n" +
			"* LIST ( \\Marked ) \"/\" plain\r\n* LIST \"/\" bare\r\n* X-LIST {2}\r\nab\r\n"),
			[]string{`* LIST "" "" ?`, `* LIST () "" "" ?`, `* LIST () "/" "" "/" ?`, `* LIST (\X "" "" ?`, `bare "bare" "/"`, `l(t "l(t" "/"`, `plain "plain" "/" \Marked`, `q"\ "q\"\\" "\\"`, `two words "two words" ""`}},
		{"unread", "IMAP4rev1", append(plain("* LIST () \"/\" \"My \"best\" mail\"\r\n* LIST () \"/\" \"open\r\n*LIST () \"/\" \"Work\"\r\n* LIST () \"/\" braces {3}\r\n* LISTEN () NIL late\r\n* LIST () \"/\" {3}\r\nwhole\r\n"+
			"* LIST () \"/\" {6}\r\nlong\r\n* LIST () \"/\" hidden\r\n* LIST () \"/\" {12}\r\nmid\r\n* LIST () \"/\" {5}\r\nother\r\n"),
			rule{when: "EXAMINE \"braces", reply: "TAG NO there is none\r\n"}),
			[]string{"* LISTEN () NIL late \"\" \"\" ?", "*LIST () \"/\" \"Work\" \"\" \"\" ?", `My "best" mail "My \"best\" mail" "/"`, "braces {3} \"braces {3}\" \"/\" ?",
				`hidden "hidden" "/"`, `long "long" "/"`, `mid "mid" "/"`, `open "open" "/"`, `other "other" "/"`, `whole "whole" "/"`}},
		{"unread once", "IMAP4rev1", []rule{{when: `LIST "" "*"`, reply: "* LIST () \"/\" a\r\n* LIST (\r\n" + ok, times: 1}, {when: `LIST "" "*"`, reply: "* LIST () \"/\" a\r\n* LIST () \"/\" b\r\n" + ok}},
			[]string{`a "a" "/"`, `b "b" "/"`}},
		{"unread but by level", "IMAP4rev1", []rule{{when: `LIST "" "*"`, reply: "* LIST () \"/\" a\r\n* LIST (\r\n" + ok}, {when: `LIST "" "%"`, reply: "* LIST (\\HasChildren) \"/\" a\r\n" + ok}, {when: `LIST "" "a/%"`, reply: "* LIST () \"/\" a/b\r\n" + ok}},
			[]string{`a "a" "/"`, `a/b "a/b" "/"`}},
		{"foreign", "IMAP4rev1 NAMESPACE", append(plain("* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.a\r\n* LIST () \".\" inbox.b\r\n* LIST () \".\" user.ann\r\n* LIST () \".\" user\r\n* LIST () \".\" public\r\n"),
			rule{when: "NAMESPACE", reply: `* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))` + "\r\n" + ok}),
			[]string{`INBOX "INBOX" "."`, `INBOX.a "INBOX.a" "."`, `inbox.b "inbox.b" "."`}},
		{"odd namespaces", "IMAP4rev1 NAMESPACE", append(plain("* LIST () \"/\" a\r\n* LIST () \"/\" #x/b\r\n"),
			rule{when: "NAMESPACE", reply: "* NAMESPACE  (( {0}\r\n  \"/\"  \"EXT\" (\"a\" \"b\"))  (\"X\" nil ) ) nil ((\"#x/\" \"/\")) \r\n" + ok}),
			[]string{`a "a" "/"`}},
		{"broken namespaces", "IMAP4rev1 NAMESPACE", append(plain("* LIST () \"/\" a\r\n"), rule{when: "NAMESPACE", reply: "* NAMESPACE ((\"\" \"/\"\r\n* NAMESPACE NIL\r\n" + ok}),
			[]string{`a "a" "/"`}},
		{"shared", "IMAP4rev1 NAMESPACE", append(plain("* LIST () \"/\" INBOX\r\n* LIST () \"/\" a\r\n* LIST () \"/\" Shared\r\n* LIST () \"/\" Shared/x\r\n* LIST () \"/\" Sharedx\r\n"),
			rule{when: "NAMESPACE", reply: `* NAMESPACE (("" "/")) NIL (("Shared/" "/"))` + "\r\n" + ok}),
			[]string{`INBOX "INBOX" "/"`, `Sharedx "Sharedx" "/"`, `a "a" "/"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			boxes, err := newScript(t, test.caps, test.rules...).open().List(context.Background(), 0)
			if err != nil {
				t.Error(err)
			}
			equalLists(t, showBoxes(boxes), test.want)
		})
	}
}

// A subscription that cannot be read costs no folder, and is told.
func TestListUnreadSubscription(t *testing.T) {
	var warned []string
	s := newScript(t, "IMAP4rev1", rule{when: `LIST "" "*"`, reply: "* LIST () \"/\" a\r\n" + ok},
		rule{when: "LSUB", reply: "* LSUB () \"/\" a\r\n* LSUB (\r\n" + ok}).open(func(o *Options) {
		o.Warn = func(text string) { warned = append(warned, text) }
	})
	boxes, err := s.List(t.Context(), 0)
	if err != nil {
		t.Error(err)
	}
	equalLists(t, showBoxes(boxes), []string{`a "a" "/" +`})
	equalLists(t, warned, []string{`a subscription in the server's listing cannot be read: "* LSUB ("`})
}

// TestListNames: what FromWire makes of a name is the folder package's affair;
// here every name must come, with its wire form.
func TestListNames(t *testing.T) {
	names := []string{"a&b", "&AOk-&AOo-", "&AGE-", "caf\xe9", "Entwürfe", "esc&ABs-[2J", "nl&AAo-x", "&2AA-", "x\x7f", "*", "%", "\\", "INBOX/inbox", "..", "\x1b[31m", strings.Repeat("n", 2000)}
	var lines strings.Builder
	for _, n := range names {
		fmt.Fprintf(&lines, "* LIST () \"/\" {%d}\r\n%s\r\n", len(n), n)
	}
	s := newScript(t, "IMAP4rev1", rule{when: `LIST "" "*"`, reply: lines.String() + ok}).open()
	boxes, err := s.List(context.Background(), 0)
	if err != nil || len(boxes) != len(names) {
		t.Fatal(len(boxes), err)
	}
	decoded, wires := map[string]bool{}, map[string]bool{}
	for _, b := range boxes {
		decoded[b.Name], wires[b.Wire] = true, true
	}
	for _, n := range names {
		if !wires[n] {
			t.Errorf("%q is lost", n)
		}
	}
	if len(decoded) != len(names) {
		t.Error("two folders with one name")
	}
}

func TestPrefixOptions(t *testing.T) {
	prefix, delimiter := "Mail.", "."
	s := newScript(t, "IMAP4rev1").open(func(o *Options) { o.Prefix, o.Delimiter = &prefix, &delimiter })
	if ns := s.Namespace(); ns.Prefix != prefix || ns.Delimiter != delimiter {
		t.Error(ns)
	}
	if ns := newScript(t, "IMAP4rev1").open().Namespace(); ns.Prefix != "" || ns.Delimiter != "/" {
		t.Error(ns)
	}
	s = newScript(t, "IMAP4rev1 NAMESPACE", rule{when: "NAMESPACE", reply: "TAG NO\r\n"}).open(func(o *Options) { o.DisableCaps = []string{"x"} })
	if ns := s.Namespace(); ns.Delimiter != "/" {
		t.Error(ns)
	}
	s = newScript(t, "IMAP4rev1 NAMESPACE MULTIAPPEND").open(func(o *Options) { o.DisableCaps = []string{"namespace", "MultiAppend"} })
	if s.Has("NAMESPACE") || s.Has("MULTIAPPEND") || s.Limit("APPENDLIMIT") != -1 {
		t.Error(s.Capabilities())
	}
}

// A server that tells no namespace: the prefix is guessed only where every
// folder has it, and the guess is told.
func TestPrefixGuessed(t *testing.T) {
	list := func(names ...string) []rule {
		reply := ""
		for _, n := range names {
			reply += "* LIST () \".\" " + n + "\r\n"
		}
		return []rule{{when: `LIST "" ""`, reply: "* LIST (\\Noselect) \".\" \"\"\r\nTAG OK\r\n"}, {when: "LIST", reply: reply + "TAG OK\r\n"}, {when: "NAMESPACE", reply: "* NAMESPACE ((\"\" \".\")) NIL NIL\r\nTAG OK\r\n"}}
	}
	given := "Mail."
	for _, c := range []struct {
		name   string
		caps   string
		names  []string
		option *string
		want   string
	}{
		{"all below INBOX", "IMAP4rev1", []string{"INBOX", "INBOX.Sent", "inbox.a.b"}, nil, "INBOX."},
		{"one is not", "IMAP4rev1", []string{"INBOX", "INBOX.Sent", "Trash"}, nil, ""},
		{"INBOX alone", "IMAP4rev1", []string{"INBOX"}, nil, ""},
		{"another level", "IMAP4rev1", []string{"INBOX", "mail.a", "mail.b"}, nil, ""},
		{"the server tells", "IMAP4rev1 NAMESPACE", []string{"INBOX", "INBOX.Sent"}, nil, ""},
		{"the user tells", "IMAP4rev1", []string{"INBOX", "INBOX.Sent"}, &given, "Mail."},
	} {
		var warned []string
		s := newScript(t, c.caps, list(c.names...)...).open(func(o *Options) {
			o.Prefix, o.Warn = c.option, func(text string) { warned = append(warned, text) }
		})
		for range 2 {
			if _, err := s.List(context.Background(), 0); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Namespace().Prefix; got != c.want {
			t.Errorf("%s: prefix %q, want %q", c.name, got, c.want)
		}
		if guessed := c.want == "INBOX."; guessed != (len(warned) == 1) || guessed && !strings.Contains(warned[0], "taken for the prefix") {
			t.Errorf("%s: warnings %q", c.name, warned)
		}
	}
}

// A server that refuses to tell its delimiter shows it in each listing.
func TestDelimiterOfTheListing(t *testing.T) {
	none := ""
	for _, c := range []struct {
		list   string
		option *string
		want   string
	}{
		{"* LIST () NIL INBOX\r\n* LIST () \".\" a\r\n", nil, "."},
		{"* LIST () NIL INBOX\r\n* LIST () NIL a\r\n", nil, ""},
		{"* LIST () \".\" INBOX\r\n", &none, ""},
	} {
		s := newScript(t, "IMAP4rev1 NAMESPACE", rule{when: "NAMESPACE", reply: "TAG NO\r\n"}, rule{when: `LIST "" ""`, reply: "TAG NO\r\n"}, rule{when: "LIST", reply: c.list + ok}).open(func(o *Options) { o.Delimiter = c.option })
		if _, err := s.List(t.Context(), 0); err != nil {
			t.Error(err)
		}
		if got := s.Namespace().Delimiter; got != c.want {
			t.Errorf("%q: delimiter %q, want %q", c.list, got, c.want)
		}
	}
}

func TestDelete(t *testing.T) {
	server := newScript(t, "IMAP4rev1", rule{when: `DELETE "no"`, reply: "TAG NO [CANNOT] never\r\n"}, rule{when: `DELETE "lost"`, reply: "", close: true}, rule{when: "UNSUBSCRIBE", reply: "TAG NO not subscribed\r\n"})
	s := server.open()
	ctx := context.Background()
	if _, err := s.Select(ctx, "box"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "Entw&APw-rfe"); err != nil {
		t.Error(err)
	}
	equalLists(t, server.sent("")[len(server.sent(""))-4:], []string{`SELECT "box"`, `EXAMINE "INBOX"`, `DELETE "Entw&APw-rfe"`, `UNSUBSCRIBE "Entw&APw-rfe"`})
	var no *imap.Error
	if err := s.Delete(ctx, "no"); !errors.As(err, &no) || exit.CodeOf(err) != exit.Partial {
		t.Error(err)
	}
	if err := s.Delete(ctx, "lost"); exit.CodeOf(err) != exit.Temporary || len(server.sent(`DELETE "LOST"`))+len(server.sent(`DELETE "lost"`)) != 1 {
		t.Error("a DELETE without an answer is not given again:", err)
	}
}

func TestStatus(t *testing.T) {
	boxes := []Mailbox{{Name: "INBOX", Wire: "inbox"}, {Name: "x", Wire: "x", Attributes: []string{`\Noselect`}}, {Name: "no", Wire: "no"}, {Name: "a b", Wire: "a b"}}
	line := func(r StatusResult) string {
		if r.Err != nil {
			return r.Err.Error()
		}
		return fmt.Sprintf("%d %d %d %d %d", r.UIDValidity, r.UIDNext, r.Messages, r.HighestModSeq, r.Octets)
	}
	refusal := rule{when: `STATUS "no"`, reply: "TAG NO [NOPERM] no\r\n"}
	tests := []struct {
		name  string
		caps  string
		rules []rule
		want  []string
	}{
		{"matched by order", "IMAP4rev1 CONDSTORE STATUS=SIZE", []rule{refusal, {when: `STATUS "inbox" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE)`, reply: "* STATUS INBOX (MESSAGES 1 UIDVALIDITY 2 UIDNEXT 3 X-Y (a (b)) HIGHESTMODSEQ 9223372036854775807 SIZE 5000000000)\r\n" + ok},
			{when: `STATUS "a b"`, reply: "* status a b (messages 4 uidnext 5 uidvalidity 6 )\r\n" + ok}},
			[]string{"2 3 1 9223372036854775807 5000000000", "0 0 0 0 0", `status of folder "no": the server said NO [NOPERM] no`, "6 5 4 0 -1"}},
		{"one answer is missing", "IMAP4rev1 STATUS=SIZE", []rule{refusal, {when: `STATUS "inbox"`, reply: "* STATUS inbox (MESSAGES 1 UIDNEXT 3)\r\n" + ok}},
			[]string{"0 3 1 0 -1", "0 0 0 0 0", `status of folder "no": the server said NO [NOPERM] no`, `status of folder "a b": the server says OK and nothing else`}},
		{"too much", "IMAP4rev1 STATUS=SIZE", []rule{refusal, {when: `STATUS "inbox"`, reply: "* STATUS inbox (MESSAGES 1 UIDNEXT 18446744073709551616 UIDVALIDITY 3)\r\n" + ok}, {when: `STATUS "a b"`, reply: "* STATUS {3}\r\na b (UIDNEXT -1\r\n" + ok}},
			[]string{`status of folder "INBOX": UIDNEXT is 18446744073709551616: more than 64 bits`, "0 0 0 0 0", `status of folder "no": the server said NO [NOPERM] no`, `status of folder "a b": the answer to STATUS makes no sense`}},
		{"cut once", "IMAP4rev1", []rule{refusal, {when: `STATUS "inbox"`, close: true, times: 1}, {when: `STATUS "inbox"`, reply: "* STATUS inbox (MESSAGES 3)\r\n" + ok}, {when: `STATUS "a b"`, reply: "* STATUS \"a b\" (MESSAGES 3)\r\n" + ok}},
			[]string{"0 0 3 0 -1", "0 0 0 0 0", `status of folder "no": the server said NO [NOPERM] no`, "0 0 3 0 -1"}},
		{"cut at one folder each time", "IMAP4rev1", []rule{{when: `STATUS "no"`, close: true}, {when: `STATUS "inbox"`, reply: "* STATUS inbox (MESSAGES 3)\r\n" + ok}, {when: `STATUS "a b"`, reply: "* STATUS \"a b\" (MESSAGES 4 SIZE 9007199254740992)\r\n" + ok}},
			[]string{"0 0 3 0 -1", "0 0 0 0 0", `status of folder "no": connection to 127.0.0.1 lost: closed by the server`, "0 0 4 0 -1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			results, err := newScript(t, test.caps, test.rules...).open().askStatus(context.Background(), boxes, true)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range results {
				got = append(got, line(r))
			}
			equalLists(t, got, test.want)
		})
	}
}

// TestStatusMany keeps the answers of many folders apart.
func TestStatusMany(t *testing.T) {
	var boxes []Mailbox
	var rules []rule
	for i := range 500 {
		name := fmt.Sprintf("%s%03d", strings.Repeat("x", i), i)
		if i%50 == 7 {
			name += "ü"
		}
		boxes = append(boxes, Mailbox{Name: name, Wire: name})
		when := fmt.Sprintf("STATUS \"%s\"", name)
		if i%50 == 7 {
			when = fmt.Sprintf("STATUS {%d}\r\n%s", len(name), name)
		}
		rules = append(rules, rule{when: when, reply: fmt.Sprintf("* STATUS other (MESSAGES %d)\r\nTAG OK\r\n", i)})
	}
	results, err := newScript(t, "IMAP4rev1", rules...).open().askStatus(context.Background(), boxes, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Messages != uint32(i) || r.Err != nil {
			t.Fatal(i, r)
		}
	}
}

func TestExamine(t *testing.T) {
	tests := []struct{ name, reply, want string }{
		{"usual", "* FLAGS (\\seen b a]c )\r\n* OK [PERMANENTFLAGS (\\Seen a]c \\*)] x\r\n* 7 EXISTS\r\n* OK [UIDVALIDITY 8] x\r\n* OK [uidnext 9]x\r\n* OK [HIGHESTMODSEQ 10]\r\nTAG OK [READ-ONLY]\r\n", `{8 9 7 10 -1} [\Seen a]c b] [\Seen a]c] true`},
		{"no PERMANENTFLAGS, no UIDNEXT", "* FLAGS (\\Seen)\r\n* 7 EXISTS\r\n* OK [UIDVALIDITY 8] x\r\nTAG OK\r\n", `{8 12 7 0 -1} [\Seen] [\Seen] true`},
		{"no flags to keep", "* OK [PERMANENTFLAGS ()] x\r\n* OK [UIDVALIDITY 99999999999] x\r\n* OK [UIDNEXT 1] x\r\nTAG OK\r\n", `{99999999999 1 0 0 -1} [] [] false`},
	}
	for _, test := range tests {
		s := newScript(t, allCaps, rule{when: "EXAMINE \"box\"", reply: test.reply}, rule{when: "UID FETCH * (UID)", reply: "* 7 FETCH (UID 11)\r\n" + ok}).open()
		x, err := s.Examine(context.Background(), "box")
		if err != nil {
			t.Fatal(test.name, err)
		}
		if got := fmt.Sprintf("%v %v %v %v", x.Status, x.Flags, x.PermanentFlags, x.AnyKeyword); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
	s := newScript(t, allCaps, rule{when: "EXAMINE", reply: "TAG NO [NONEXISTENT] no\r\n"}, rule{when: "SELECT", reply: "* OK [UIDNEXT 1] x\r\nTAG OK [READ-WRITE]\r\n"}).open()
	_, err := s.Examine(context.Background(), "box")
	var no *imap.Error
	if !errors.As(err, &no) || exit.CodeOf(err) != exit.Partial {
		t.Error(err)
	}
	if x, err := s.Select(context.Background(), "box"); err != nil || x.ReadOnly {
		t.Error(err)
	}
}

func TestSearch(t *testing.T) {
	var long strings.Builder
	long.WriteString("* SEARCH")
	for i := range 200_000 { // more than a line may hold elsewhere
		fmt.Fprintf(&long, " %d", 1_000_000+i)
	}
	x := newScript(t, allCaps, rule{when: "UID SEARCH ALL", reply: "* SEARCH 5  3\r\n* SEARCH 0 4 3\r\n* SEARCH\r\n* SEARCH 99999999999999999999 7\r\n" + ok}, rule{when: "UID SEARCH SEEN", reply: long.String() + "\r\n" + ok},
		rule{when: "UID SEARCH BAD", reply: "TAG BAD syntax\r\n"}).examine()
	program := func(text string) search.Program { return search.Program{{Text: text}} }
	if uids, err := x.Search(context.Background(), nil); fmt.Sprint(uids) != "[3 4 5 7]" || err != nil {
		t.Error(uids, err)
	}
	if uids, err := x.Search(context.Background(), program("SEEN")); len(uids) != 200_000 || err != nil {
		t.Error(len(uids), err)
	}
	for _, criteria := range []string{"BAD", "ALL\r\nA1 DELETE x", "é"} {
		if _, err := x.Search(context.Background(), program(criteria)); err == nil {
			t.Error(criteria)
		}
	}
}

// Words beyond ASCII go as literals, which wait; a server that does not take
// the line before one gets no more of it.
func TestSearchLiterals(t *testing.T) {
	criteria, err := search.Parse(`OR SUBJECT "grüße" FROM "メール" SEEN`)
	if err != nil {
		t.Fatal(err)
	}
	program, _ := criteria.Server()
	s := newScript(t, allCaps, rule{when: "UID SEARCH", reply: "* SEARCH 2\r\n" + ok})
	if uids, err := s.examine().Search(context.Background(), program); fmt.Sprint(uids) != "[2]" || err != nil {
		t.Error(uids, err)
	}
	equalLists(t, s.sent("UID SEARCH"), []string{"UID SEARCH CHARSET UTF-8 OR SUBJECT {7}\r\ngrüße FROM {9}\r\nメール SEEN"})
	s = newScript(t, allCaps, rule{when: "UID SEARCH", reply: "TAG NO [BADCHARSET (US-ASCII)] none\r\n", early: true})
	var no *imap.Error
	if _, err := s.examine().Search(context.Background(), program); !errors.As(err, &no) || no.Code != "BADCHARSET" {
		t.Error(err)
	}
}

// A large folder is searched bit by bit.
func TestSearchInSpans(t *testing.T) {
	old := maxSpan
	maxSpan = 10
	defer func() { maxSpan = old }()
	s := newScript(t, allCaps, rule{when: "EXAMINE", reply: "* 19 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1099511627776] x\r\n" + ok},
		rule{when: "UID SEARCH SEEN UID 1:10", reply: "* SEARCH 1 2 3 4 5\r\n" + ok}, rule{when: "UID SEARCH SEEN UID 11:20", reply: "* SEARCH 11\r\n" + ok}, rule{when: "UID SEARCH SEEN UID 21:40", reply: "* SEARCH\r\n" + ok},
		rule{when: "UID SEARCH SEEN UID 41:80", reply: "* SEARCH" + strings.Repeat(" 41", maxSearch/2) + "\r\n" + ok}, rule{when: "UID SEARCH SEEN UID 41:50", reply: "* SEARCH 41 42 43 44 45 46 47 48 49 50\r\n" + ok},
		rule{when: "UID SEARCH SEEN UID", reply: "* SEARCH 50\r\n" + ok}, // n:* with nothing above n
		rule{when: "UID SEARCH UID 5:14", reply: "* SEARCH 7\r\n" + ok}, rule{when: "UID SEARCH UID 15:22", reply: "* SEARCH 20 16\r\n" + ok})
	x := s.examine()
	if uids, err := x.Search(context.Background(), search.Program{{Text: "SEEN"}}); fmt.Sprint(uids) != "[1 2 3 4 5 11 41 42 43 44 45 46 47 48 49 50]" || err != nil {
		t.Error(uids, err)
	}
	if sent := s.sent("UID SEARCH SEEN"); len(sent) > 50 || !strings.HasSuffix(sent[len(sent)-1], ":*") {
		t.Error(len(sent), "searches; the last:", sent[len(sent)-1])
	}
	if uids, err := x.UIDs(context.Background(), 5, 22); fmt.Sprint(uids) != "[7 16 20]" || err != nil {
		t.Error(uids, err)
	}
}

// A server without SEARCH tells by FETCH which messages it has.
func TestUIDsWithoutSearch(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID SEARCH", reply: "TAG BAD no such command\r\n"}, rule{when: "UID FETCH 2:* (UID)", reply: "* 1 FETCH (UID 7)\r\n* 2 FETCH (UID 3)\r\n* 2 FETCH (UID 1)\r\n" + ok},
		rule{when: "UID FETCH 1:* ", reply: "* 1 FETCH (UID 3 FLAGS ())\r\n" + ok, times: 1}, rule{when: "UID FETCH 1:* (UID)", reply: "* 1 FETCH (UID 3)\r\n* 2 FETCH (UID 7)\r\n" + ok}, rule{when: "UID FETCH 7 ", reply: "* 2 FETCH (UID 7 FLAGS ())\r\n" + ok})
	x := s.examine()
	if uids, err := x.UIDs(context.Background(), 2, 0); fmt.Sprint(uids) != "[3 7]" || err != nil {
		t.Error(uids, err)
	}
	s.set(func(s *script) { s.rules[0].reply, s.rules[0].close = "* BYE I am dead\r\n", true })
	if uids, err := x.UIDs(context.Background(), 2, 0); fmt.Sprint(uids) != "[3 7]" || err != nil {
		t.Error(uids, err)
	}
	x.s.c.exists = 2
	var got []uint64
	if err := x.FetchAll(context.Background(), 1, 0, Items{Flags: true}, 0, func(m *Message) error { got = append(got, m.UID); return nil }); err != nil || fmt.Sprint(got) != "[3 7]" {
		t.Error(got, err)
	}
}
