package folder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// mapped runs rules over names with a delimiter and returns "source > target"
// with "(way)" behind it where it is not the name; a left out folder has "-".
func mapped(t *testing.T, r Rules, from Namespace, to Destination, names ...string) ([]string, *Table, error) {
	t.Helper()
	var sources []Source
	for _, n := range names {
		sources = append(sources, sourceOf(n, from))
	}
	table, err := r.Map(context.Background(), sources, from.Prefix, to)
	if err != nil {
		return nil, nil, err
	}
	var lines []string
	for _, m := range table.Mappings {
		line := m.Source + " > " + m.Target
		if m.Target == "" {
			line += "-"
		}
		if m.By != ByName {
			line += " (" + string(m.By) + ")"
		}
		lines = append(lines, line)
	}
	return lines, table, nil
}

// sourceOf reads "name", "name +\Sent" with an attribute, "name 0" without
// messages or "name /" for a mere level.
func sourceOf(text string, from Namespace) Source {
	name, attribute, _ := strings.Cut(text, " +")
	s := Source{Name: name, Delimiter: from.Delimiter, Messages: 1}
	if attribute != "" {
		s.Attributes = []string{attribute}
	}
	if cut, ok := strings.CutSuffix(name, " 0"); ok {
		s.Name, s.Messages = cut, 0
	}
	if cut, ok := strings.CutSuffix(name, " /"); ok {
		s.Name, s.Level = cut, true
	}
	return s
}

// at makes a destination with these folders, spelt as sourceOf reads them.
func at(ns Namespace, names ...string) Destination {
	d := Destination{Namespace: ns}
	for _, n := range names {
		s := sourceOf(n, ns)
		d.Folders = append(d.Folders, Existing{s.Name, s.Attributes})
	}
	return d
}

