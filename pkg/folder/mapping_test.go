package folder

import (
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func translator(from, to Namespace) func(string) (string, string) {
	return func(name string) (string, string) { return Translate(name, from, to) }
}

func TestMapAll(t *testing.T) {
	got, err := MapAll([]string{"inbox", "Sent", "a.b", "Sent", "x/y"}, translator(slash, below))
	if err != nil {
		t.Fatal(err)
	}
	want := []Mapping{
		{"inbox", "INBOX", ""},
		{"Sent", "INBOX.Sent", ""},
		{"a.b", "INBOX.a_b", `"a.b" becomes "INBOX.a_b": at the destination "." parts levels, and no level may be empty`},
		{"x/y", "INBOX.x.y", ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMapAllCollisions(t *testing.T) {
	for _, c := range []struct {
		names    []string
		from, to Namespace
		in       []string // parts of the error
	}{
		{[]string{"a.b", "x", "a_b"}, slash, dot, []string{`"a.b" and "a_b"`, `"a_b"`}},
		{[]string{"Entwürfe", "Entw⟦ü⟧rfe"}, slash, slash, []string{`"Entwürfe" and "Entw⟦ü⟧rfe"`}},
		{[]string{"INBOX", "inbox"}, slash, slash, []string{`"INBOX" and "inbox"`}},
		{[]string{"Inbox/x", "INBOX/x"}, slash, dot, []string{`"Inbox/x" and "INBOX/x"`}},
		{[]string{"INBOX.x", "x"}, below, slash, []string{`"INBOX.x" and "x"`}},
		{[]string{"a.b", "a_b", "c.d", "c_d"}, slash, dot, []string{`"a.b" and "a_b"`, "1 more"}},
	} {
		got, err := MapAll(c.names, translator(c.from, c.to))
		if got != nil || exit.CodeOf(err) != exit.Usage || exit.HintOf(err) == "" {
			t.Errorf("%q: %q, code %d, hint %q", c.names, got, exit.CodeOf(err), exit.HintOf(err))
			continue
		}
		for _, in := range c.in {
			if !strings.Contains(err.Error(), in) {
				t.Errorf("%q: error %q without %q", c.names, err, in)
			}
		}
	}
}

func TestMapAllKnowsINBOXInAnyCase(t *testing.T) {
	toInbox := func(name string) (string, string) { return strings.TrimSuffix(name, "!"), "" }
	if _, err := MapAll([]string{"Inbox!", "INBOX"}, toInbox); err == nil {
		t.Error("two folders became INBOX")
	}
	got, err := MapAll([]string{"Inbox!"}, toInbox)
	if err != nil || got[0].Target != "INBOX" {
		t.Errorf("%q, %v", got, err)
	}
}
