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

const ok = "TAG OK\r\n"

func numbers(from, to uint64) []uint64 {
	var l []uint64
	for u := from; u <= to; u++ {
		l = append(l, u)
	}
	return l
}

// TestFetch has what servers were seen to do with a FETCH, and what must become
// of three messages.
func TestFetch(t *testing.T) {
	all := Items{Flags: true, InternalDate: true, Size: true, Body: true}
	body := Items{Body: true}
	const m2, m3 = "* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n", "* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n"
	const date = "17-Jul-1996 02:44:25 -0700"
	present := func(uid string) rule { return rule{when: "UID SEARCH UID", reply: "* SEARCH " + uid + "\r\n" + ok} }
	tests := []struct {
		name  string
		items Items
		max   int64
		rules []rule
		want  []string
	}{
		{"as it should be", all, 100, []rule{{when: "UID FETCH 1:3", reply: `* 1 FETCH (UID 1 FLAGS (\Seen) INTERNALDATE "` + date + `" RFC822.SIZE 3 BODY[] {3}` + "\r\na\r\n)\r\n" +
			`* 2 FETCH (UID 2 FLAGS (b \Recent a \SEEN A) INTERNALDATE " 7-jul-1996 02:44:25 +0000" RFC822.SIZE 3 BODY[] {3}` + "\r\nb\r\n)\r\n" +
			`* 3 FETCH (UID 3 FLAGS () INTERNALDATE "` + date + `" RFC822.SIZE 0 BODY[] "")` + "\r\n" + ok}},
			[]string{`1 \Seen 1996-07-17T02:44:25-07:00 3 "a\r\n"`, `2 \Seen,a,b 1996-07-07T02:44:25+00:00 3 "b\r\n"`, `3 1996-07-17T02:44:25-07:00 0 ""`}},
		{"lower case, any order, UID last, unknown items", all, 100, []rule{{when: "UID FETCH 1:3", reply: `* 1 fetch (x-gm-labels ("a)" (b {2}` + "\r\n))" + ` c)) body[] {1}` + "\r\na" + ` modseq (5) rfc822.size 1 internaldate "` + date + `" flags (x) uid 1)` + "\r\n" +
			"* 2 FETCH (BODY[] {1}\r\nb RFC822.SIZE -1 FLAGS NIL INTERNALDATE NIL UID 2)\r\n* 3 FETCH (BODY[] {1}\r\nc FLAGS (\\Seen ) INTERNALDATE \"00-Jan-0000 00:00:00 +0000\" UID 3 RFC822.SIZE nil)\r\n" + ok},
			{when: "UID FETCH 2 (UID)", reply: "* 2 FETCH (UID 2)\r\n" + ok}, {when: "UID FETCH 2", reply: "* 2 FETCH (BODY[] {1}\r\nb RFC822.SIZE -1 FLAGS NIL INTERNALDATE NIL UID 2)\r\n" + ok}},
			[]string{`1 x 1996-07-17T02:44:25-07:00 1 "a"`, `2 "b"`, `3 \Seen "c"`}},
		{"flags that break parsers", Items{Flags: true}, 0, []rule{{when: "UID FETCH 1:3", reply: `* 1 FETCH (UID 1 FLAGS (a]b "quoted" \ NonJunk;x Ü ` + "\xff" + ` \*))` + "\r\n* 2 FETCH (UID 2 FLAGS( a))\r\n* 3 FETCH (FLAGS (  a  b  )  UID  3 )\r\n" + ok}},
			[]string{"1 NonJunk;x,a]b,quoted,Ü,\uFFFD", "2 a", "3 a,b"}},
		{"flags first, body in a second response", Items{Flags: true, Body: true}, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 FLAGS (a))\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 FLAGS (b))\r\n* 3 FETCH (UID 3 FLAGS () BODY[] {1}\r\nc)\r\n* 2 FETCH (BODY[] {1}\r\nb)\r\n" + ok}},
			[]string{`1 a "a"`, `3 "c"`, `2 b "b"`}},
		{"unsolicited flags before and after", Items{Flags: true, Body: true}, 100, []rule{{when: "UID FETCH 1:3", reply: "* 2 FETCH (FLAGS (z))\r\n* 1 FETCH (UID 1 FLAGS (a))\r\n* 1 FETCH (UID 1 FLAGS (b) BODY[] {1}\r\na)\r\n* 1 FETCH (UID 1 FLAGS (c))\r\n* 2 FETCH (UID 2 FLAGS () BODY[] {1}\r\nb)\r\n* 77 FETCH (UID 77 FLAGS () BODY[] {1}\r\nx)\r\n* 3 FETCH (UID 3 FLAGS () BODY[] {1}\r\nc)\r\n" + ok}},
			[]string{`1 b "a"`, `2 "b"`, `3 "c"`}},
		{"twice", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\nz)\r\n" + m2 + m3 + ok}}, []string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"expunged", body, 100, []rule{{when: "UID FETCH 1:3", reply: m2 + "* 1 EXPUNGE\r\n* 2 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + ok}}, []string{`2 "b"`, `3 "c"`, "1 gone"}},
		{"left out, then given", body, 100, []rule{{when: "UID FETCH 1:3", reply: m2 + m3 + ok}, {when: "UID FETCH 1 (UID)", reply: "* 1 FETCH (UID 1)\r\n" + ok}, {when: "UID FETCH 1", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok}},
			[]string{`2 "b"`, `3 "c"`, `1 "a"`}},
		{"left out, known to SEARCH, never given", body, 100, []rule{{when: "UID FETCH 1:3", reply: m2 + m3 + ok}, present("1")}, []string{`2 "b"`, `3 "c"`, "1 not-returned"}},
		{"UID never sent", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (BODY[] {1}\r\na)\r\n" + m2 + m3 + ok}, present("1"), {when: "UID FETCH 1 ", reply: "* 1 FETCH (BODY[] {1}\r\na)\r\n" + ok}},
			[]string{`2 "b"`, `3 "c"`, "1 not-returned"}},
		{"UID in a response behind", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (BODY[] {1}\r\na)\r\n" + m2 + m3 + ok}, present("1"), {when: "UID FETCH 1 ", reply: "* 1 FETCH (BODY[] {1}\r\na)\r\n* 1 FETCH (UID 1)\r\n" + ok}},
			[]string{`2 "b"`, `3 "c"`, `1 "a"`}},
		{"NIL for a body", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] NIL)\r\n" + m2 + m3 + ok}, present("1"), {when: "UID FETCH 1 ", reply: "* 1 FETCH (UID 1 BODY[] NIL)\r\n" + ok}},
			[]string{`2 "b"`, `3 "c"`, "1 unreadable the server gives NIL for the body"}},
		{"larger than wanted", body, 2, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {3}\r\naaa)\r\n" + m2 + m3 + ok}}, []string{`1 {3}`, `2 "b"`, `3 "c"`}},
		{"literal8, and a partial nobody asked for", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[]<0> {1}\r\nz BODY[] ~{2}\r\n\x00a)\r\n" + m2 + m3 + ok}}, []string{`1 "\x00a"`, `2 "b"`, `3 "c"`}},
		{"one refused", body, 100, []rule{{when: "UID FETCH 1:3", reply: m2 + m3 + "TAG NO [SERVERBUG] some failed\r\n"}, present("1"), {when: "UID FETCH 1 (UID RFC822.SIZE BODY", reply: "TAG NO cannot {5}\r\n"}},
			[]string{`2 "b"`, `3 "c"`, "1 refused NO cannot {5}"}},
		{"busy once", body, 100, []rule{{when: "UID FETCH 1:3", reply: "TAG NO [UNAVAILABLE] later\r\n", times: 1}, {when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + m2 + m3 + ok}},
			[]string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"noise", body, 100, []rule{{when: "UID FETCH 1:3", reply: "\r\n* X-FOO {3}\r\na)\r\r\n* OK [ALERT]mind\r\n* OK [FOO bar\r\n* VANISHED 7:9\r\n* NO [] x {9}\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n+ what\r\n* 9 FETCH gibberish\r\n* 9 FETCH (UID)\r\n* 9 FETCH (BODY[\"]\r\n* 9 FETCH (X {1}\r\na\r\n" + m2 + m3 + ok}},
			[]string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"cut once in a literal", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {9}\r\na", close: true, times: 1}, {when: "UID FETCH 1 (", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok}, {when: "UID FETCH 2:3", reply: m2 + m3 + ok}},
			[]string{`1 "a"`, `2 "b"`, `3 "c"`}},
		{"poison", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 BODY[] {9}\r\nb", close: true}, {when: "UID FETCH 2 ", reply: "* 2 FETCH (UID 2 BODY[] {9}\r\nb", close: true}, {when: "UID FETCH 3 ", reply: m3 + ok}, {when: "UID FETCH 2:3", close: true}},
			[]string{`1 "a"`, "2 truncated", `3 "c"`}},
		{"poison that sends nothing", body, 100, []rule{{when: "UID FETCH 1:3", close: true}, {when: "UID FETCH 1 ", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok}, {when: "UID FETCH 2 ", reply: m2 + ok}, {when: "UID FETCH 3 ", close: true, reply: "* BYE panic\r\n"}, {when: "UID FETCH 2:3", close: true}},
			[]string{`1 "a"`, `2 "b"`, "3 unreadable panic"}},
		{"UIDVALIDITY changed", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n", close: true}, {when: "EXAMINE", reply: "* OK [UIDVALIDITY 1] .\r\n* OK [UIDNEXT 9] .\r\n" + ok, times: 1}},
			[]string{`1 "a"`, "2 uidvalidity-changed", "3 uidvalidity-changed"}},
		{"folder lost", body, 100, []rule{{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n", close: true}, {when: "EXAMINE", reply: "* OK [UIDVALIDITY 9] .\r\n* OK [UIDNEXT 9] .\r\n" + ok, times: 1}, {when: "EXAMINE", reply: "TAG NO gone\r\n"}},
			[]string{`1 "a"`, "2 folder-lost gone", "3 folder-lost gone"}},
		{"headers, echoed otherwise", Items{Fields: []string{"message-id", "date"}}, 0, []rule{{when: "UID FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)])", reply: "* 1 FETCH (UID 1 BODY[header.fields (\"Date\" {10}\r\nMessage-Id )] {2}\r\n\r\n)\r\n* 2 FETCH (BODY[HEADER.FIELDS (DATE)] {5}\r\nA: b\n UID 2)\r\n* 3 FETCH (UID 3 BODY[HEADER.FIELDS (DATE)] NIL)\r\n" + ok}},
			[]string{`1 h"\r\n"`, `2 h"A: b\n"`, `3 h""`}},
		{"an item that the server does not know", Items{Size: true, InternalDate: true}, 0, []rule{{when: "UID FETCH 2:3 (UID)", reply: "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n" + ok},
			{when: "UID FETCH 1:3", reply: "* 1 FETCH (UID 1 INTERNALDATE \"" + date + "\")\r\n" + ok}, {when: "UID FETCH 1 ", reply: "* 1 FETCH (UID 1 INTERNALDATE \"" + date + "\")\r\n" + ok},
			{when: "UID FETCH 2 ", reply: "* 2 FETCH (UID 2 INTERNALDATE \"" + date + "\")\r\n" + ok}, {when: "UID FETCH 3 ", reply: "* 3 FETCH (UID 3 INTERNALDATE \"" + date + "\")\r\n" + ok}},
			[]string{"1 1996-07-17T02:44:25-07:00", "2 1996-07-17T02:44:25-07:00", "3 1996-07-17T02:44:25-07:00"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x := newScript(t, allCaps, test.rules...).examine()
			if test.name == "UIDVALIDITY changed" {
				x.UIDValidity = 1
			}
			var got []string
			err := x.Fetch(context.Background(), []uint64{1, 2, 3}, test.items, test.max, func(m *Message) error {
				got = append(got, show(m))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			equalLists(t, got, test.want)
		})
	}
}

// TestFetchCutEverywhere cuts the connection after every octet of the answer:
// each time all three messages must come, once.
func TestFetchCutEverywhere(t *testing.T) {
	answer := "* 1 FETCH (UID 1 BODY[] {3}\r\na\r\n)\r\n* 2 FETCH (BODY[] {2}\r\nbb UID 2)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n"
	one := func(n int, body string) string {
		return fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", n, n, len(body), body)
	}
	a, b, c := one(1, "a\r\n"), one(2, "bb"), one(3, "c")
	for cut := 0; cut <= len(answer); cut++ {
		s := newScript(t, allCaps, rule{when: "UID FETCH 1:3", reply: answer[:cut], close: true, times: 1},
			rule{when: "UID FETCH 1:2", reply: a + b + ok}, rule{when: "UID FETCH 2:3", reply: b + c + ok}, rule{when: "UID FETCH 1,3", reply: a + c + ok},
			rule{when: "UID FETCH 1 ", reply: a + ok}, rule{when: "UID FETCH 2 ", reply: b + ok}, rule{when: "UID FETCH 3 ", reply: c + ok})
		var got []string
		err := s.examine().Fetch(context.Background(), []uint64{3, 1, 2}, Items{Body: true}, 100, func(m *Message) error {
			got = append(got, show(m))
			return nil
		})
		slices.Sort(got)
		if err != nil || strings.Join(got, "|") != `1 "a\r\n"|2 "bb"|3 "c"` {
			t.Errorf("cut after %d octets: %v, %v", cut, got, err)
		}
	}
}

// TestFetchGivesUp: when every message ends the connection, the server is to
// blame, not they.
func TestFetchGivesUp(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH", close: true})
	failed := 0
	err := s.examine().Fetch(context.Background(), numbers(1, 1000), Items{Body: true}, 100, func(m *Message) error {
		failed++
		return nil
	})
	if err == nil || failed > maxRow {
		t.Errorf("%d failed, error %v", failed, err)
	}
}

// TestValidityStaysChanged: UIDs of a folder that was replaced mean nothing in
// the one that took its place, however often they are asked for.
func TestValidityStaysChanged(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH", reply: "* 1 FETCH (UID 1 FLAGS () BODY[]<0> {1}\r\nx BODY[] {1}\r\nx)\r\n" + ok})
	x := s.examine()
	x.UIDValidity = 1
	x.s.c.close(errors.New("cut"))
	for range 2 {
		var got []string
		err := x.Fetch(context.Background(), []uint64{1}, Items{Body: true}, 9, func(m *Message) error { got = append(got, show(m)); return nil })
		if err != nil {
			t.Error(err)
		}
		equalLists(t, got, []string{"1 uidvalidity-changed"})
		var part *PartError
		if _, err := x.FetchPart(context.Background(), 1, 0, 9); !errors.As(err, &part) || part.Reason != UIDValidityChanged {
			t.Error(err)
		}
		if err := x.FetchAll(context.Background(), 1, 0, Items{Flags: true}, 0, func(*Message) error { t.Error("a message"); return nil }); exit.CodeOf(err) != exit.Partial {
			t.Error(err)
		}
		if _, err := x.Search(context.Background(), nil); exit.CodeOf(err) != exit.Partial {
			t.Error(err)
		}
	}
	if sent := s.sent("UID"); len(sent) != 0 {
		t.Error(sent)
	}
}

// TestTwoSelected uses two folders in turn.
func TestTwoSelected(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH 1 ", reply: "* 1 FETCH (UID 1 FLAGS ())\r\n" + ok})
	a := s.examine()
	b, err := a.s.Examine(context.Background(), "other")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, x := range []*Selected{a, b} {
			if err := x.Fetch(context.Background(), []uint64{1}, Items{Flags: true}, 0, func(*Message) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	}
	equalLists(t, s.sent("EXAMINE"), []string{`EXAMINE "box"`, `EXAMINE "other"`, `EXAMINE "box"`, `EXAMINE "other"`, `EXAMINE "box"`, `EXAMINE "other"`})
}

func TestFetchNothing(t *testing.T) {
	s := newScript(t, allCaps)
	x := s.examine()
	var got []string
	note := func(m *Message) error { got = append(got, show(m)); return nil }
	if err := errors.Join(x.Fetch(context.Background(), nil, Items{}, 0, note), x.Fetch(context.Background(), []uint64{0}, Items{}, 0, note)); err != nil {
		t.Error(err)
	}
	equalLists(t, got, []string{"0 not-returned 0 is no UID"})
	if sent := s.sent("UID"); len(sent) != 0 {
		t.Error(sent)
	}
}

func TestFetchCallerError(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH", reply: "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n" + ok})
	own := errors.New("mine")
	x := s.examine()
	if err := x.Fetch(context.Background(), []uint64{1}, Items{Body: true}, 9, func(*Message) error { return own }); err != own {
		t.Error(err)
	}
	if err := x.Fetch(context.Background(), []uint64{1}, Items{Body: true}, 9, func(*Message) error { return nil }); err != nil {
		t.Error("afterwards:", err)
	}
}

func TestFetchCancelled(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH", stall: time.Minute})
	x := s.examine()
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, errors.New("enough"))
	defer cancel()
	start := time.Now()
	err := x.Fetch(ctx, []uint64{1}, Items{Body: true}, 9, func(*Message) error { return nil })
	if err == nil || err.Error() != "enough" || time.Since(start) > 3*time.Second {
		t.Error(err, time.Since(start))
	}
}

// TestFetchCommands keeps commands short.
func TestFetchCommands(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "EXAMINE", reply: "* 0 EXISTS\r\n* OK [UIDVALIDITY 9] .\r\n" + ok})
	var odd []uint64
	for u := uint64(1_000_000_001); len(odd) < 3000; u += 2 {
		odd = append(odd, u)
	}
	n := 0
	err := s.examine().Fetch(context.Background(), odd, Items{Flags: true, Fields: []string{"message-id", "date"}}, 0, func(m *Message) error {
		n++
		if m.State != Expunged {
			t.Error(show(m))
		}
		return nil
	})
	if err != nil || n != len(odd) {
		t.Error(n, err)
	}
	for _, c := range s.sent("UID ") {
		if len(c) > 7000 || strings.Count(c, ",") > 500 {
			t.Errorf("command of %d octets", len(c))
		}
	}
}

func TestFetchAll(t *testing.T) {
	const a, b, c = "* 1 FETCH (UID 1 FLAGS (a))\r\n", "* 2 FETCH (UID 2 FLAGS (b))\r\n", "* 3 FETCH (UID 3 FLAGS (c))\r\n"
	search := rule{when: "UID SEARCH UID 1:*", reply: "* SEARCH 3  1 2 0 \r\n" + ok}
	tests := []struct {
		name     string
		from, to uint64
		rules    []rule
		want     []string
		searches int
	}{
		{"whole", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + b + c + ok}}, []string{"1 a", "2 b", "3 c"}, 0},
		{"up to UIDNEXT", 1, 3, []rule{{when: "UID FETCH 1:3 (", reply: a + b + c + ok}}, []string{"1 a", "2 b", "3 c"}, 0},
		{"one left out", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + c + a + ok}, search, {when: "UID FETCH 2 (", reply: b + ok}}, []string{"1 a", "3 c", "2 b"}, 1},
		{"cut", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + "* 2 FETCH (UI", close: true}, search, {when: "UID FETCH 2:3 (", reply: b + c + ok}}, []string{"1 a", "2 b", "3 c"}, 1},
		{"in two responses", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + "* 2 FETCH (FLAGS (b))\r\n* 2 FETCH (UID 2)\r\n" + c + ok}, search, {when: "UID FETCH 2 (", reply: b + ok}}, []string{"1 a", "3 c", "2 b"}, 1},
		{"refused", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + "TAG NO\r\n"}, search, {when: "UID FETCH 2:3 (", reply: b + c + ok}}, []string{"1 a", "2 b", "3 c"}, 1},
		{"n:* below n", 4, 0, []rule{{when: "UID FETCH 4:* (", reply: c + ok}, {when: "UID SEARCH UID 4:*", reply: "* SEARCH 3\r\n" + ok}}, nil, 1},
		{"new since", 1, 0, []rule{{when: "UID FETCH 1:* (", reply: a + b + c + "* 4 EXISTS\r\n" + ok}, {when: "UID SEARCH", reply: "* SEARCH 1 2 3 4\r\n" + ok}, {when: "UID FETCH 4 (", reply: "* 4 FETCH (UID 4 FLAGS (d))\r\n" + ok}}, []string{"1 a", "2 b", "3 c", "4 d"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, allCaps, test.rules...)
			var got []string
			err := s.examine().FetchAll(context.Background(), test.from, test.to, Items{Flags: true}, 0, func(m *Message) error {
				got = append(got, show(m))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			equalLists(t, got, test.want)
			if n := len(s.sent("UID SEARCH")); n != test.searches {
				t.Errorf("%d searches, want %d", n, test.searches)
			}
		})
	}
}