func entries(t *testing.T, texts ...string) (list []Entry) {
	t.Helper()
	for _, text := range texts {
		e, err := ParseEntry(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		list = append(list, e)
	}
	return list
}

func renames(t *testing.T, texts ...string) (list []Rename) {
	t.Helper()
	for _, text := range texts {
		r, err := ParseRename(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		list = append(list, r)
	}
	return list
}

func TestMap(t *testing.T) {
	auto := Rules{Automap: true}
	for _, c := range []struct {
		name    string
		rules   Rules
		from    Namespace
		to      Destination
		sources []string
		want    []string
	}{
		{"nothing asked", Rules{}, slash, at(below), []string{"INBOX", "Sent", "a.b", "x/y", "[Gmail] /", "[Gmail]/All"}, []string{"INBOX > INBOX", "Sent > INBOX.Sent", "a.b > INBOX.a_b", "x/y > INBOX.x.y", "[Gmail]/All > INBOX.[Gmail].All"}},
		{"another character", Rules{DelimiterReplacement: new("-")}, slash, at(dot), []string{"a.b"}, []string{"a.b > a-b"}},

		{"map", Rules{Entries: entries(t, "Sent Items=Sent", "Old=Archive/Old")}, slash, at(slash), []string{"INBOX", "Old", "Old/2019/May", "Sent Items", "Sent Items 2"}, []string{"INBOX > INBOX", "Old > Archive/Old (map)", "Old/2019/May > Archive/Old/2019/May (map)", "Sent Items > Sent (map)", "Sent Items 2 > Sent Items 2"}},
		{"nearest entry", Rules{Entries: entries(t, "a=x", "a/b=y")}, slash, at(slash), []string{"a", "a/b", "a/b/c", "a/d"}, []string{"a > x (map)", "a/b > y (map)", "a/b/c > y/c (map)", "a/d > x/d (map)"}},
		{"all into INBOX", Rules{Entries: entries(t, "*=INBOX")}, slash, at(dot), []string{"INBOX", "a/b", "a.b", "Sent"}, []string{"INBOX > INBOX (map)", "a/b > INBOX (map)", "a.b > INBOX (map)", "Sent > INBOX (map)"}},
		{"all but one", Rules{Entries: entries(t, "*=All", "Sent=Sent", "Junk=-")}, slash, at(slash), []string{"INBOX", "Junk", "Junk/x", "Sent"}, []string{"INBOX > All (map)", "Junk > - (map)", "Junk/x > - (map)", "Sent > Sent (map)"}},
		{"a folder called *", Rules{Entries: entries(t, `"*"=Star`)}, slash, at(slash), []string{"*", "a"}, []string{"* > Star (map)", "a > a"}},
		{"INBOX in any case", Rules{Entries: entries(t, "inbox=Inbox")}, slash, at(below), []string{"INBOX"}, []string{"INBOX > INBOX (map)"}},
		{"prefix added", Rules{Entries: entries(t, "a=Work", "b=INBOX.Home", "c=INBOX")}, slash, at(below), []string{"a", "a/x", "b", "c", "c/x"}, []string{"a > INBOX.Work (map)", "a/x > INBOX.Work.x (map)", "b > INBOX.Home (map)", "c > INBOX (map)", "c/x > INBOX.x (map)"}},
		{"source with and without prefix", Rules{Entries: entries(t, "Sent=S", "INBOX.Old=O", "INBOX=I")}, below, at(slash), []string{"INBOX", "INBOX.Sent", "INBOX.Old", "INBOX.x"}, []string{"INBOX > I (map)", "INBOX.Sent > S (map)", "INBOX.Old > O (map)", "INBOX.x > x"}},
		{"modified UTF-7", Rules{Entries: entries(t, "Entw&APw-rfe=Caf&AOk-", "x=R&D", `y="A&-B"`)}, slash, at(slash), []string{"Entwürfe", "x", "y"}, []string{"Entwürfe > Café (map)", "x > R&D (map)", "y > A&-B (map)"}},
		{"composed and not", Rules{Entries: entries(t, "caf\u00e9=x")}, slash, at(slash), []string{"cafe\u0301"}, []string{"cafe\u0301 > x (map)"}},
		{"composed beside not", Rules{Entries: entries(t, "caf\u00e9=x")}, slash, at(slash), []string{"cafe\u0301", "caf\u00e9"}, []string{"cafe\u0301 > cafe\u0301", "caf\u00e9 > x (map)"}},
		{"odd source", Rules{Entries: entries(t, "Entwürfe=D")}, slash, at(slash), []string{"Entw⟦ü⟧rfe"}, []string{"Entw⟦ü⟧rfe > D (map)"}},
		{"odd target", Rules{Entries: entries(t, "a=Entwürfe", "b=R&D", "c=⟦x", `d="⟦⟦⟧y"`, "e=⟦ä⟧")}, slash, at(slash, "Entw⟦ü⟧rfe"), []string{"a", "a/x", "b", "c", "d", "e"}, []string{"a > Entw⟦ü⟧rfe (map)", "a/x > Entw⟦ü⟧rfe/x (map)", "b > R&D (map)", "c > ⟦⟦⟧x (map)", "d > ⟦⟦⟧y (map)", "e > ä (map)"}},
		{"level above", Rules{Entries: entries(t, "[Gmail]=Gmail")}, slash, at(slash), []string{"[Gmail] /", "[Gmail]/All Mail"}, []string{"[Gmail]/All Mail > Gmail/All Mail (map)"}},
		{"flat destination", Rules{Entries: entries(t, "a=x")}, slash, at(flat), []string{"a", "a/b"}, []string{"a > x (map)", "a/b > x_b (map)"}},
		{"delimiter in a child", Rules{Entries: entries(t, "a=x.y")}, slash, at(dot), []string{"a/b.c"}, []string{"a/b.c > x.y.b_c (map)"}},

		{"special use on both sides", auto, slash, at(slash, `Sent +\Sent`, `Papierkorb +\Trash`), []string{"INBOX", `Sent Items +\Sent`, "Sent Items/2019", `Deleted +\Trash`, `Drafts +\Drafts`}, []string{"INBOX > INBOX", "Sent Items > Sent (automap)", "Sent Items/2019 > Sent/2019 (automap)", "Deleted > Papierkorb (automap)", "Drafts > Drafts"}},
		{"at the source alone", auto, slash, at(dot, "Gesendet"), []string{`[Gmail]/Envoyés +\Sent`}, []string{"[Gmail]/Envoyés > Gesendet (automap)"}},
		{"at the destination alone", auto, below, at(slash, `Elementos enviados +\Sent`), []string{"INBOX.Gesendete Objekte"}, []string{"INBOX.Gesendete Objekte > Elementos enviados (automap)"}},
		{"known names", auto, slash, at(below, "INBOX.Spam", "INBOX.送信済み"), []string{"Courrier indésirable", "보낸편지함"}, []string{"Courrier indésirable > INBOX.Spam (automap)", "보낸편지함 > INBOX.送信済み (automap)"}},
		{"accents composed", auto, slash, at(slash, "Sent"), []string{"E\u0301le\u0301ments envoye\u0301s"}, []string{"E\u0301le\u0301ments envoye\u0301s > Sent (automap)"}},
		{"nothing there", auto, slash, at(slash), []string{`Sent Items +\Sent`, "Spam"}, []string{"Sent Items > Sent Items", "Spam > Spam"}},
		{"unknown names", auto, slash, at(slash, "Sent", "Other"), []string{"Work", "Work/Sent"}, []string{"Work > Work", "Work/Sent > Work/Sent"}},
		{"map before automap", Rules{Automap: true, Entries: entries(t, "Sent Items=Mine")}, slash, at(slash, `Sent +\Sent`), []string{`Sent Items +\Sent`, "Sent Items/x"}, []string{"Sent Items > Mine (map)", "Sent Items/x > Mine/x (map)"}},
		{"the likeliest name", auto, slash, at(slash, "Gesendet"), []string{"Sent", "Sent Items"}, []string{"Sent > Gesendet (automap)", "Sent Items > Sent Items"}},
		{"the same name", auto, slash, at(slash, "Sent Items"), []string{"Sent", "Sent Items"}, []string{"Sent > Sent", "Sent Items > Sent Items (automap)"}},
		{"two with the attribute", auto, slash, at(slash, `Sent +\Sent`), []string{`A +\Sent`, `B +\Sent`}, []string{"A > Sent (automap)", "B > Sent (automap)"}},
		{"name of another use", auto, slash, at(slash, `Junk +\Junk`), []string{`Spam +\Archive`}, []string{"Spam > Spam"}},

		{"subfolder", Rules{Subfolder: "Old"}, slash, at(below), []string{"INBOX", "Sent", "INBOX/x"}, []string{"INBOX > INBOX.Old.INBOX (subfolder)", "Sent > INBOX.Old.Sent (subfolder)", "INBOX/x > INBOX.Old.INBOX.x (subfolder)"}},
		{"subfolder of levels, with prefix", Rules{Subfolder: "INBOX.Old.joe"}, below, at(below), []string{"INBOX", "INBOX.Sent"}, []string{"INBOX > INBOX.Old.joe.INBOX (subfolder)", "INBOX.Sent > INBOX.Old.joe.Sent (subfolder)"}},
		{"subfolder and automap", Rules{Subfolder: "Old", Automap: true}, slash, at(below, `INBOX.Gesendet +\Sent`), []string{"Sent", "Sent/a.b"}, []string{"Sent > INBOX.Old.Gesendet (automap)", "Sent/a.b > INBOX.Old.Gesendet.a_b (automap)"}},
		{"subfolder and map", Rules{Subfolder: "Old", Entries: entries(t, "Sent=Sent")}, slash, at(slash), []string{"INBOX", "Sent"}, []string{"INBOX > Old/INBOX (subfolder)", "Sent > Sent (map)"}},
		{"from subfolder", Rules{FromSubfolder: "Old"}, below, at(slash), []string{"INBOX", "INBOX.Old 0", "INBOX.Old.INBOX", "INBOX.Old.INBOX.x", "INBOX.Old.Sent", "INBOX.Older"}, []string{"INBOX > - (subfolder)", "INBOX.Old > - (subfolder)", "INBOX.Old.INBOX > INBOX (subfolder)", "INBOX.Old.INBOX.x > INBOX/x (subfolder)", "INBOX.Old.Sent > Sent (subfolder)", "INBOX.Older > - (subfolder)"}},
		{"from subfolder, in full", Rules{FromSubfolder: "INBOX.Old"}, below, at(below), []string{"INBOX.Old.x"}, []string{"INBOX.Old.x > INBOX.x (subfolder)"}},
		{"from subfolder to subfolder", Rules{FromSubfolder: "a/b", Subfolder: "c"}, slash, at(slash), []string{"a/b/INBOX", "a/b/d", "a/d"}, []string{"a/b/INBOX > c/INBOX (subfolder)", "a/b/d > c/d (subfolder)", "a/d > - (subfolder)"}},
		{"from subfolder and map", Rules{FromSubfolder: "Old", Entries: entries(t, "Sent=Here", "*=All")}, slash, at(slash), []string{"INBOX", "Old/a", "Sent"}, []string{"INBOX > - (subfolder)", "Old/a > All (map)", "Sent > Here (map)"}},
		{"from subfolder and automap", Rules{FromSubfolder: "Old", Automap: true}, slash, at(slash, `Sent +\Sent`), []string{"Old/Sent Items", "Sent Items"}, []string{"Old/Sent Items > Sent (automap)", "Sent Items > - (subfolder)"}},
		{"from subfolder with mail", Rules{FromSubfolder: "Old"}, slash, at(slash), []string{"Old", "Old/x"}, []string{"Old > Old", "Old/x > x (subfolder)"}},

		{"rename", Rules{Renames: renames(t, `s/^\[Gmail\]/Gmail/`)}, slash, at(below), []string{"INBOX", "[Gmail]/Sent Mail"}, []string{"INBOX > INBOX", "[Gmail]/Sent Mail > INBOX.Gmail.Sent Mail (rename)"}},
		{"a chain", Rules{Renames: renames(t, `s,^mail/,,`, `s/a/b/g`, `s/^b/c/`)}, slash, at(slash), []string{"mail/aab", "x"}, []string{"mail/aab > cbb (rename)", "x > x"}},
		{"rename to INBOX", Rules{Renames: renames(t, `s/.*/inbox/`)}, slash, at(below), []string{"INBOX", "a", "b/c"}, []string{"INBOX > INBOX (rename)", "a > INBOX (rename)", "b/c > INBOX (rename)"}},
		{"rename sees the destination", Rules{Renames: renames(t, `s/\./-/g`)}, slash, at(below), []string{"a/b.c"}, []string{"a/b.c > INBOX.a-b_c (rename)"}},
		{"rename of a subfolder", Rules{Subfolder: "Old", Renames: renames(t, `s/^Old/New/`)}, slash, at(slash), []string{"INBOX"}, []string{"INBOX > New/INBOX (rename)"}},
		{"rename makes levels", Rules{Renames: renames(t, `s/-/\//`)}, slash, at(slash), []string{"a-b"}, []string{"a-b > a/b (rename)"}},
		{"rename to nothing", Rules{Renames: renames(t, `s/^a$//`)}, slash, at(slash), []string{"a"}, []string{"a > _ (rename)"}},
		{"rename leaves map and automap", Rules{Automap: true, Entries: entries(t, "a=b"), Renames: renames(t, `s/^/x-/`)}, slash, at(slash, "Sent"), []string{"INBOX", "Sent Items", "a", "c"}, []string{"INBOX > x-INBOX (rename)", "Sent Items > Sent (automap)", "a > b (map)", "c > x-c (rename)"}},
		{"capitals", Rules{Renames: renames(t, `s/.*/\U$0/`)}, slash, at(slash), []string{"INBOX", "été/x"}, []string{"INBOX > INBOX", "été/x > ÉTÉ/X (rename)"}},
		{"small letters", Rules{Renames: renames(t, `s/.*/\L$0/`)}, slash, at(slash), []string{"INBOX", "INBOX/X", "ÉTÉ"}, []string{"INBOX > INBOX (rename)", "INBOX/X > INBOX/x (rename)", "ÉTÉ > été (rename)"}},
		{"each level", Rules{Renames: renames(t, `s/[^.]+/\L\u$0/g`)}, slash, at(below), []string{"INBOX", "FOO bar/bAZ"}, []string{"INBOX > INBOX (rename)", "FOO bar/bAZ > INBOX.Foo bar.Baz (rename)"}},
		{"inbox below the prefix", Rules{Renames: renames(t, `s/x/y/`)}, below, at(slash), []string{"INBOX", "INBOX.INBOX"}, []string{"INBOX > INBOX", "INBOX.INBOX > INBOX_"}},

		{"odd name that is there", Rules{}, slash, at(slash, "Entw⟦ü⟧rfe"), []string{"Entwürfe"}, []string{"Entwürfe > Entw⟦ü⟧rfe"}},
	} {
		got, _, err := mapped(t, c.rules, c.from, c.to, c.sources...)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v\n got %q\nwant %q", c.name, err, got, c.want)
		}
	}
}

// What was changed that nobody asked for is told, with both names.
func TestMapNotes(t *testing.T) {
	for _, c := range []struct {
		rules  Rules
		from   Namespace
		to     Destination
		source string
		note   string // a part of it
	}{
		{Rules{}, slash, at(slash), "a", ""},
		{Rules{}, slash, at(dot), "a.b", `"a.b" becomes "a_b": at the destination "." parts levels`},
		{Rules{}, slash, at(flat), "a/b", "no levels"},
		{Rules{}, slash, at(slash), "Entw⟦ü⟧rfe", "modified UTF-7"},
		{Rules{Entries: entries(t, "a=b")}, slash, at(below), "a", `begin with "INBOX."`},
		{Rules{Entries: entries(t, "a=b")}, slash, at(below, "INBOX.b"), "a", `begin with "INBOX."`},
		{Rules{Entries: entries(t, "a=INBOX.b")}, slash, at(below), "a", ""},
		{Rules{Entries: entries(t, "a=b")}, slash, at(dot), "a/x.y", "parts levels"},
		{Rules{Subfolder: "S"}, slash, at(dot), "x.y", "parts levels"},
		{Rules{Renames: renames(t, "s/a/b/")}, slash, at(dot), "a.b", ""}, // the new name is what was asked for
		{Rules{Renames: renames(t, "s/a//")}, slash, at(dot), "a/b", "no level may be empty"},
	} {
		_, table, err := mapped(t, c.rules, c.from, c.to, c.source)
		if err != nil {
			t.Fatal(err)
		}
		if note := table.Mappings[0].Note; (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
			t.Errorf("%q: note %q, want %q in it", c.source, note, c.note)
		}
	}
}

func TestMapCollisions(t *testing.T) {
	for _, c := range []struct {
		rules    Rules
		from, to Namespace
		names    []string
		in       []string // parts of the error; none: they may be one
	}{
		{Rules{}, slash, dot, []string{"a.b", "x", "a_b"}, []string{`"a.b" and "a_b"`, `"a_b"`}},
		{Rules{}, slash, slash, []string{"Entwürfe", "Entw⟦ü⟧rfe"}, []string{`"Entwürfe" and "Entw⟦ü⟧rfe"`}},
		{Rules{}, slash, slash, []string{"INBOX", "inbox"}, []string{`"INBOX" and "inbox"`}},
		{Rules{}, slash, dot, []string{"Inbox/x", "INBOX/x"}, []string{`"Inbox/x" and "INBOX/x"`}},
		{Rules{}, below, slash, []string{"INBOX.x", "x"}, []string{`"INBOX.x" and "x"`}},
		{Rules{}, slash, dot, []string{"a.b", "a_b", "c.d", "c_d"}, []string{`"a.b" and "a_b"`, "1 more"}},
		{Rules{Renames: renames(t, "s/[0-9]//g")}, slash, slash, []string{"a1", "a2"}, []string{`"a1" and "a2"`}},
		{Rules{Renames: renames(t, "s/(a).*/$1/")}, slash, slash, []string{"a1", "a2"}, []string{`"a1" and "a2"`}},
		{Rules{Entries: entries(t, "a=x")}, slash, dot, []string{"a/b.c", "a/b_c"}, []string{`"a/b.c" and "a/b_c"`}},
		{Rules{Subfolder: "S"}, below, slash, []string{"INBOX", "INBOX.INBOX"}, []string{`"INBOX" and "INBOX.INBOX"`}},

		{Rules{Entries: entries(t, "a=x", "b=x")}, slash, slash, []string{"a", "a/c", "b", "b/c", "x"}, nil},
		{Rules{Entries: entries(t, "*=x")}, slash, slash, []string{"INBOX", "a", "x"}, nil},
		{Rules{Renames: renames(t, "s/^(a|b)$/x/")}, slash, slash, []string{"a", "b", "x"}, nil},
		{Rules{Renames: renames(t, "s/^(a|b)$/x/", "s/x/y/")}, slash, slash, []string{"a", "b"}, nil},
	} {
		_, _, err := mapped(t, c.rules, c.from, at(c.to), c.names...)
		if len(c.in) == 0 {
			if err != nil {
				t.Errorf("%q: %v", c.names, err)
			}
			continue
		}
		if exit.CodeOf(err) != exit.Usage || exit.HintOf(err) == "" && fault.CauseOf(err) == nil {
			t.Errorf("%q: %v, code %d, hint %q", c.names, err, exit.CodeOf(err), exit.HintOf(err))
			continue
		}
		for _, in := range c.in {
			if !strings.Contains(err.Error(), in) {
				t.Errorf("%q: error %q without %q", c.names, err, in)
			}
		}
	}
}

func TestMapCase(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  CaseCollision
		sense   CaseSense
		there   []string
		sources []string
		want    []string // nil: an error that names the first two
	}{
		{"kept", "", CaseKept, nil, []string{"Sent", "sent"}, []string{"Sent > Sent", "sent > sent"}},
		{"folded", "", CaseFolded, nil, []string{"Sent", "sent"}, nil},
		{"unknown", "", CaseUnknown, nil, []string{"Sent", "sent"}, nil},
		{"allowed", CaseAllow, CaseFolded, nil, []string{"Sent", "sent"}, []string{"Sent > Sent", "sent > sent"}},
		{"merged", CaseMerge, CaseFolded, nil, []string{"SENT", "Sent", "sent", "sent/x"}, []string{"SENT > SENT", "Sent > SENT", "sent > SENT", "sent/x > SENT/x"}},
		{"merged where it is", CaseMerge, CaseFolded, []string{"Sent"}, []string{"SENT", "Sent"}, []string{"SENT > Sent", "Sent > Sent"}},
		{"merged where it may be", CaseMerge, CaseUnknown, nil, []string{"SENT", "Sent"}, []string{"SENT > SENT", "Sent > SENT"}},
		{"not merged", CaseMerge, CaseKept, nil, []string{"SENT", "Sent"}, []string{"SENT > SENT", "Sent > Sent"}},
		{"renamed", CaseRename, CaseFolded, nil, []string{"SENT", "SENT/a", "Sent", "sent", "sent/a", "sent/A"}, []string{"SENT > SENT", "SENT/a > SENT/a", "Sent > Sent_2", "sent > sent_3", "sent/a > sent_3/a", "sent/A > sent_3/A_2"}},
		{"renamed beside the name", CaseRename, CaseFolded, nil, []string{"SENT", "Sent", "sent_2"}, []string{"SENT > SENT", "Sent > Sent_3", "sent_2 > sent_2"}},
		{"renamed again", CaseRename, CaseFolded, []string{"SENT", "Sent_2"}, []string{"SENT", "Sent"}, []string{"SENT > SENT", "Sent > Sent_2"}},
		{"renamed, the second is there", CaseRename, CaseFolded, []string{"Sent"}, []string{"SENT", "Sent"}, []string{"SENT > SENT_2", "Sent > Sent"}},
		{"levels alone", "", CaseFolded, nil, []string{"SENT/a", "Sent/b"}, []string{"SENT/a > SENT/a", "Sent/b > Sent/b"}},
		{"spelt otherwise there", "", CaseFolded, []string{"Été", "Été/x"}, []string{"éTÉ", "éTÉ/y", "éTÉ/X"}, []string{"éTÉ > Été", "éTÉ/y > Été/y", "éTÉ/X > Été/x"}},
		{"spelt otherwise there, kept", "", CaseKept, []string{"Sent"}, []string{"sent"}, []string{"sent > sent"}},
	} {
		to := at(slash, c.there...)
		asked := 0
		to.FoldsCase = func() (CaseSense, error) { asked++; return c.sense, nil }
		got, _, err := mapped(t, Rules{CaseCollision: c.policy}, slash, to, c.sources...)
		if c.want == nil {
			cause := ErrCaseCollision
			if c.sense == CaseUnknown {
				cause = ErrCaseUnknown
			}
			if exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), fmt.Sprintf("%q and %q", c.sources[0], c.sources[1])) || fault.CauseOf(err) != cause {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v\n got %q\nwant %q", c.name, err, got, c.want)
		}
	}
	to := at(slash, "Sent")
	to.FoldsCase = func() (CaseSense, error) { return 0, errors.New("asked") }
	if _, _, err := mapped(t, Rules{}, slash, to, "INBOX", "Sent", "x"); err != nil {
		t.Errorf("it was asked though it does not matter: %v", err)
	}
	if _, _, err := mapped(t, Rules{}, slash, to, "SENT"); err == nil {
		t.Error("it was not asked, or its error got lost")
	}
}

