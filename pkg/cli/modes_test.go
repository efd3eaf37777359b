package cli

import (
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestCombinations: options that mean nothing together are refused in one wording.
func TestCombinations(t *testing.T) {
	c := Command{
		Operands: []string{"A", "B"},
		Modes: []Mode{
			{Option: "delete", Takes: []string{"level"}, Operands: 1},
			{Option: "report", Takes: []string{"equal", "format"}, Operands: 2},
			{Takes: []string{"level", "format"}, Operands: 2},
		},
		Conflicts: map[string][]string{"quick": {"slow"}},
		Requires:  map[string][]string{"depth": {"tree", "forest"}},
	}
	for _, name := range strings.Fields("delete report level equal format quick slow depth tree forest") {
		c.Flags = append(c.Flags, &ucli.BoolFlag{Name: name})
	}
	c.checkTables()
	for _, test := range []struct {
		given    string // those in capitals are switched off
		operands int
		want     string
	}{
		{"", 2, ""},
		{"level format", 2, ""},
		{"report equal format", 2, ""},
		{"delete level", 1, ""},
		{"delete level", 2, "B cannot be combined with --delete"},
		{"equal", 0, "--equal requires --report"},
		{"equal REPORT", 0, "--equal requires --report"},
		{"EQUAL", 0, ""},
		{"delete equal", 0, "--equal cannot be combined with --delete"},
		{"report delete", 0, "--report cannot be combined with --delete"},
		{"report DELETE", 0, ""},
		{"quick slow", 0, "--slow cannot be combined with --quick"},
		{"quick report", 0, ""},
		{"depth", 0, "--depth requires --tree or --forest"},
		{"depth forest", 0, ""},
	} {
		st := &state{command: c, set: map[string]bool{}, off: map[string]bool{}}
		for _, word := range strings.Fields(test.given) {
			name := strings.ToLower(word)
			st.set[name], st.off[name] = true, name != word
		}
		err, text := st.checkCombination(test.operands), ""
		if err != nil {
			text = err.Error()
		}
		if text != test.want || err != nil && exit.CodeOf(err) != exit.Usage {
			t.Errorf("%q, %d operands: %q, want %q", test.given, test.operands, text, test.want)
		}
	}
}
