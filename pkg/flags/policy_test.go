package flags

import (
	"strings"
	"testing"
)

func words(s string) []string { return strings.Fields(s) }

func TestApply(t *testing.T) {
	for name, test := range map[string]struct {
		rename, keep, drop string
		in, set, left      string
	}{
		"nothing said":         {"", "", "", `\Seen Work $MDNSent`, `\Seen Work $MDNSent`, ""},
		"recent":               {"", "", "", `\Recent \Seen`, `\Seen`, ""},
		"spelt twice":          {"", "", "", `$MDNSent $MdnSent`, `$MDNSent`, ""},
		"renamed":              {"IMPORTANT=CANWAIT", "", "", `Important \Seen`, `CANWAIT \Seen`, ""},
		"only the whole flag":  {"IMPORTANT=CANWAIT", "", "", `IMPORTANT2`, `IMPORTANT2`, ""},
		"no chain":             {"a=b b=c", "", "", "a b", "b c", ""},
		"into one":             {"a=b", "", "", "a b", "b", ""},
		"to a system flag":     {`$Important=\Flagged`, "", "", "$important", `\Flagged`, ""},
		"a dollar":             {`$label1=Label1`, "", "", "$Label1", `Label1`, ""},
		"kept":                 {"", `\seen \Answered`, "", `\Seen Work`, `\Seen`, "Work"},
		"dropped":              {"", "", `nonjunk \Deleted`, `NonJunk \Deleted \Seen`, `\Seen`, `NonJunk \Deleted`},
		"by the new name":      {"a=b", "b", "", "a", "b", ""},
		"kept and dropped":     {"", "a b", "b", "a b c", "a", "b c"},
		"renamed into dropped": {"a=b", "", "b", "a", "", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPolicy(words(test.rename), nilIfNone(words(test.keep)), words(test.drop))
			if err != nil {
				t.Fatal(err)
			}
			set, left := p.Apply(words(test.in))
			if got := strings.Join(set, " "); got != test.set {
				t.Errorf("set %q, want %q", got, test.set)
			}
			if got := strings.Join(left, " "); got != test.left {
				t.Errorf("left %q, want %q", got, test.left)
			}
		})
	}
}

func nilIfNone(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func TestBadPolicy(t *testing.T) {
	for _, test := range []struct{ rename, keep, drop []string }{
		{rename: []string{"a"}},
		{rename: []string{"=b"}},
		{rename: []string{"a="}},
		{rename: []string{`a=\label1`}},
		{rename: []string{"a=b", "A=c"}},
		{rename: []string{`\Recent=a`}},
		{keep: []string{`\Sean`}},
		{keep: []string{""}},
		{drop: []string{"a b"}},
		{drop: []string{"grün"}},
		{drop: []string{`\*`}},
	} {
		if _, err := NewPolicy(test.rename, test.keep, test.drop); err == nil {
			t.Errorf("%q is taken", test)
		}
	}
}

func TestWithout(t *testing.T) {
	if got := Without(words(`\Seen $MDNSent Work`), words(`$mdnsent \SEEN`)); strings.Join(got, " ") != "Work" {
		t.Errorf("%q", got)
	}
}