func TestMapErrors(t *testing.T) {
	_, _, err := mapped(t, Rules{FromSubfolder: "Olt"}, slash, at(slash), "INBOX", "Old", "Old/x")
	if exit.CodeOf(err) != exit.NoInput || !strings.Contains(err.Error(), `"Olt"`) || !strings.Contains(exit.HintOf(err), `"Old"`) {
		t.Errorf("%v, hint %q", err, exit.HintOf(err))
	}
	if _, _, err := mapped(t, Rules{FromSubfolder: "Ol"}, slash, at(slash), "Old"); exit.CodeOf(err) != exit.NoInput {
		t.Error(err)
	}
	if _, _, err := mapped(t, Rules{DelimiterReplacement: new(".")}, slash, at(dot), "a"); exit.CodeOf(err) != exit.Usage {
		t.Error(err)
	}
}

// TestMapEmptyLevels: a delimiter too many in a name that was typed is found
// before anything is written. Cyrus makes "INBOX.a.b" of "INBOX.a..b".
func TestMapEmptyLevels(t *testing.T) {
	inbox := Namespace{"INBOX.", "."}
	for _, test := range []struct {
		rules Rules
		to    Destination
		mean  string // what the hint proposes; "": no error
	}{
		{Rules{Subfolder: "Old/"}, at(slash), "Old"},
		{Rules{Subfolder: "/Old/x"}, at(slash), "Old/x"},
		{Rules{Subfolder: "Old/"}, at(inbox), ""},
		{Rules{Entries: entries(t, "A=b/")}, at(slash), "b"},
		{Rules{Entries: entries(t, "A=a//b")}, at(slash), "a/b"},
		{Rules{Entries: entries(t, "A=a//b")}, at(slash, "a//b"), ""},
		{Rules{Entries: entries(t, "A=..x")}, at(inbox), "x"},
		{Rules{Entries: entries(t, "A=INBOX..x")}, at(inbox), "INBOX.x"},
		{Rules{Entries: entries(t, "*=x.")}, at(inbox), "x"},
		{Rules{Entries: entries(t, "A/=x/")}, at(slash), ""},
		{Rules{Entries: entries(t, "A=a/")}, at(Namespace{}), ""},
		{Rules{Entries: entries(t, "A=-")}, at(slash), ""},
	} {
		_, _, err := mapped(t, test.rules, slash, test.to, "A", "A/")
		switch want := "did you mean " + Quote(test.mean) + "?"; {
		case test.mean == "" && err != nil:
			t.Errorf("%+v: %v", test.rules, err)
		case test.mean != "" && (exit.CodeOf(err) != exit.Usage || exit.HintOf(err) != want):
			t.Errorf("%+v: %v, hint %q", test.rules, err, exit.HintOf(err))
		}
	}
}

