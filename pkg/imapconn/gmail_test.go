package imapconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestGmailFetch: labels in every spelling, odd ones among them, cost nothing
// of what else is told.
func TestGmailFetch(t *testing.T) {
	many := make([]string, maxLabels+1)
	for i := range many {
		many[i] = fmt.Sprint("l", i)
	}
	for _, test := range []struct{ name, items, want string }{
		{"as Gmail has it", `X-GM-THRID 1278455344230334865 X-GM-MSGID 18446744073709551615 UID 1 X-GM-LABELS ("\\Inbox" "\\Sent" Important "Muy Importante") FLAGS (\Seen) BODY[] {1}` + "\r\na",
			`1 \Seen "a" ["Important" "Muy Importante" "\\Inbox" "\\Sent"] 18446744073709551615 1278455344230334865`},
		{"atoms", `UID 1 FLAGS () X-GM-LABELS (\Inbox \Starred foo) BODY[] {1}` + "\r\na", `1 "a" ["\\Inbox" "\\Starred" "foo"]  `},
		{"none", `UID 1 FLAGS () X-GM-LABELS () BODY[] {1}` + "\r\na", `1 "a" [] `},
		{"literals, UTF-7, NIL, one twice", "UID 1 FLAGS () X-GM-LABELS ({4}\r\na)\"b &- &ANw-bung NIL a&ANw- &ANw-bung) BODY[] {1}\r\na", "1 \"a\" [\"&\" \"NIL\" \"a)\\\"b\" \"aÜ\" \"Übung\"]  "},
		{"octets that are no UTF-7", "UID 1 FLAGS () X-GM-LABELS (\"\xff\x1b[\" a) BODY[] {1}\r\na", "1 \"a\" [\"a\" \"⟦%FF1B⟧[\"]  "},
		{"NIL", `UID 1 FLAGS () X-GM-LABELS NIL X-GM-MSGID NIL X-GM-THRID -1 BODY[] {1}` + "\r\na", `1 "a" nil  `},
		{"a list in the list", `UID 1 FLAGS () X-GM-LABELS (a (b "c") d) X-GM-MSGID 99999999999999999999 BODY[] {1}` + "\r\na", `1 "a" ["a" "d"]  `},
		{"not told", `UID 1 FLAGS () BODY[] {1}` + "\r\na", `1 "a" nil  `},
		{"in a response before", "UID 1 X-GM-LABELS (a) X-GM-MSGID 7)\r\n* 1 FETCH (UID 1 X-GM-THRID 8 FLAGS () BODY[] {1}\r\na", `1 "a" ["a"] 7 8`},
		{"too many", `UID 1 FLAGS () X-GM-LABELS (` + strings.Join(many, " ") + `) X-GM-MSGID 7 BODY[] {1}` + "\r\na", `1 "a" nil 7 `},
		{"too long", `UID 1 FLAGS () X-GM-LABELS ("` + strings.Repeat("x", 40<<10) + `" "` + strings.Repeat("y", 40<<10) + `") X-GM-MSGID 7 BODY[] {1}` + "\r\na", `1 "a" nil 7 `},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, allCaps+" X-GM-EXT-1", rule{when: "UID FETCH 1 (UID FLAGS RFC822.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS BODY.PEEK[])", reply: "* 1 FETCH (" + test.items + ")\r\n" + ok})
			x := s.examine()
			if !x.s.HasGmail() {
				t.Fatal("no Gmail")
			}
			var got []string
			err := x.Fetch(context.Background(), []uint64{1}, Items{Flags: true, Body: true, Gmail: true}, 100, func(m *Message) error {
				labels := "nil"
				if m.Gmail.Labels != nil {
					labels = fmt.Sprintf("%q", m.Gmail.Labels)
				}
				got = append(got, show(m)+" "+labels+" "+m.Gmail.MessageID+" "+m.Gmail.ThreadID)
				return nil
			})
			if err != nil || strings.TrimSpace(strings.Join(got, "\n")) != strings.TrimSpace(test.want) {
				t.Errorf("got  %s\nwant %s\n%v", strings.Join(got, "\n"), test.want, err)
			}
		})
	}
}

// TestGmailNotAskedFor: what comes unasked is passed over.
func TestGmailNotAskedFor(t *testing.T) {
	s := newScript(t, allCaps, rule{when: "UID FETCH 1 (UID FLAGS)", reply: "* 1 FETCH (UID 1 X-GM-LABELS (a {1}\r\nb) X-GM-MSGID 7 FLAGS (x))\r\n" + ok})
	x := s.examine()
	if x.s.HasGmail() {
		t.Error("Gmail")
	}
	err := x.Fetch(context.Background(), []uint64{1}, Items{Flags: true}, 100, func(m *Message) error {
		if show(m) != "1 x" || m.Gmail.Labels != nil || m.Gmail.MessageID != "" {
			t.Errorf("%s, %+v", show(m), m.Gmail)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAddGmailLabels(t *testing.T) {
	ctx := context.Background()
	s := newScript(t, allCaps+" X-GM-EXT-1",
		rule{when: `UID STORE 9 `, reply: "TAG NO [CANNOT] Label name is not allowed\r\n"},
		rule{when: `UID STORE 8 `, times: 1, close: true})
	x, err := s.open().Select(ctx, "box")
	if err != nil {
		t.Fatal(err)
	}
	if err := x.AddGmailLabels(ctx, []uint64{1, 2, 3, 7}, []string{`\Inbox`, "Work", `a "b" \c`, "Übung & so", `\odd one`, "NIL"}); err != nil {
		t.Error(err)
	}
	if err := x.AddGmailLabels(ctx, []uint64{8}, []string{"again"}); err != nil {
		t.Error(err)
	}
	var no *imap.Error
	if err := x.AddGmailLabels(ctx, []uint64{9}, []string{"^bad"}); !errors.As(err, &no) || exit.CodeOf(err) != exit.Partial || !strings.Contains(err.Error(), "label messages in folder") {
		t.Errorf("%v", err)
	}
	equalLists(t, s.sent("UID STORE"), []string{
		`UID STORE 1:3,7 +X-GM-LABELS (\Inbox "Work" "a \"b\" \\c" "&ANw-bung &- so" "\\odd one" "NIL")`,
		`UID STORE 8 +X-GM-LABELS ("again")`, `UID STORE 8 +X-GM-LABELS ("again")`, `UID STORE 9 +X-GM-LABELS ("^bad")`,
	})
	if err := x.AddGmailLabels(ctx, []uint64{1}, []string{"⟦%zz⟧"}); exit.CodeOf(err) != exit.Partial {
		t.Errorf("%v", err)
	}
	var many []string
	for i := range 2*labelsTogether + 1 {
		many = append(many, fmt.Sprint(i))
	}
	if err := x.AddGmailLabels(ctx, []uint64{1}, many); err != nil || len(s.sent("UID STORE 1 ")) != 3 {
		t.Errorf("%v, %d commands", err, len(s.sent("UID STORE 1 ")))
	}
}
