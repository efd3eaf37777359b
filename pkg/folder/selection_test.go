package folder

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func patterns(list ...string) (res []*regexp.Regexp) {
	for _, s := range list {
		res = append(res, regexp.MustCompile(s))
	}
	return res
}

// composed and decomposed spell one name in Unicode's two ways.
const (
	composed   = "Caf\u00e9"
	decomposed = "Cafe\u0301"
)

var account = candidates("/", "Inbox", "Inbox/Lists", "MyFolder +", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "R&D", "Entw⟦ü⟧rfe", "Entw⟦ü⟧rfe/x", "Übung",
	"Spam +", "public.x", "a*b", "a%b", "axb", "[Gmail] -", "[Gmail]/All Mail", decomposed, "&AOk-", "é", "shared:Public", "shared:Public/x +", "other:user/ann")

// candidates are folders from a list of names: with " +" behind it a name is
// subscribed, with " -" it holds no messages; a namespace may stand in front.
func candidates(delimiter string, names ...string) (list []Candidate) {
	for _, name := range names {
		c := Candidate{Delimiter: delimiter}
		name, c.Subscribed = strings.CutSuffix(name, " +")
		name, c.Mere = strings.CutSuffix(name, " -")
		for space := Others; space <= Shared; space++ {
			if rest, ok := strings.CutPrefix(name, space.String()+":"); ok {
				name, c.Space = rest, space
			}
		}
		c.Name = name
		list = append(list, c)
	}
	return list
}

// chosen are the names that a selection takes of an account.
func chosen(s Selection, all []Candidate) (names []string) {
	for i, why := range s.Choose(all).Left {
		if why == "" {
			names = append(names, all[i].Name)
		}
	}
	return names
}