func TestMapWarnings(t *testing.T) {
	list := entries(t, "Snet=x", "Sent=y", "quite another=z", "*=All")
	list[0].Where = "--map"
	_, table, err := mapped(t, Rules{Entries: list}, slash, at(slash), "INBOX", "Sent", "Sent/x", "Sent Items")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`--map: the source has no folder "Snet"; did you mean "Sent"?`, `the source has no folder "quite another"`}
	if !slices.Equal(table.Warnings, want) {
		t.Errorf("%q", table.Warnings)
	}
	_, table, _ = mapped(t, Rules{Automap: true}, slash, at(slash, `Sent +\Sent`), `Sent Items +\Sent`, "Sent")
	if len(table.Warnings) != 1 || !strings.Contains(table.Warnings[0], `"Sent" and "Sent Items" both go to "Sent"`) {
		t.Errorf("%q", table.Warnings)
	}
	_, table, _ = mapped(t, Rules{Entries: entries(t, "a\x1b[2J\u202e=x")}, slash, at(slash), "b")
	if len(table.Warnings) != 1 || strings.ContainsAny(table.Warnings[0], "\x1b\u202e") {
		t.Errorf("%q", table.Warnings)
	}
	var many []Entry
	for i := range 200 {
		many = append(many, Entry{Source: fmt.Sprint("none", i), Target: "x"})
	}
	_, table, _ = mapped(t, Rules{Entries: many}, slash, at(slash), "b")
	if n := len(table.Warnings); n != 51 || !strings.Contains(table.Warnings[50], "150 more") {
		t.Errorf("%d warnings, the last %q", n, table.Warnings[n-1])
	}
	_, table, _ = mapped(t, Rules{Entries: entries(t, "Junk=-", "Old=-", "None=-"), FromSubfolder: "a"}, slash, at(slash), "INBOX", "Junk", "Junk/x", "Old /", "a/b")
	if !slices.Equal(table.Filters, []string{"strip-subfolder=a", "map=Junk=-"}) {
		t.Errorf("%q", table.Filters)
	}
	_, table, _ = mapped(t, Rules{FromSubfolder: "a"}, slash, at(slash), "a 0", "a/b")
	if len(table.Filters) > 0 {
		t.Errorf("nothing is left out: %q", table.Filters)
	}
}

