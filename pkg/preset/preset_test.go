package preset

import (
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestTable: the table can be read, and each preset has something to say.
func TestTable(t *testing.T) {
	if len(All()) < 10 {
		t.Fatalf("%d presets", len(All()))
	}
	for _, p := range All() {
		says := 0
		for _, command := range Commands {
			says += len(p.Values(command)) + len(p.Advice(command))
		}
		if p.About == "" || says == 0 {
			t.Errorf("%s says nothing", p.Names[0])
		}
		for _, name := range p.Names {
			if found, err := Find(strings.ToUpper(name) + " "); err != nil || found.Names[0] != p.Names[0] {
				t.Errorf("%s is %v, %v", name, found, err)
			}
		}
		if !strings.Contains(Text(), p.Names[0]) || !strings.Contains(Text(), p.About) {
			t.Errorf("the text lacks %s", p.Names[0])
		}
	}
}

func TestFind(t *testing.T) {
	for asked, near := range map[string]string{"gmial": "gmail", "GMail1": "gmail", "offce365": "office365", "exchang": "exchange", "": "", "dovecot-on-the-moon": ""} {
		_, err := Find(asked)
		hint := exit.HintOf(err)
		if exit.CodeOf(err) != exit.Usage || !strings.Contains(hint, "zimbra") || strings.HasPrefix(hint, "did you mean "+near+"?") != (near != "") {
			t.Errorf("%s: %v; %s", asked, err, hint)
		}
	}
}

func TestParse(t *testing.T) {
	list, err := parse("# a table\n\npreset one uno\n about  The One\nall  prefix\nfetch,push rate 4/s after 1GB\r\ndiff automap\ndiff rename s/ +$//\nfetch advice go easy\npush advice go easy\n\npreset two\nabout Two")
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	one := list[0]
	if !slices.Equal(one.Names, []string{"one", "uno"}) || one.About != "The One" || list[1].About != "Two" {
		t.Errorf("%+v", list)
	}
	for command, want := range map[string]string{
		"imap-list":  "--prefix ''",
		"imap-fetch": "--prefix '' --rate '4/s after 1GB'",
		"imap-diff":  "--prefix '' --automap --rename 's/ +$//'",
		"imap-push":  "--prefix '' --rate '4/s after 1GB'",
		"imap-other": "",
	} {
		if got := Options(one.Values(command)); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	if a := one.Advice("imap-fetch"); !slices.Equal(a, []string{"go easy"}) || one.Advice("imap-list") != nil {
		t.Errorf("advice %q", a)
	}
	var b strings.Builder
	one.write(&b)
	if strings.Count(b.String(), "go easy") != 1 {
		t.Errorf("one advice twice:\n%s", b.String())
	}
	for table, want := range map[string]string{
		"about nothing":                  "presets.txt:1: about stands before",
		"preset":                         "without a name",
		"preset A":                       "lower case",
		"preset a a":                     "twice",
		"preset a\npreset b a":           "presets.txt:2: the name a is another",
		"preset a\nfetch":                "fetch has no option",
		"preset a\nfetch,pull rate 4/s":  "pull is no command",
		"preset a\n# two\nimap-fetch  x": "presets.txt:3: imap-fetch is no command",
	} {
		if _, err := parse(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", table, err, want)
		}
	}
}
