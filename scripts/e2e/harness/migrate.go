package harness

import (
	"fmt"
	"strconv"
	"strings"
)

// AccountLine is a line of the summary.
type AccountLine struct {
	Exit, Id, Phase, Sum, Trouble string
}

// Summary reads what was printed: the accounts, and the total.
func (o *Outcome) Summary() (lines []AccountLine, total string) {
	o.T.Helper()
	for line := range strings.Lines(o.Stdout) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 2 && fields[0] == "total" {
			total = fields[1]
			continue
		}
		if len(fields) != 5 {
			o.T.Fatalf("a line of the summary has %d fields: %q", len(fields), line)
		}
		lines = append(lines, AccountLine{fields[0], fields[1], fields[2], fields[3], fields[4]})
	}
	return lines, total
}

// Stands demands the exit codes of the accounts, in the order of the list.
func (o *Outcome) Stands(codes ...int) *Outcome {
	o.T.Helper()
	var want, got []string
	for _, code := range codes {
		want = append(want, strconv.Itoa(code))
	}
	lines, total := o.Summary()
	for _, line := range lines {
		got = append(got, line.Exit)
	}
	accounts := fmt.Sprintf("%d accounts: ", len(codes))
	if len(codes) == 1 {
		accounts = "1 account: "
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || !strings.HasPrefix(total, accounts) {
		o.T.Errorf("the accounts ended with %v, want %v\n%s%s", got, want, o.Stdout, o)
	}
	return o
}

// WantsAccounts is wants, and shows how the accounts stand if they do not.
func (o *Outcome) WantsAccounts(code int) *Outcome {
	o.T.Helper()
	if o.Exit != code {
		o.T.Log(o.Stdout)
	}
	return o.Wants(code)
}