// Whatever a stream says of its folders, every one of them has a place that can
// be spelt, and nothing lands on another by accident.
func FuzzMap(f *testing.F) {
	f.Add("INBOX\na/b\na.b\nSent Items\n[Gmail]/x", "/", "", "INBOX.", ".", "Old", "a", "x=y", `s/(.)/\U$1/g`, "Sent\ninbox\nOld.INBOX")
	f.Add("⟦ü⟧\n⟦\n\n//\nINBOX.\ninbox.INBOX", ".", "INBOX.", "", "/", "", "", "*=-", "s/.*//", "⟦ü⟧\nÜ")
	f.Fuzz(func(t *testing.T, names, delimiter, prefix, toPrefix, toDelimiter, below, from, entry, rename, there string) {
		if len(names)+len(there)+len(rename) > 2000 {
			return
		}
		r := Rules{Automap: true, Subfolder: below, FromSubfolder: from, CaseCollision: CaseRename}
		if e, err := ParseEntry(entry); err == nil {
			r.Entries = append(r.Entries, e)
		}
		if rule, err := ParseRename(rename); err == nil {
			r.Renames = append(r.Renames, rule)
		}
		to := Destination{Namespace: Namespace{strings.ToValidUTF8(toPrefix, ""), strings.ToValidUTF8(toDelimiter, "")}, FoldsCase: func() (CaseSense, error) { return CaseFolded, nil }}
		for name := range strings.SplitSeq(there, "\n") {
			to.Folders = append(to.Folders, Existing{FromWire(name), []string{`\Sent`}[:len(name)%2]})
		}
		var sources []Source
		seen := map[string]bool{}
		for name := range strings.SplitSeq(names, "\n") {
			if name = FromWire(name); !seen[name] {
				sources = append(sources, Source{Name: name, Delimiter: delimiter, Messages: uint32(len(name) % 3), Level: len(name)%5 == 4})
			}
			seen[name] = true
		}
		table, err := r.Map(context.Background(), sources, prefix, to)
		if err != nil {
			if c := exit.CodeOf(err); c != exit.Usage && c != exit.NoInput {
				t.Fatal(err)
			}
			return
		}
		for _, m := range table.Mappings {
			odd := !utf8.ValidString(prefix+" "+delimiter+" "+below) || strings.ContainsAny(toPrefix+toDelimiter+delimiter, "⟦⟧")
			if _, err := ToWire(m.Target); m.Target != "" && err != nil && !odd {
				t.Errorf("%q goes to %q: %v", m.Source, m.Target, err)
			}
		}
	})
}