func own() (names []string) {
	for _, c := range account {
		if c.Space == Personal {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestSelection(t *testing.T) {
	everything := Spaces(0).With(Personal).With(Others).With(Shared)
	if everything != AllSpaces {
		t.Error(everything)
	}
	for what, c := range map[string]struct {
		s    Selection
		want []string
	}{
		"all of the user's own":   {Selection{}, own()},
		"exact":                   {Selection{Names: []string{"MyFolder"}}, []string{"MyFolder"}},
		"INBOX in any case":       {Selection{Names: []string{"iNBOX"}}, []string{"Inbox"}},
		"INBOX as a level":        {Selection{Names: []string{"inbox/Lists"}}, []string{"Inbox/Lists"}},
		"tree by delimiter":       {Selection{Trees: []string{"MyFolder"}}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b"}},
		"tree with delimiter":     {Selection{Trees: []string{"MyFolder/"}}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b"}},
		"tree of INBOX":           {Selection{Trees: []string{"INBOX"}}, []string{"Inbox", "Inbox/Lists"}},
		"tree of a child":         {Selection{Trees: []string{"MyFolder/a"}}, []string{"MyFolder/a", "MyFolder/a/b"}},
		"tree of nothing":         {Selection{Trees: []string{"/"}}, nil},
		"tree without a root":     {Selection{Trees: []string{"user"}, Spaces: everything}, []string{"user/ann"}},
		"tree of a mere level":    {Selection{Trees: []string{"[Gmail]"}}, []string{"[Gmail]", "[Gmail]/All Mail"}},
		"as a person writes it":   {Selection{Trees: []string{"Entwürfe"}}, []string{"Entw⟦ü⟧rfe", "Entw⟦ü⟧rfe/x"}},
		"modified UTF-7":          {Selection{Names: []string{"&ANw-bung", "R&-D"}}, []string{"R&D", "Übung"}},
		"UTF-8 with &":            {Selection{Names: []string{"R&D"}}, []string{"R&D"}},
		"UTF-8 before UTF-7":      {Selection{Names: []string{"&AOk-"}}, []string{"&AOk-"}},
		"accents composed":        {Selection{Names: []string{composed}}, []string{decomposed}},
		"accents as they are":     {Selection{Names: []string{decomposed}}, []string{decomposed}},
		"composed, in UTF-7":      {Selection{Names: []string{"Caf&AOk-"}}, []string{decomposed}},
		"a star is a star":        {Selection{Names: []string{"a*b"}}, []string{"a*b"}},
		"a star in a tree":        {Selection{Trees: []string{"a*b", "a%b"}}, []string{"a*b", "a%b"}},
		"include, unanchored":     {Selection{Include: patterns("old", "^R")}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "R&D"}},
		"include plain":           {Selection{Include: patterns("^Entwürfe$")}, []string{"Entw⟦ü⟧rfe"}},
		"include composed":        {Selection{Include: patterns("^" + composed + "$")}, []string{decomposed}},
		"include decomposed":      {Selection{Include: patterns("^e\u0301$")}, []string{"é"}},
		"include INBOX":           {Selection{Include: patterns("^INBOX$")}, []string{"Inbox"}},
		"exclude hierarchy":       {Selection{Trees: []string{"MyFolder"}, Names: []string{"public.x", "Spam"}, Exclude: patterns(`^public\.`, `^MyFolder/a`, `(?i)sPam`)}, []string{"MyFolder"}},
		"exclude only INBOX":      {Selection{Trees: []string{"inbox"}, Exclude: patterns("^INBOX$")}, []string{"Inbox/Lists"}},
		"exclude after include":   {Selection{Include: patterns("MyFolder"), Exclude: patterns("/")}, []string{"MyFolder", "MyFolder2"}},
		"exclude after names":     {Selection{Names: []string{"Spam"}, Exclude: patterns("Spam")}, nil},
		"exclude composed":        {Selection{Names: []string{decomposed, "é"}, Exclude: patterns("\u00e9")}, nil},
		"subscribed":              {Selection{Subscribed: true}, []string{"MyFolder", "Spam"}},
		"subscribed and shared":   {Selection{Subscribed: true, Spaces: AllSpaces}, []string{"MyFolder", "Spam", "Public/x"}},
		"union":                   {Selection{Subscribed: true, Names: []string{"R&D"}, Include: patterns("2$")}, []string{"MyFolder", "MyFolder2", "R&D", "Spam"}},
		"none":                    {Selection{Names: []string{"nowhere"}}, nil},
		"shared":                  {Selection{Spaces: Spaces(0).With(Shared)}, []string{"Public", "Public/x"}},
		"other users'":            {Selection{Spaces: Spaces(0).With(Others)}, []string{"user/ann"}},
		"all":                     {Selection{Spaces: AllSpaces, Include: patterns("b|n")}, []string{"Inbox", "Inbox/Lists", "MyFolder/a/b", "public.x", "a*b", "a%b", "axb", "Public", "Public/x", "user/ann", "Übung", "Entw⟦ü⟧rfe", "Entw⟦ü⟧rfe/x"}},
		"a name in another space": {Selection{Names: []string{"Public"}}, nil},
	} {
		got := chosen(c.s, account)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// TestWhyLeft: a preview tells of every folder why it is not taken.
func TestWhyLeft(t *testing.T) {
	all := candidates("/", "INBOX", "Spam", "Sent +", "shared:Public")
	for _, c := range []struct {
		s    Selection
		want []string
	}{
		{Selection{}, []string{"", "", "", "another namespace (--namespace shared)"}},
		{Selection{Exclude: patterns(`(?i)spam`)}, []string{"", "--exclude '(?i)spam'", "", "another namespace (--namespace shared)"}},
		{Selection{Names: []string{"inbox"}}, []string{"", "not asked for", "not asked for", "another namespace (--namespace shared)"}},
		{Selection{Subscribed: true, Spaces: AllSpaces}, []string{"not subscribed", "not subscribed", "", "not subscribed"}},
		{Selection{Subscribed: true, Names: []string{"Spam"}}, []string{"not asked for", "", "", "another namespace (--namespace shared)"}},
	} {
		if got := c.s.Choose(all).Left; !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestOneAmongEqualSpellings: names that differ only in how their accents are
// composed, or in how a server spells them, are told apart.
func TestOneAmongEqualSpellings(t *testing.T) {
	all := candidates("/", composed, decomposed, "Entw⟦ü⟧rfe", "Entwürfe", "na⟦%EF⟧ve", "⟦&a⟧", "⟦a⟧")
	for asked, want := range map[string]string{composed: composed, decomposed: decomposed, "Entwürfe": "Entwürfe", "Entw⟦ü⟧rfe": "Entw⟦ü⟧rfe", "a": ""} {
		got := chosen(Selection{Names: []string{asked}}, all)
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q", asked, got)
		}
	}
	two := candidates("/", "o\u0302\u0323", "o\u0323\u0302") // both are "ộ"
	c := Selection{Names: []string{"\u1ed9"}}.Choose(two)
	if len(c.Missing) != 1 || !strings.Contains(c.Missing[0].Text, "several folders like it") || c.Left[0] == "" || c.Left[1] == "" {
		t.Errorf("%+v", c)
	}
}

func TestSelectionFlatNames(t *testing.T) {
	got := chosen(Selection{Trees: []string{"a"}}, candidates("", "a", "a/b"))
	if !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q: a tree of flat names is its root", got)
	}
}

func TestMissing(t *testing.T) {
	prefixed := candidates(".", "INBOX", "INBOX.Sent", "INBOX.Archive.2019")
	for _, c := range []struct {
		s    Selection
		all  []Candidate
		want []string
	}{
		{Selection{Names: []string{"INBOX", "Nowhere", "&ANw-bung", "Myfolder", "Myfolder"}, Trees: []string{"MyFolder", "MyFold", "Entwürfe/x", "gone/"}}, account,
			[]string{"Nowhere: no such folder", `Myfolder: no such folder; did you mean "MyFolder"?`, `MyFold: no such folder; did you mean "MyFolder"?`, "gone/: no such folder"}},
		{Selection{Names: []string{"Public"}, Trees: []string{"user/ann"}}, account,
			[]string{"Public: no such folder in these namespaces; --namespace shared has it", "user/ann: no such folder in these namespaces; --namespace other has it"}},
		{Selection{Names: []string{"sent", "2019", "Archiv.2019"}}, prefixed,
			[]string{`sent: no such folder; did you mean "INBOX.Sent"?`, `2019: no such folder; did you mean "INBOX.Archive.2019"?`, `Archiv.2019: no such folder; did you mean "INBOX.Archive.2019"?`}},
		{Selection{Trees: []string{"[Gmail]"}}, candidates("/", "[Gmail]/All Mail"), nil},
	} {
		var got []string
		for _, m := range c.s.Choose(c.all).Missing {
			got = append(got, m.Name+": "+m.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func TestIdleOptions(t *testing.T) {
	all := candidates("/", "INBOX", "Spam", "Lists/go-nuts", "[Gmail] -", "[Gmail]/Bin")
	for _, c := range []struct {
		s    Selection
		want []string
	}{
		{Selection{}, nil},
		{Selection{Include: patterns("Spam", "spam$")}, []string{`--include 'spam$' matches no folder; with (?i) in front it matches "Spam"`}},
		{Selection{Exclude: patterns(`^Lists/go\.nuts$`)}, []string{`--exclude '^Lists/go\.nuts$' matches no folder; near is "Lists/go-nuts"`}},
		{Selection{Exclude: patterns(`^x+y$`)}, []string{`--exclude '^x+y$' matches no folder`}},
		{Selection{Subscribed: true}, []string{"--subscribed: no folder is subscribed"}},
		{Selection{Spaces: Spaces(0).With(Shared).With(Others)}, []string{"--namespace other: the server lists no such folder", "--namespace shared: the server lists no such folder"}},
		{Selection{Spaces: AllSpaces}, nil},
		{Selection{Names: []string{"[Gmail]"}}, []string{`--folder "[Gmail]" holds no messages itself; --folder-rec takes what is below it`}},
		{Selection{Names: []string{"[Gmail]"}, Trees: []string{"[Gmail]"}}, nil},
	} {
		if got := c.s.Choose(all).Idle; !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestManyNames: a list of thousands of names is found, and hints do not take
// for ever.
func TestManyNames(t *testing.T) {
	var names []string
	s := Selection{}
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("Folder/%d", i))
		s.Names = append(s.Names, fmt.Sprintf("Folder/%d", i), fmt.Sprintf("nowhere at all %d", i))
	}
	c := s.Choose(candidates("/", names...))
	if len(c.Missing) != 20_000 || slices.ContainsFunc(c.Left, func(why string) bool { return why != "" }) {
		t.Errorf("%d missing", len(c.Missing))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"INBOX", "Sent Items", "Archive/2019", "Archive/2020", "Entw⟦ü⟧rfe", strings.Repeat("n", 300)}
	for asked, want := range map[string]string{
		"sent items": "Sent Items", "Sent Item": "Sent Items", "2020": "Archive/2020", "Archiv/2019": "Archive/2019", "Entwurfe": "Entw⟦ü⟧rfe",
		"Trash": "", "": "", "Inbix": "INBOX", strings.Repeat("n", 299): "",
	} {
		if got := Nearest(asked, names, "/"); got != want {
			t.Errorf("%q: %q, want %q", asked, got, want)
		}
	}
}