func TestFetchPart(t *testing.T) {
	tests := []struct {
		name  string
		rules []rule
		want  string
		err   string
	}{
		{"part", []rule{{when: "UID FETCH 7 (UID BODY.PEEK[]<4.3>)", reply: "* 1 FETCH (UID 7 BODY[]<4> {3}\r\nabc)\r\n" + ok}}, "abc", ""},
		{"end", []rule{{when: "UID FETCH 7 (UID BODY.PEEK[]<4.3>)", reply: "* 1 FETCH (UID 7 BODY[]<4> \"\")\r\n" + ok}}, "", ""},
		{"end, NIL", []rule{{when: "UID FETCH 7 (UID BODY.PEEK[]<4.3>)", reply: "* 1 FETCH (UID 7 BODY[]<4> NIL)\r\n" + ok}}, "", ""},
		{"NIL, and there is more", []rule{{when: "UID FETCH 7 (UID BODY.PEEK[]<4.3>)", reply: "* 1 FETCH (UID 7 RFC822.SIZE 9 BODY[]<4> NIL)\r\n" + ok}, {when: "UID FETCH 7 (UID)", reply: "* 1 FETCH (UID 7)\r\n" + ok}}, "", "message 7: not-returned"},
		{"wrong origin", []rule{{when: "UID FETCH 7 (UID)", reply: "* 1 FETCH (UID 7)\r\n" + ok}, {when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[]<0> {3}\r\nabc)\r\n" + ok}}, "", "message 7: not-returned"},
		{"whole message in place of the part", []rule{{when: "UID FETCH 7 (UID)", reply: "* 1 FETCH (UID 7)\r\n" + ok}, {when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\n" + ok}}, "", "message 7: not-returned"},
		{"more than asked for", []rule{{when: "UID FETCH 7 (UID)", reply: "* 1 FETCH (UID 7)\r\n" + ok}, {when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[]<4> {4}\r\nabcd)\r\n" + ok}}, "", "message 7: not-returned"},
		{"gone", []rule{{when: "NOOP", reply: "* 3 EXPUNGE\r\n" + ok}}, "", "message 7 is gone"},
		{"gone, and not said to be", []rule{{when: "FETCH 1:*", reply: "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 8)\r\n" + ok}}, "", "message 7 is gone"},
		{"hidden", []rule{{when: "FETCH 1:*", reply: "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 8)\r\n" + ok}}, "", "message 7: contradiction: neither FETCH nor SEARCH knows the message, and EXISTS or STATUS still counts it"},
		{"hidden, and no answer", nil, "", "message 7: contradiction: neither FETCH nor SEARCH knows the message, and EXISTS or STATUS still counts it"},
		{"refused", []rule{{when: "UID FETCH 7", reply: "TAG NO no\r\n"}}, "", "message 7: refused: no"},
		{"cut once", []rule{{when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[]<4> {3}\r\na", close: true, times: 1}, {when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[]<4> {3}\r\nabc)\r\n" + ok}}, "abc", ""},
		{"cut always", []rule{{when: "UID FETCH 7", reply: "* 1 FETCH (UID 7 BODY[]<4> {3}\r\na", close: true}}, "", "message 7: unreadable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := newScript(t, allCaps, test.rules...).examine().FetchPart(context.Background(), 7, 4, 3)
			if string(got) != test.want || fmt.Sprint(err) != test.err && (err != nil || test.err != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