// TestMapDeep: names of many levels cost work that grows with their length, not
// with its square, and the end of the context ends the work.
func TestMapDeep(t *testing.T) {
	const levels = 200
	var sources []Source
	for n := range levels {
		sources = append(sources, Source{Name: strings.Repeat("a/", n) + "a", Delimiter: "/"})
	}
	sources = append(sources, Source{Name: "Sent", Delimiter: "/", Attributes: []string{`\Sent`}})
	to := Destination{Namespace: Namespace{Delimiter: "/"}, Folders: []Existing{{Name: "Sent", Attributes: []string{`\Sent`}}}}
	for name, r := range map[string]Rules{"no rules": {}, "entries": {Entries: []Entry{{Source: "a/a", Target: "b"}}}, "automap": {Automap: true}} {
		ctx, cancel := context.WithCancel(t.Context())
		allocations := testing.AllocsPerRun(1, func() {
			if _, err := r.Map(ctx, sources, "", to); err != nil {
				t.Error(err)
			}
		})
		if most := 100.0 * levels; allocations > most {
			t.Errorf("%s: %.0f allocations for %d folders, at most %.0f are needed", name, allocations, levels, most)
		}
		cancel()
		if _, err := r.Map(ctx, sources, "", to); err != context.Canceled {
			t.Errorf("%s: %v after the end of the context", name, err)
		}
	}
}
