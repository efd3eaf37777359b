package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// fetchShown fetches messages 1 to 3 and prints what came.
func fetchShown(t *testing.T, x *Selected, items Items) (got []string) {
	t.Helper()
	err := x.Fetch(context.Background(), []uint64{1, 2, 3}, items, 100, func(m *Message) error {
		m.Size = -1
		got = append(got, show(m))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return got
}

// TestGarbled: what a literal took too much or too little never becomes part of
// a message, and costs that message alone at most.
func TestGarbled(t *testing.T) {
	body := Items{Body: true}
	m1, m3 := "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n", "* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n"
	size := func(n int, size string) rule {
		return rule{when: fmt.Sprintf("UID FETCH %d (UID RFC822.SIZE)", n), reply: fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE %s)\r\n", n, n, size) + ok}
	}
	good := []rule{{when: "UID FETCH 1 ", reply: m1 + ok}, {when: "UID FETCH 3 ", reply: m3 + ok}}
	part := rule{when: "UID FETCH 2 (UID BODY.PEEK[]<0", reply: "* 2 FETCH (UID 2 BODY[]<0> {4}\r\nbbbb)\r\n" + ok}
	for _, test := range []struct {
		name string
		bad  string // the answer for message 2, each time
		size string
		more []rule
		want string
	}{
		{"shorter, and the rest is a word", "* 2 FETCH (UID 2 BODY[] {2}\r\nbbbb)\r\n", "4", []rule{part}, `2 "bbbb"`},
		{"shorter, and the rest begins with a blank", "* 2 FETCH (UID 2 BODY[] {2}\r\nbb FLAGS)\r\n", "8", nil, "2 unreadable"},
		{"shorter, and the rest is an item", "* 2 FETCH (UID 2 BODY[] {2}\r\nbb UID 3)\r\n", "8", nil, "2 unreadable"},
		{"shorter, and the rest looks like the end", "* 2 FETCH (UID 2 BODY[] {2}\r\nbb)\r\nand more)\r\n", "13", nil, "2 unreadable"},
		{"shorter, and the rest is an answer", "* 2 FETCH (UID 2 BODY[] {2}\r\nbb\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nx)\r\n)\r\n", "40", nil, "2 unreadable"},
		{"longer, into the next answer", "* 2 FETCH (UID 2 BODY[] {25}\r\nbbbb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n", "4", []rule{part}, `2 "bbbb"`},
		{"longer, over the next answer", "* 2 FETCH (UID 2 BODY[] {41}\r\nbbbb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n", "4", []rule{part}, `2 "bbbb"`},
		{"more behind the end", "* 2 FETCH (UID 2 RFC822.SIZE 4 BODY[] {4}\r\nbbbb))\r\n)\r\nxyzzy\r\n", "4", nil, `2 "bbbb"`},
		{"a line of rubbish behind it, and a size that fits", "* 2 FETCH (UID 2 RFC822.SIZE 4 BODY[] {4}\r\nbbbb)\r\nxyzzy\r\n", "4", nil, `2 "bbbb"`},
		{"text that looks like an answer, and a size that fits", "* 2 FETCH (UID 2 RFC822.SIZE 24 BODY[] {24}\r\nx)\r\n* 2 FETCH (FLAGS ()))\r\n", "24", nil, `2 "x)\r\n* 2 FETCH (FLAGS ())"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := append([]rule{size(2, test.size), {when: "UID FETCH 2 (UID)", reply: "* 2 FETCH (UID 2)\r\n" + ok}, {when: "UID FETCH 2 (UID BODY.PEEK[]<4", reply: "* 2 FETCH (UID 2 BODY[]<4> \"\")\r\n" + ok}}, test.more...)
			rules = append(rules, good...)
			rules = append(rules, rule{when: "UID FETCH 1:3 (UID)", reply: m1 + ok}, rule{when: "UID FETCH 1:3", reply: m1 + test.bad + m3 + ok},
				rule{when: "UID FETCH 2:3", reply: test.bad + m3 + ok}, rule{when: "UID FETCH 2 ", reply: test.bad + ok})
			got := fetchShown(t, newScript(t, allCaps, rules...).open(func(o *Options) { o.Network.Timeout = 300 * time.Millisecond }).box(t), body)
			for i, g := range got {
				if strings.HasPrefix(g, "2 unreadable") {
					got[i] = "2 unreadable"
				}
			}
			slicesSorted(t, got, []string{`1 "a"`, test.want, `3 "c"`})
		})
	}
}

// TestGarbledAlways: a server that says nothing but rubbish ends the run after
// some tries, with words that name what was asked.
func TestGarbledAlways(t *testing.T) {
	for _, rubbish := range []string{"* 1 FETCH (UID 1 BODY[] {1}\r\nabc)\r\n", strings.Repeat("xyzzy\r\n", maxJunkLines+1), "* 1 FETCH (UID 1 X " + strings.Repeat("(", maxDepth+10) + "\r\n"} {
		x := newScript(t, allCaps, rule{when: "UID FETCH", reply: rubbish + ok}, rule{when: "NOOP", reply: rubbish + strings.Repeat("xyzzy\r\n", maxJunkLines+1)}).examine()
		failed := 0
		err := x.Fetch(context.Background(), numbers(1, 1000), Items{Body: true}, 100, func(*Message) error { failed++; return nil })
		if exit.CodeOf(err) != exit.Protocol || failed > maxRow || IsFolder(err) || !strings.Contains(err.Error(), `read folder "box"`) || !strings.Contains(err.Error(), "UID FETCH") {
			t.Errorf("%d failed, %v", failed, err)
		}
	}
	// The server answers otherwise: it is the folder.
	x := newScript(t, allCaps, rule{when: "UID FETCH", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\nabc)\r\n" + ok}).examine()
	for range 2 {
		if err := x.Fetch(context.Background(), numbers(1, 1000), Items{Body: true}, 100, func(*Message) error { return nil }); !IsFolder(err) {
			t.Error(err)
		}
	}
}

// TestFetchLabels: items under other names, or written in another way.
func TestFetchLabels(t *testing.T) {
	for _, label := range []string{"BODY[]", "BODY.PEEK[]", "body[]", "BODY []", "RFC822", "BODY[ ]"} {
		x := newScript(t, allCaps, rule{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 " + label + " {1}\r\na)\r\n* 2 FETCH (" + label + " \"b\" UID 2)\r\n* 3 FETCH (UID 3 " + label + " ~{1}\r\nc)\r\n" + ok}).examine()
		equalLists(t, fetchShown(t, x, Items{Body: true}), []string{`1 "a"`, `2 "b"`, `3 "c"`})
	}
	for _, label := range []string{`BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)]`, `BODY[HEADER.FIELDS ("DATE" "MESSAGE-ID")]`, `RFC822.HEADER`, `BODY[HEADER]`, `body [ header.fields(date) ]`, `BODY[HEADER.FIELDS (DATE)]<0>`} {
		x := newScript(t, allCaps, rule{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 " + label + " {8}\r\nA: b\r\n\r\n)\r\n* 2 FETCH (" + label + " \"\" UID 2)\r\n* 3 FETCH (UID 3 " + label + " NIL)\r\n" + ok}).examine()
		equalLists(t, fetchShown(t, x, Items{Fields: []string{"message-id", "date"}}), []string{`1 h"A: b\r\n\r\n"`, `2 h""`, `3 h""`})
	}
}

// TestFetchOtherwise: what does not come in one way comes in another.
func TestFetchOtherwise(t *testing.T) {
	listed := rule{when: "UID FETCH 1:3 (UID)", reply: "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n" + ok}
	number := func(n int) rule {
		return rule{when: fmt.Sprintf("UID FETCH %d (UID)", n), reply: fmt.Sprintf("* %d FETCH (UID %d)\r\n", n, n) + ok}
	}
	byUID := func(n int, reply string) rule { return rule{when: fmt.Sprintf("UID FETCH %d ", n), reply: reply + ok} }
	byNumber := func(n int, reply string) rule { return rule{when: fmt.Sprintf("FETCH %d ", n), reply: reply + ok} }
	for _, test := range []struct {
		name  string
		items Items
		rules []rule
		want  []string
	}{
		{"NIL by UID", Items{Body: true}, []rule{listed, number(2), byUID(2, "* 2 FETCH (UID 2 BODY[] NIL)\r\n"), byNumber(2, "* 2 FETCH (UID 2 RFC822.SIZE 1 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"no UID", Items{Body: true}, []rule{listed, number(2), byUID(2, "* 2 FETCH (BODY[] {1}\r\nb)\r\n"), byNumber(2, "* 2 FETCH (RFC822.SIZE 1 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"no UID anywhere", Items{Body: true}, []rule{listed, {when: "UID FETCH 2 (UID)", reply: ok}, {when: "UID SEARCH UID 2", reply: "* SEARCH 2\r\n" + ok}, {when: "SEARCH UID 2", reply: "* SEARCH 2\r\n" + ok}, byUID(2, ""), byNumber(2, "* 2 FETCH (RFC822.SIZE 1 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"no UID, and another size", Items{Body: true}, []rule{listed, number(2), byUID(2, ""), byNumber(2, "* 2 FETCH (RFC822.SIZE 2 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 not-returned`, `3 "c"`}},
		{"no UID, and an expunge", Items{Body: true}, []rule{listed, number(2), byUID(2, ""), byNumber(2, "* 1 EXPUNGE\r\n* 2 FETCH (RFC822.SIZE 1 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 not-returned`, `3 "c"`}},
		{"another UID", Items{Body: true}, []rule{listed, number(2), byUID(2, ""), byNumber(2, "* 2 FETCH (UID 3 RFC822.SIZE 1 BODY[] {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 not-returned`, `3 "c"`}},
		{"refused, but for parts", Items{Body: true}, []rule{{when: "UID FETCH 2 (UID RFC822.SIZE)", reply: "* 2 FETCH (UID 2 RFC822.SIZE 1)\r\n" + ok}, {when: "UID FETCH 2 (UID BODY.PEEK[]<0", reply: "* 2 FETCH (UID 2 BODY[]<0> {1}\r\nb)\r\n" + ok}, {when: "UID FETCH 2 (UID BODY.PEEK[]<1", reply: "* 2 FETCH (UID 2 BODY[]<1> \"\")\r\n" + ok},
			listed, number(2), {when: "UID FETCH 2 ", reply: "TAG NO cannot\r\n"}}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"a range for the whole, with its size", Items{Body: true}, []rule{listed, number(2), byUID(2, "* 2 FETCH (UID 2 RFC822.SIZE 1 BODY[]<0> {1}\r\nb)\r\n")}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := append(test.rules, rule{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok})
			slicesSorted(t, fetchShown(t, newScript(t, allCaps, rules...).examine(), test.items), test.want)
		})
	}
	x := newScript(t, allCaps, listed, rule{when: "UID FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS", reply: "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n" + ok}, rule{when: "UID FETCH 1 (UID BODY.PEEK[HEADER.FIELDS", reply: "* 1 FETCH (UID 1)\r\n" + ok},
		rule{when: "UID FETCH 1:3 (UID BODY.PEEK[HEADER])", reply: "* 1 FETCH (UID 1 BODY[HEADER] \"a\")\r\n* 2 FETCH (UID 2 BODY[HEADER] \"b\")\r\n* 3 FETCH (UID 3 BODY[HEADER] \"c\")\r\n" + ok}).examine()
	equalLists(t, fetchShown(t, x, Items{Fields: []string{"date"}}), []string{`1 h"a"`, `2 h"b"`, `3 h"c"`})
}

// TestGreetings: what is no greeting of IMAP's is named; what passes is waited
// for.
func TestGreetings(t *testing.T) {
	for _, test := range []struct {
		greeting string
		code     exit.Code
		want     string
		waits    bool
	}{
		{"421 4.3.2 busy\r\n", exit.Temporary, "turns us away: 421 4.3.2 busy", true},
		{"421 too many\r\n", exit.Temporary, "turns us away", true},
		{"* BYE too many connections\r\n", exit.Temporary, "turns us away", true},
		{"* BYE server busy\r\n", exit.Temporary, "turns us away", true},
		{"* BYE shutting down\r\n", exit.Temporary, "turns us away", false},
		{"* NO server is busy\r\n", exit.Temporary, "turns us away", true},
		{"* NO go away\r\n", exit.Protocol, "does not greet", false},
		{"* BAD\r\n", exit.Protocol, "does not greet", false},
		{"220 mail ESMTP Postfix\r\n", exit.Protocol, "SMTP server", false},
		{"220 ProFTPD FTP server\r\n", exit.Protocol, "FTP server", false},
		{"+OK POP3 ready\r\n", exit.Protocol, "POP3 server", false},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", exit.Protocol, "HTTP", false},
		{"SSH-2.0-OpenSSH_9\r\n", exit.Protocol, "SSH", false},
		{"xyzzy\r\n", exit.Protocol, "does not greet", false},
		{"\x16\x03\x01\x00\n", exit.Protocol, "does not greet", false},
	} {
		server := newScript(t, allCaps)
		server.set(func(s *script) { s.greeting = test.greeting })
		o := server.options()
		o.Retry.Max, o.Retry.MaxWait = 2, time.Millisecond
		_, err := Open(context.Background(), o)
		if exit.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v (%d)", test.greeting, err, exit.CodeOf(err))
		}
		if n := server.server.Connections(); n > 1 != test.waits {
			t.Errorf("%q: %d connections", test.greeting, n)
		}
	}
}

// TestStrayLines: lines that are no responses, wherever they come.
func TestStrayLines(t *testing.T) {
	for _, line := range []string{"xyzzy", ")", "* ", "*", "* 5", "\x00\xff\x01", "A0 OK late", "OK", "{20}", strings.Repeat("x", 2<<20), "* xyzzy " + strings.Repeat("y", 2<<20)} {
		server := newScript(t, allCaps, rule{when: "CREATE", reply: line + "\r\nTAG OK\r\n"}, rule{when: "NOOP", reply: line + "\r\nTAG OK\r\n"}, rule{when: "UID SEARCH", reply: line + "\r\n* SEARCH 1\r\n" + line + "\r\nTAG OK\r\n"},
			rule{when: "APPEND", reply: line + "\r\nTAG OK\r\n"}, rule{when: "STATUS", reply: line + "\r\n* STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\nTAG OK\r\n"},
			rule{when: "UID FETCH", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + line + "\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok, times: 1},
			rule{when: "UID FETCH 1 ", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok}, rule{when: "UID FETCH 2:3 ", reply: line + "\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok})
		s, ctx := server.open(), context.Background()
		x := s.box(t)
		if err := s.Create(ctx, "new"); err != nil {
			t.Errorf("%.10q: %v", line, err)
		}
		if err := s.Noop(ctx); err != nil {
			t.Errorf("%.10q: %v", line, err)
		}
		if uids, err := x.Search(ctx, nil); err != nil || len(uids) != 1 {
			t.Errorf("%.10q: %v %v", line, uids, err)
		}
		if err := s.Append(ctx, "box", []AppendMessage{message("a")}, func(int, AppendResult) {}, nil); err != nil {
			t.Errorf("%.10q: %v", line, err)
		}
		if results, err := s.Status(ctx, boxesOf("a"), false); err != nil || results[0].Err != nil {
			t.Errorf("%.10q: %v %v", line, results, err)
		}
		if n := server.server.Connections(); n != 1 {
			t.Errorf("%.10q: %d connections", line, n)
		}
		equalLists(t, fetchShown(t, x, Items{Body: true}), []string{`1 "a"`, `2 "b"`, `3 "c"`})
	}
}

// box opens the folder that every script has.
func (s *Session) box(t *testing.T) *Selected {
	t.Helper()
	x, err := s.Examine(context.Background(), "box")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// slicesSorted compares lists in any order.
func slicesSorted(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprint(slices.Sorted(slices.Values(got))) != fmt.Sprint(slices.Sorted(slices.Values(want))) {
		equalLists(t, got, want)
	}
}

// TestFetchPartSmaller: a server that does not survive large parts, or refuses
// them, is asked for smaller ones; the message is failed where none helps.
func TestFetchPartSmaller(t *testing.T) {
	const limit = 512 << 10
	for _, refusal := range []rule{{close: true}, {reply: "TAG NO too much\r\n"}, {reply: "* 1 FETCH (UID 7 BODY[]<0> {1}\r\nabc)\r\nTAG OK\r\n"}} {
		server := newScript(t, allCaps)
		server.fn = func(text string) string {
			var origin, count int
			if n, _ := fmt.Sscanf(strings.ReplaceAll(text, " RFC822.SIZE", ""), "UID FETCH 7 (UID BODY.PEEK[]<%d.%d>)", &origin, &count); n != 2 || count > limit {
				return ""
			}
			count = max(0, min(count, 2<<20-origin))
			return fmt.Sprintf("* 1 FETCH (UID 7 BODY[]<%d> {%d}\r\n%s)\r\n", origin, count, strings.Repeat("x", count)) + ok
		}
		refusal.when = "UID FETCH 7 (UID BODY.PEEK[]<0.4194304>"
		larger := refusal
		larger.when = "UID FETCH 7 (UID RFC822.SIZE BODY.PEEK[]<0.4194304>"
		half, halfAgain, quarter, quarterAgain := refusal, larger, refusal, larger
		half.when, halfAgain.when = strings.ReplaceAll(half.when, "4194304", "2097152"), strings.ReplaceAll(halfAgain.when, "4194304", "2097152")
		quarter.when, quarterAgain.when = strings.ReplaceAll(quarter.when, "4194304", "1048576"), strings.ReplaceAll(quarterAgain.when, "4194304", "1048576")
		server.set(func(s *script) { s.rules = []*rule{&refusal, &larger, &half, &halfAgain, &quarter, &quarterAgain} })
		x := server.examine()
		piece, err := x.FetchPart(context.Background(), 7, 0, 4<<20)
		if err != nil || len(piece) != 2<<20 {
			t.Errorf("%d octets, %v", len(piece), err)
		}
		server.set(func(s *script) {
			s.rules = []*rule{{when: "UID FETCH 7 (UID)", reply: "* 1 FETCH (UID 7)\r\n" + ok}, {when: "UID FETCH 7", reply: refusal.reply, close: refusal.close}}
		})
		var one *PartError
		if _, err := x.FetchPart(context.Background(), 7, 0, 4<<20); !errors.As(err, &one) {
			t.Error(err)
		}
		if last := server.sent("UID FETCH 7 (UID BODY"); !strings.Contains(last[len(last)-1], fmt.Sprintf(".%d>", minPart)) {
			t.Error(last[len(last)-1])
		}
	}
}

// TestRelogin: a session that the server has lost is made anew, and the command
// given again.
func TestRelogin(t *testing.T) {
	for _, refusal := range []string{"TAG BAD User is authenticated but not connected.\r\n", "TAG NO [Error=\"Microsoft.Exchange.Data.Storage.WrongServerException: Cross Server access is not allowed for mailbox joe\"]\r\n",
		"TAG BAD WrongServerException\r\n", "* BYE Session invalidated - AccessTokenExpired\r\n"} {
		for _, when := range []string{"EXAMINE", "UID FETCH", "STATUS", "LIST", "APPEND", "UID SEARCH"} {
			server := newScript(t, allCaps, rule{when: "UID FETCH 1 (UID RFC822.SIZE BODY", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok},
				rule{when: "UID FETCH 2:3 (UID RFC822.SIZE BODY", reply: "* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok}, rule{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok},
				rule{when: "UID SEARCH", reply: "* SEARCH 1\r\n" + ok}, rule{when: "STATUS", reply: "* STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\nTAG OK\r\n"}, rule{when: "APPEND", reply: ok})
			s, ctx := server.open(), context.Background()
			server.set(func(script *script) {
				script.rules = append([]*rule{{when: when, reply: refusal, times: 1, close: strings.HasPrefix(refusal, "*")}}, script.rules...)
			})
			x := s.box(t)
			equalLists(t, fetchShown(t, x, Items{Body: true}), []string{`1 "a"`, `2 "b"`, `3 "c"`})
			if uids, err := x.Search(ctx, nil); err != nil || len(uids) != 1 {
				t.Errorf("%s %q: %v %v", when, refusal, uids, err)
			}
			if _, err := s.List(ctx, 0); err != nil {
				t.Errorf("%s %q: %v", when, refusal, err)
			}
			if results, err := s.Status(ctx, boxesOf("a"), false); err != nil || results[0].Err != nil {
				t.Errorf("%s %q: %v %v", when, refusal, results, err)
			}
			missing := func(refused []int) ([]int, error) { return refused, nil }
			if err := s.Append(ctx, "box", []AppendMessage{message("a")}, func(int, AppendResult) {}, missing); err != nil && when != "APPEND" {
				t.Errorf("%s %q: %v", when, refusal, err)
			}
			if n := server.server.Connections(); n != 2 && when != "APPEND" {
				t.Errorf("%s %q: %d connections", when, refusal, n)
			}
		}
	}
}
