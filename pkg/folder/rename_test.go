package folder

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestRename(t *testing.T) {
	for _, c := range []struct {
		rule, name, want string
		constant         bool
	}{
		{"s/a/b/", "aXa", "bXa", false},
		{"s/a/b/g", "aXa", "bXb", false},
		{"s/A/b/gi", "aXa", "bXb", false},
		{"s/x/y/", "abc", "abc", false},
		{"s,/,-,g", "a/b/c", "a-b-c", false},
		{"s#a#b/c#", "a", "b/c", true},
		{`s/a\/b/c\/d/`, "a/b", "c/d", true},
		{`s|a\|b|x|`, "a|b", "x", true}, // the mark stands for itself
		{`s|a\|b|x|`, "a", "a", false},
		{`s/\./_/g`, "a.b", "a_b", false},
		{`s/(.)(.)/$2$1x/`, "ab", "bax", false},
		{`s/(.)(.)/\2\1/`, "ab", "ba", false},
		{`s/(.)(.)/${1}0$2/`, "ab", "a0b", false},
		{`s/(?P<first>.)./${first}/`, "ab", "a", false},
		{`s/.*/<$0>/`, "ab", "<ab>", false},
		{`s/.*/<$&>/`, "ab", "<ab>", false},
		{`s/a/\$1\\\&/`, "a", `$1\&`, true},
		{`s/a/$/`, "a", "$", true},
		{`s/.*/INBOX/`, "a/b", "INBOX", true},
		{`s/.*//`, "a/b", "", false},
		{`s/^a$/x/`, "ab", "ab", false},
		{`s/.*/\U$0/`, "grüße", "GRÜßE", false},
		{`s/(.+)-(.+)/\U$1\E-$2/`, "ab-cd", "AB-cd", false},
		{`s/[^\/]+/\L\u$0/g`, "FOO bar/ÉTÉ", "Foo bar/Été", false},
		{`s/./\l$0/`, "ABC", "aBC", false},
		{`s/(x?)(.)/\u$1$2/`, "ab", "Ab", false}, // the first letter there is
		{`s/é/e/`, "é", "e", true},
		{`s€a€b€`, "a", "b", true},
	} {
		r, err := ParseRename(c.rule)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		if got, constant := r.apply(c.name); got != c.want || constant != c.constant {
			t.Errorf("%s of %q: %q, %v; want %q, %v", c.rule, c.name, got, constant, c.want, c.constant)
		}
	}
	for _, rule := range []string{"", "s", "s/", "s/a", "s/a/", "s/a/b", "y/a/b/", "sxaxbx", "s a b ", `s\a\b\`, "s/a/b/x", "s/(/b/", "s/a/$1/", "s/a/${x}/", `s/a/\2/`, `s/a/\q/`, "s/(?=a)/b/", "s/a/\xff/", "s/a/b/gg/"} {
		if r, err := ParseRename(rule); exit.CodeOf(err) != exit.Usage || exit.HintOf(err) == "" {
			t.Errorf("%q: %+v, %v", rule, r, err)
		}
	}
}

func FuzzRename(f *testing.F) {
	f.Add(`s/(a)|b/\u$1\L$0/g`, "abc")
	f.Add(`s|\||\|$&|i`, "a|b")
	f.Fuzz(func(t *testing.T, rule, name string) {
		r, err := ParseRename(rule)
		if err != nil || len(name) > 100 || len(rule) > 100 {
			return
		}
		r.apply(strings.ToValidUTF8(name, "?"))
	})
}
