package folder

import (
	"slices"
	"testing"
)

var (
	slash  = Namespace{"", "/"}
	dot    = Namespace{"", "."}
	below  = Namespace{"INBOX.", "."}
	below2 = Namespace{"INBOX/", "/"}
	mail   = Namespace{"mail/", "/"}
	flat   = Namespace{"", ""}
	domino = Namespace{"", `\`}
)

func TestIsInbox(t *testing.T) {
	for name, want := range map[string]bool{
		"INBOX": true, "inbox": true, "InBoX": true, "Inbox": true,
		"": false, "INBOX ": false, "INBOX.": false, "INBOX/x": false, "İNBOX": false, "ınbox": false, "INBO": false,
	} {
		if IsInbox(name) != want {
			t.Errorf("IsInbox(%q) = %v", name, !want)
		}
	}
}

func TestSplitAndJoin(t *testing.T) {
	for _, c := range []struct {
		name     string
		ns       Namespace
		segments []string
	}{
		{"INBOX", slash, []string{"INBOX"}},
		{"INBOX", below, []string{"INBOX"}},
		{"a/b/c", slash, []string{"a", "b", "c"}},
		{"a.b/c", slash, []string{"a.b", "c"}},
		{"INBOX.Sent", below, []string{"Sent"}},
		{"INBOX.Sent.2019", below, []string{"Sent", "2019"}},
		{"INBOX.INBOX.foo", below, []string{"INBOX", "foo"}},
		{"INBOX/foo", slash, []string{"INBOX", "foo"}},
		{"mail/a/b", mail, []string{"a", "b"}},
		{"a/b", flat, []string{"a/b"}},
		{`a\b`, domino, []string{"a", "b"}},
	} {
		if got := Split(c.name, c.ns); !slices.Equal(got, c.segments) {
			t.Errorf("Split(%q, %q) = %q, want %q", c.name, c.ns, got, c.segments)
		}
		if len(c.segments) == 1 && IsInbox(c.segments[0]) {
			continue
		}
		l := layoutOf(c.ns, nil)
		if got, replaced := l.join(c.segments); l.full(got) != c.name || replaced {
			t.Errorf("join(%q, %q) = %q, %v", c.segments, c.ns, l.full(got), replaced)
		}
	}
}

func TestSplitOnly(t *testing.T) {
	for _, c := range []struct {
		name     string
		ns       Namespace
		segments []string
	}{
		{"Inbox.Sent", below, []string{"Sent"}},        // INBOX in any case
		{"INBOXES.x", below, []string{"INBOXES", "x"}}, // not below the prefix
		{"shared.x", below, []string{"shared", "x"}},
		{"Mail/a", mail, []string{"Mail", "a"}}, // a prefix has its case
		{"mail", mail, []string{"mail"}},
		{"mail/", mail, []string{"mail", ""}},
		{"INBOX.", below, []string{"INBOX", ""}},
		{"", slash, []string{""}},
		{"a//b", slash, []string{"a", "", "b"}},
	} {
		if got := Split(c.name, c.ns); !slices.Equal(got, c.segments) {
			t.Errorf("Split(%q, %q) = %q, want %q", c.name, c.ns, got, c.segments)
		}
	}
}

func TestJoinReplaces(t *testing.T) {
	for _, c := range []struct {
		segments []string
		ns       Namespace
		instead  string // "": the default; "none": nothing
		name     string
		replaced bool
	}{
		{[]string{"Ops.foo.bar"}, dot, "", "Ops_foo_bar", true},
		{[]string{"Ops.foo.bar"}, dot, "-", "Ops-foo-bar", true},
		{[]string{"Ops.foo.bar"}, dot, "none", "Opsfoobar", true},
		{[]string{"Ops.foo.bar"}, dot, "<dot>", "Ops<dot>foo<dot>bar", true},
		{[]string{"..", "a"}, dot, "none", "_.a", true},
		{[]string{"a.b", "c"}, below, "", "INBOX.a_b.c", true},
		{[]string{"a", "", "b"}, slash, "", "a/_/b", true},
		{[]string{"a_b"}, Namespace{"", "_"}, "", "a-b", true},
		{[]string{"a", "b"}, flat, "", "a_b", true},
		{[]string{"a", "b"}, flat, "+", "a+b", true},
		{[]string{"a"}, flat, "", "a", false},
		{[]string{"Inbox", "x"}, slash, "", "INBOX/x", false},
		{[]string{"Inboxes", "x"}, slash, "", "Inboxes/x", false},
		{[]string{"Inbox", "x"}, below, "", "INBOX.Inbox.x", false},
	} {
		var replacement *string
		switch c.instead {
		case "":
		case "none":
			replacement = new("")
		default:
			replacement = &c.instead
		}
		l := layoutOf(c.ns, replacement)
		if got, replaced := l.join(c.segments); l.full(got) != c.name || replaced != c.replaced {
			t.Errorf("join(%q, %q) = %q, %v; want %q, %v", c.segments, c.ns, l.full(got), replaced, c.name, c.replaced)
		}
	}
}

func TestParents(t *testing.T) {
	for _, c := range []struct {
		name, delimiter string
		want            []string
	}{
		{"a", "/", nil},
		{"a/b", "/", []string{"a"}},
		{"a/b/c", "/", []string{"a", "a/b"}},
		{"a.b/c", "/", []string{"a.b"}},
		{"a/b", "", nil},
		{"", "/", nil},
		{"/", "/", nil},
		{"a/b/", "/", []string{"a"}},
		{"/abs/x", "/", []string{"/abs"}},
		{"a//b", "/", []string{"a"}},
		{"INBOX.x.y", ".", []string{"INBOX", "INBOX.x"}},
	} {
		if got := Parents(c.name, c.delimiter); !slices.Equal(got, c.want) {
			t.Errorf("Parents(%q, %q) = %q, want %q", c.name, c.delimiter, got, c.want)
		}
	}
}
