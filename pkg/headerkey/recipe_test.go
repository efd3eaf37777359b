package headerkey

import (
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func recipe(t testing.TB, s string) Recipe {
	t.Helper()
	r, err := ParseRecipe(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseRecipe(t *testing.T) {
	for s, want := range map[string]string{
		Default:                        "message-id,date",
		"Message-ID,Date":              "message-id,date",
		" Message-ID ,\tDate":          "message-id,date",
		"date,message-id":              "date,message-id",
		"Received":                     "received",
		"a,b,A":                        "a,b",
		"X-Gmail-Received,Message-Id":  "x-gmail-received,message-id",
		"Message-ID-Local,Date":        "message-id-local,date",
		"message-id-local,message-id":  "message-id-local,message-id",
		"ALL":                          "ALL",
		"all":                          "ALL",
		"ALL,-X-*":                     "ALL,-x-*",
		"ALL,-X-*,-Date,-content-type": "ALL,-content-type,-date,-x-*",
		"ALL, -x-*, -X-*":              "ALL,-x-*",
		"ALL,-*":                       "ALL,-*",
	} {
		r := recipe(t, s)
		if got := r.String(); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
		if again := recipe(t, r.String()); again.String() != want {
			t.Errorf("%q read again is %q", want, again)
		}
		if fields := r.Fields(); strings.HasPrefix(want, "ALL") != (fields == nil) {
			t.Errorf("%q: fields %q", s, fields)
		} else if fields != nil && !strings.Contains(want, LocalID) && !slices.Equal(fields, strings.Split(want, ",")) {
			t.Errorf("%q: fields %q", s, fields)
		}
	}
}

func TestFieldsOfWords(t *testing.T) {
	if got := recipe(t, "message-id-local,date,message-id").Fields(); !slices.Equal(got, []string{"message-id", "date"}) {
		t.Errorf("%q", got)
	}
}

func TestParseRecipeRefuses(t *testing.T) {
	for _, s := range []string{"", ",", "a,", ",a", "a b", "a:", "a\nb", "é", "a,ALL", "a,-x-*", "-x-*", "x-*", "ALL,a", "ALL,-", "ALL,", "ALL,-a b", "a,\x00", strings.Repeat("a,", 32) + "b"} {
		if r, err := ParseRecipe(s); err == nil {
			t.Errorf("%q is %q, no error", s, r)
		} else if exit.CodeOf(err) != exit.Usage || exit.HintOf(err) == "" {
			t.Errorf("%q: code %d, hint %q", s, exit.CodeOf(err), exit.HintOf(err))
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"x-*", "x-foo", true}, {"x-*", "x-", true}, {"x-*", "x", false}, {"x-*", "ax-b", false},
		{"*", "a", true}, {"*", "", true}, {"", "", true}, {"", "a", false},
		{"*-id", "message-id", true}, {"*-id", "message-idx", false},
		{"a*b*c", "abc", true}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "acb", false},
		{"**a**", "xax", true}, {"date", "date", true}, {"date", "dates", false},
		{"*a*a*a*a*a*b", strings.Repeat("a", 900), false},
	} {
		if got := matches(c.pattern, []byte(c.name)); got != c.want {
			t.Errorf("matches(%q, %.20q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		recipe, name string
		want         bool
	}{{Default, "Message-Id", true}, {Default, "X-Folder", false}, {"ALL", "X-Folder", true}, {"ALL,-X-*", "X-Folder", false}, {"ALL,-X-*", "Date", true}} {
		r, err := ParseRecipe(c.recipe)
		if err != nil || r.Counts(c.name) != c.want {
			t.Errorf("%s in %s: %v", c.name, c.recipe, err)
		}
	}
}
