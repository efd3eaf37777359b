package e2e

import (
	"fmt"
	"strconv"
	"strings"
)

// standing is a line of the summary.
type standing struct {
	exit, id, phase, sum, trouble string
}

// summary reads what was printed: the accounts, and the total.
func (o *outcome) summary() (lines []standing, total string) {
	o.t.Helper()
	for line := range strings.Lines(o.stdout) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 2 && fields[0] == "total" {
			total = fields[1]
			continue
		}
		if len(fields) != 5 {
			o.t.Fatalf("a line of the summary has %d fields: %q", len(fields), line)
		}
		lines = append(lines, standing{fields[0], fields[1], fields[2], fields[3], fields[4]})
	}
	return lines, total
}

// stands demands the exit codes of the accounts, in the order of the list.
func (o *outcome) stands(codes ...int) *outcome {
	o.t.Helper()
	var want, got []string
	for _, code := range codes {
		want = append(want, strconv.Itoa(code))
	}
	lines, total := o.summary()
	for _, line := range lines {
		got = append(got, line.exit)
	}
	accounts := fmt.Sprintf("%d accounts: ", len(codes))
	if len(codes) == 1 {
		accounts = "1 account: "
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || !strings.HasPrefix(total, accounts) {
		o.t.Errorf("the accounts ended with %v, want %v\n%s%s", got, want, o.stdout, o)
	}
	return o
}

// wantsAccounts is wants, and shows how the accounts stand if they do not.
func (o *outcome) wantsAccounts(code int) *outcome {
	o.t.Helper()
	if o.exit != code {
		o.t.Log(o.stdout)
	}
	return o.wants(code)
}
