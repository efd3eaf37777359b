package folder

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"
)

// translate maps one folder without any rule.
func translate(name string, from, to Namespace) (target, note string) {
	table, err := (&Rules{}).Map(context.Background(), []Source{{Name: name, Delimiter: from.Delimiter}}, from.Prefix, Destination{Namespace: to})
	if err != nil {
		panic(err)
	}
	return table.Mappings[0].Target, table.Mappings[0].Note
}

// Both ways: what one server calls a folder, and what the other does.
func TestTranslateBothWays(t *testing.T) {
	for _, c := range []struct {
		left  string
		ns    Namespace
		right string
		other Namespace
	}{
		{"INBOX", slash, "INBOX", below},
		{"Sent", slash, "INBOX.Sent", below},
		{"Sent", dot, "INBOX.Sent", below},
		{"Archive/2019/May", slash, "INBOX.Archive.2019.May", below},
		{"Archive/2019", slash, "Archive.2019", dot},
		{"INBOX/foo", slash, "INBOX.INBOX.foo", below},
		{"INBOX/INBOX", slash, "INBOX.INBOX.INBOX", below},
		{"INBOX/foo", slash, "INBOX.foo", dot},
		{"INBOX/INBOX", below2, "INBOX.INBOX", below},
		{"INBOX/INBOX", below2, "mail/INBOX", mail},
		{"mail/a/b", mail, "INBOX.a.b", below},
		{"mail/a/b", mail, `a\b`, domino},
		{"Entwürfe/é", slash, "INBOX.Entwürfe.é", below},
		{"[Gmail]/All Mail", slash, "INBOX.[Gmail].All Mail", below},
		{"a&b", slash, "INBOX.a&b", below},
		{"⟦⟦⟧x⟧", slash, "INBOX.⟦⟦⟧x⟧", below},
		{"esc\x1b[2J/x", slash, "esc\x1b[2J.x", dot},
		{"flat", flat, "INBOX.flat", below},
		{" a ", slash, "INBOX. a ", below},
		{"a//b", slash, "a//b", slash},
		{"a/", slash, "a/", slash},
		{"/abs", slash, "/abs", slash},
		{"INBOX.INBOX", below, "INBOX.INBOX", below},
	} {
		if got, note := translate(c.left, c.ns, c.other); got != c.right || note != "" {
			t.Errorf("Translate(%q, %q, %q) = %q, %q; want %q", c.left, c.ns, c.other, got, note, c.right)
		}
		if got, note := translate(c.right, c.other, c.ns); got != c.left || note != "" {
			t.Errorf("Translate(%q, %q, %q) = %q, %q; want %q", c.right, c.other, c.ns, got, note, c.left)
		}
	}
}

func TestTranslateOneWay(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to Namespace
		target   string
		note     string // a part of it
	}{
		{"Inbox", slash, slash, "INBOX", ""},
		{"inbox", below, below, "INBOX", ""},
		{"Inbox/Lists", slash, slash, "INBOX/Lists", ""},
		{"Inbox.Sent", below, below, "INBOX.Sent", ""},
		{"Ops.foo.bar", slash, below, "INBOX.Ops_foo_bar", `"." parts levels`},
		{"spam.spam", slash, dot, "spam_spam", `"." parts levels`},
		{"a/b.c", slash, dot, "a.b_c", `"." parts levels`},
		{"a//b", slash, dot, "a._.b", "no level may be empty"},
		{"/abs", slash, dot, "_.abs", "no level may be empty"},
		{"", slash, below, "INBOX._", "no level may be empty"},
		{"", below, below, "INBOX._", "no level may be empty"},
		{"a/b", slash, flat, "a_b", "no levels"},
		{"a/b", flat, dot, "a/b", ""},
		{"a/b", flat, slash, "a_b", `"/" parts levels`},
		{"INBOX.INBOX", below, slash, "INBOX_", "only once"},
		{"INBOX.inbox", below, slash, "inbox_", "only once"},
		{"shared.x", below, slash, "shared/x", ""},
		// What the source spelt oddly becomes text.
		{"Entw⟦ü⟧rfe", slash, slash, "Entwürfe", "modified UTF-7"},
		{"Entw⟦ü⟧rfe/a", slash, below, "INBOX.Entwürfe.a", "modified UTF-7"},
		{"R⟦&⟧D", slash, dot, "R&D", "modified UTF-7"},
		{"caf⟦%E9⟧", slash, dot, "caf%E9", "modified UTF-7"},
		{"⟦&Привет мир⟧", slash, dot, "Привет мир", "modified UTF-7"},
		{"⟦&a%2Eb%2Fc⟧", slash, dot, "a_b/c", "parts levels"},
		{"⟦&a%2Eb%2Fc⟧", slash, slash, "a.b_c", "parts levels"},
		{"⟦&a⟧.b", slash, dot, "a_b", "parts levels"},
	} {
		got, note := translate(c.name, c.from, c.to)
		if got != c.target {
			t.Errorf("Translate(%q, %q, %q) = %q, want %q", c.name, c.from, c.to, got, c.target)
		}
		if (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
			t.Errorf("Translate(%q, %q, %q): note %q, want %q in it", c.name, c.from, c.to, note, c.note)
		}
	}
}

func TestTranslateNoteIsSafeToPrint(t *testing.T) {
	_, note := translate("esc\x1b[2J.\u202ex\n", slash, dot)
	if note == "" || strings.ContainsAny(note, "\x1b\n\u202e") {
		t.Errorf("note %q", note)
	}
}

func FuzzTranslate(f *testing.F) {
	spaces := []Namespace{slash, dot, below, below2, mail, flat, domino, {"x_", "_"}}
	for name := range nastyNames() {
		f.Add(name, uint(1), uint(2))
	}
	f.Fuzz(func(t *testing.T, wire string, i, j uint) {
		from, to := spaces[i%uint(len(spaces))], spaces[j%uint(len(spaces))]
		name := FromWire(wire)
		target, _ := translate(name, from, to)
		if !utf8.ValidString(target) {
			t.Fatalf("%q becomes %q", name, target)
		}
		if IsInbox(target) && !IsInbox(name) {
			t.Errorf("%q (%q) becomes INBOX of %q", name, from, to)
		}
		if wire, err := ToWire(target); err != nil {
			t.Errorf("%q becomes %q, which no wire form has: %v", name, target, err)
		} else if _, err := DecodeUTF7(wire); err != nil {
			t.Errorf("%q becomes %q: %v", name, target, err)
		}
		if again, _ := translate(target, to, to); again != target {
			t.Errorf("%q becomes %q, and that %q", name, target, again)
		}
	})
}
