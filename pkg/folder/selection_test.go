package folder

import (
	"regexp"
	"slices"
	"testing"
)

func patterns(list ...string) (res []*regexp.Regexp) {
	for _, s := range list {
		res = append(res, regexp.MustCompile(s))
	}
	return res
}

var account = []string{"Inbox", "Inbox/Lists", "MyFolder", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "R&D", "Entw⟦ü⟧rfe", "Entw⟦ü⟧rfe/x", "Übung", "Spam", "public.x", "a*b"}

func TestSelection(t *testing.T) {
	subscribed := []string{"Spam", "MyFolder"}
	for what, c := range map[string]struct {
		s    Selection
		want []string
	}{
		"all":                   {Selection{}, account},
		"exact":                 {Selection{Names: []string{"MyFolder"}}, []string{"MyFolder"}},
		"INBOX in any case":     {Selection{Names: []string{"INBOX"}}, []string{"Inbox"}},
		"tree by delimiter":     {Selection{Trees: []string{"MyFolder"}}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b"}},
		"tree with delimiter":   {Selection{Trees: []string{"MyFolder/"}}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b"}},
		"tree of INBOX":         {Selection{Trees: []string{"INBOX"}}, []string{"Inbox", "Inbox/Lists"}},
		"tree of a child":       {Selection{Trees: []string{"MyFolder/a"}}, []string{"MyFolder/a", "MyFolder/a/b"}},
		"tree of nothing":       {Selection{Trees: []string{"/"}}, nil},
		"as a person writes it": {Selection{Trees: []string{"Entwürfe"}}, []string{"Entw⟦ü⟧rfe", "Entw⟦ü⟧rfe/x"}},
		"modified UTF-7":        {Selection{Names: []string{"&ANw-bung", "R&-D"}}, []string{"R&D", "Übung"}},
		"UTF-8 with &":          {Selection{Names: []string{"R&D"}}, []string{"R&D"}},
		"a star is a star":      {Selection{Names: []string{"a*b"}}, []string{"a*b"}},
		"include, unanchored":   {Selection{Include: patterns("old", "^R")}, []string{"MyFolder", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "R&D"}},
		"include plain":         {Selection{Include: patterns("^Entwürfe$")}, []string{"Entw⟦ü⟧rfe"}},
		"include INBOX":         {Selection{Include: patterns("^INBOX$")}, []string{"Inbox"}},
		"exclude hierarchy":     {Selection{Exclude: patterns(`^public\.`, `^MyFolder`, `(?i)spam`, "Ü", "ü", `\*`)}, []string{"Inbox", "Inbox/Lists", "R&D"}},
		"exclude only INBOX":    {Selection{Trees: []string{"inbox"}, Exclude: patterns("^INBOX$")}, []string{"Inbox/Lists"}},
		"exclude after include": {Selection{Include: patterns("MyFolder"), Exclude: patterns("/")}, []string{"MyFolder", "MyFolder2"}},
		"exclude after names":   {Selection{Names: []string{"Spam"}, Exclude: patterns("Spam")}, nil},
		"subscribed":            {Selection{Subscribed: true}, []string{"MyFolder", "Spam"}},
		"union":                 {Selection{Subscribed: true, Names: []string{"R&D"}, Include: patterns("2$")}, []string{"MyFolder", "MyFolder2", "R&D", "Spam"}},
		"none":                  {Selection{Names: []string{"nowhere"}}, nil},
	} {
		var got []string
		for _, name := range account {
			if c.s.Match(name, "/", slices.Contains(subscribed, name)) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

func TestSelectionFlatNames(t *testing.T) {
	s := Selection{Trees: []string{"a"}}
	if !s.Match("a", "", false) || s.Match("a/b", "", false) {
		t.Error("a tree of flat names is its root")
	}
}

func TestSelectionIsEmpty(t *testing.T) {
	if !(Selection{}).IsEmpty() {
		t.Error("the zero value chooses something")
	}
	for _, s := range []Selection{{Names: []string{"a"}}, {Trees: []string{"a"}}, {Include: patterns("a")}, {Exclude: patterns("a")}, {Subscribed: true}} {
		if s.IsEmpty() {
			t.Errorf("%+v is empty", s)
		}
	}
}

func TestUnmatched(t *testing.T) {
	s := Selection{Names: []string{"INBOX", "Nowhere", "&ANw-bung", "Myfolder"}, Trees: []string{"MyFolder", "MyFold", "Entwürfe/x", "gone"}}
	want := []string{"Nowhere", "Myfolder", "MyFold", "gone"}
	if got := s.Unmatched(account, "/"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	childOnly := Selection{Trees: []string{"[Gmail]"}}
	if got := childOnly.Unmatched([]string{"[Gmail]/All Mail"}, "/"); got != nil {
		t.Errorf("%q: the tree is there", got)
	}
}
