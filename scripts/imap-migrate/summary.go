package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// standing is how an account stands after its phases.
type standing struct {
	result
	phase string // the last that was begun, or ""
}

// standing returns how an account stands. A phase that copies mail looks at all of it: its code replaces
// those of earlier phases. The code of verify is added. A phase that should have been run and was not counts
// as 75; with summaryOnly, and where nobody chose phases, those that have been run are all that count.
func (m *migration) standing(a *account, summaryOnly bool) standing {
	results := m.worker(a).results
	s := standing{}
	for _, phase := range m.phases {
		ended, ok := results.read(phase)
		switch {
		case ok:
			s.phase = phase
		case summaryOnly && !m.asked && s.phase != "":
			return s
		default:
			ended = result{code: exit.Temporary, trouble: "it was not begun: run it again with --resume"}
		}
		if phase != verify {
			s.code = exit.OK
		}
		s.code = exit.Worse(s.code, ended.code)
		s.trouble = ended.trouble
		if ended.sum != "" {
			s.sum = ended.sum
		}
		if !ended.proceeds() {
			return s
		}
	}
	return s
}

// total adds up how accounts stand.
type total struct {
	accounts int
	ended    map[exit.Code]int64
	worst    exit.Code
	kinds    []string // of what the sums count, in their order
	count    map[string]int64
}

var sumTerms = regexp.MustCompile(`[0-9,]+ listed = [^()]*`)

func (t *total) add(s standing) {
	t.accounts++
	t.ended[s.code]++
	t.worst = exit.Worse(t.worst, s.code)
	for term := range strings.FieldsFuncSeq(sumTerms.FindString(s.sum), isOperator) {
		number, kind, _ := strings.Cut(strings.TrimSpace(term), " ")
		n, err := strconv.ParseInt(strings.ReplaceAll(number, ",", ""), 10, 64)
		if err != nil {
			continue
		}
		if _, known := t.count[kind]; !known {
			t.kinds = append(t.kinds, kind)
		}
		t.count[kind] += n
	}
}

func isOperator(r rune) bool { return r == '=' || r == '+' }

func (t *total) String() string {
	var ended []string
	for _, code := range slices.Sorted(maps.Keys(t.ended)) {
		ended = append(ended, fmt.Sprintf("%s ended with %d", text.Thousands(t.ended[code]), code))
	}
	line := text.Count(t.accounts, "account")
	if len(ended) > 0 {
		line += ": " + strings.Join(ended, ", ")
	}
	for i, kind := range t.kinds {
		line += []string{"; ", " = ", " + "}[min(i, 2)] + text.Thousands(t.count[kind]) + " " + kind
	}
	return line
}

// summarize prints a line for each account and one for all. It returns the worst exit code.
func (m *migration) summarize(out io.Writer, accounts []*account, summaryOnly bool) (exit.Code, error) {
	w := bufio.NewWriter(out)
	total := total{ended: map[exit.Code]int64{}, count: map[string]int64{}}
	for _, a := range accounts {
		s := m.standing(a, summaryOnly)
		if a.failure != nil {
			s.code, s.trouble = exit.CodeOf(a.failure), text.Safe(a.failure.Error())
		}
		total.add(s)
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", s.code, a.id, orDash(s.phase), orDash(s.sum), orDash(s.trouble))
	}
	fmt.Fprintf(w, "total\t%s\n", &total)
	return total.worst, w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
