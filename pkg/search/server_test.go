package search

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestServer(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	day, _ := ParseDate("2020-06-15")
	long := "SUBJECT " + strings.Repeat("x", 9000)
	skip, _ := Skip("x")
	many := strings.Repeat("1,", 1) + uidsApart(2000)
	set, err := ParseUIDSet(many)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) Criteria {
		c, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, test := range []struct {
		criteria         Criteria
		program, residue string
	}{
		{Criteria{}, "", "ALL"},
		{parse("SEEN UNKEYWORD x UID 1:5 FROM joe"), `SEEN UNKEYWORD x UID 1:5 FROM "joe"`, "ALL"},
		// Servers get the one day wrong: it is a range.
		{parse("SENTON 15-Jun-2020"), "SENTSINCE 15-Jun-2020 SENTBEFORE 16-Jun-2020", "ALL"},
		{parse("NOT SENTON 31-Dec-2020"), "NOT (SENTSINCE 31-Dec-2020 SENTBEFORE 1-Jan-2021)", "ALL"},
		{parse("OR SEEN SENTON 31-Dec-2020"), "OR SEEN (SENTSINCE 31-Dec-2020 SENTBEFORE 1-Jan-2021)", "ALL"},
		{parse("SENTON 31-Dec-9999"), "SENTSINCE 31-Dec-9999", "ALL"},
		// The day of arrival is a matter of zone.
		{parse("ON 15-Jun-2020"), "SINCE 13-Jun-2020 BEFORE 18-Jun-2020", "ON 15-Jun-2020"},
		{Since(day).And(Before(day)), "SINCE 13-Jun-2020 BEFORE 17-Jun-2020", "SINCE 15-Jun-2020 BEFORE 15-Jun-2020"},
		{parse("NOT SINCE 15-Jun-2020 SEEN"), "SEEN", "NOT SINCE 15-Jun-2020"},
		{parse("SINCE 1-Jan-1960"), "", "SINCE 1-Jan-1960"},
		{parse("BEFORE 1-Jan-1960"), "BEFORE 3-Jan-1970", "BEFORE 1-Jan-1960"},
		{parse("BEFORE 1-Jan-2040"), "", "BEFORE 1-Jan-2040"},
		{parse("SINCE 1-Jan-2040"), "SINCE 17-Jan-2038", "SINCE 1-Jan-2040"},
		{MaxAge(36*time.Hour, now), "SINCE 7-Mar-2026", "YOUNGER 129600"},
		{MinAge(36*time.Hour, now), "BEFORE 11-Mar-2026", "OLDER 129600"},
		// A size of 0 is none.
		{parse("LARGER 1000"), "OR LARGER 1000 SMALLER 1", "LARGER 1000"},
		{parse("SMALLER 1000"), "SMALLER 1000", "SMALLER 1000"},
		{parse("LARGER 5000000000"), "OR LARGER 2147483647 SMALLER 1", "LARGER 5000000000"},
		{parse("SMALLER 5000000000"), "", "SMALLER 5000000000"},
		{parse("NOT LARGER 1000"), "", "NOT LARGER 1000"},
		{parse("OR SEEN LARGER 1000"), "OR SEEN OR LARGER 1000 SMALLER 1", "OR SEEN LARGER 1000"},
		{parse("OR SEEN NOT LARGER 1000"), "", "OR SEEN NOT LARGER 1000"},
		{parse("NOT ALL"), "NOT ALL", "ALL"},
		{skip, "", `NOT RAW "x"`},
		{parse("SEEN").And(skip), "SEEN", `NOT RAW "x"`},
		// What makes the command too long is left to us.
		{parse(long), "", long[:8] + `"` + long[8:] + `"`},
		{UID(set), "UID 1:" + many[strings.LastIndex(many, ",")+1:], "UID " + set.String()},
	} {
		program, residue := test.criteria.Server()
		if program.String() != test.program || residue.String() != test.residue {
			t.Errorf("%.60s: %s and %.60s, want %s and %.60s", test.criteria, program, residue, test.program, test.residue)
		}
	}
}

// uidsApart is a set of n UIDs of which no two touch.
func uidsApart(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprint(3+2*i))
	}
	return strings.Join(parts, ",")
}

func TestProgramPieces(t *testing.T) {
	c, err := Parse(`SEEN SUBJECT "Grüße" FROM "a\"b\\c" BODY "tab	in it" SINCE 1-Jan-2020`)
	if err != nil {
		t.Fatal(err)
	}
	program, _ := c.Server()
	want := Program{{Text: "CHARSET UTF-8 "}, {Text: "SEEN SUBJECT "}, {Text: "Grüße", Literal: true}, {Text: ` FROM "a\"b\\c" BODY `}, {Text: "tab\tin it", Literal: true}, {Text: " SINCE 30-Dec-2019"}}
	if fmt.Sprint(program) != fmt.Sprint(want) || fmt.Sprintf("%#v", program) != fmt.Sprintf("%#v", want) {
		t.Errorf("%#v\nwant %#v", program, want)
	}
	if shown := program.String(); shown != `CHARSET UTF-8 SEEN SUBJECT "Grüße" FROM "a\"b\\c" BODY "tab\tin it" SINCE 30-Dec-2019` {
		t.Error(shown)
	}
	program, residue := c.ServerASCII()
	if program.String() != `SEEN FROM "a\"b\\c" BODY "tab\tin it" SINCE 30-Dec-2019` || residue.String() != `SUBJECT "Grüße" SINCE 1-Jan-2020` {
		t.Errorf("%s and %s", program, residue)
	}
	if _, residue := must(t, "NOT BODY é OR SEEN TEXT ü").ServerASCII(); residue.String() != `NOT BODY "é" OR SEEN TEXT "ü"` {
		t.Errorf("%s", residue)
	}
	// A long word is a literal.
	program, _ = must(t, "SUBJECT "+strings.Repeat("x", 1001)).Server()
	if len(program) != 2 || !program[1].Literal || strings.Contains(program[0].Text, "CHARSET") {
		t.Errorf("%.100s", program)
	}
}

func must(t testing.TB, text string) Criteria {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world makes messages and criteria that are about the same few words, dates
// and sizes, so that they meet.
type world struct {
	*rand.Rand
	now time.Time
}

var (
	worldWords = []string{"budget", "Ann", "joe@example.org", "grüße", "É", "two words", "", "x"}
	worldFlags = []string{`\Seen`, `\Flagged`, `$Label`, `\Draft`}
	worldZones = []int{0, 14 * 3600, -12 * 3600, 5*3600 + 1800, -3600}
)

func (w *world) pick(list []string) string { return list[w.IntN(len(list))] }

func (w *world) instant() time.Time {
	zone := time.FixedZone("", worldZones[w.IntN(len(worldZones))])
	return w.now.Add(-time.Duration(w.IntN(10*24*3600)) * time.Second).In(zone)
}

func (w *world) date() string {
	return w.now.AddDate(0, 0, 2-w.IntN(14)).Format([]string{"2-Jan-2006", "2006-01-02"}[w.IntN(2)])
}

func (w *world) criteria(depth int) string {
	word := func() string { return `"` + w.pick(worldWords) + `"` }
	if depth > 0 && w.IntN(2) == 0 {
		switch w.IntN(3) {
		case 0:
			return "NOT " + w.criteria(depth-1)
		case 1:
			return "OR " + w.criteria(depth-1) + " " + w.criteria(depth-1)
		}
		return "(" + w.criteria(depth-1) + " " + w.criteria(depth-1) + ")"
	}
	switch w.IntN(9) {
	case 0:
		return w.pick([]string{"SEEN", "UNSEEN", "FLAGGED", "UNDRAFT", "KEYWORD $label", "UNKEYWORD $Label", "ALL"})
	case 1:
		return w.pick([]string{"SINCE ", "BEFORE ", "ON "}) + w.date()
	case 2:
		return "SENT" + w.pick([]string{"SINCE ", "BEFORE ", "ON "}) + w.date()
	case 3, 4:
		return w.pick([]string{"LARGER ", "SMALLER "}) + fmt.Sprint(w.IntN(400))
	case 5:
		return "UID " + w.pick([]string{"1:3", "4:*", "*", "2,4", "9:*", "1:4294967295"})
	case 6:
		return w.pick([]string{"FROM ", "TO ", "SUBJECT ", "HEADER x-nope ", "HEADER Subject "}) + word()
	}
	return w.pick([]string{"TEXT ", "BODY "}) + word()
}

// message makes one message, as we see it and as a server does.
func (w *world) message(t *testing.T, uid, largest uint64, zone *time.Location) (Message, *naiveServer) {
	n := &naiveServer{t: t, zone: zone, uid: uid, largest: largest, arrived: w.instant()}
	if w.IntN(10) == 0 {
		n.arrived = time.Time{}
	}
	for _, flag := range worldFlags {
		if w.IntN(3) == 0 {
			n.flags = append(n.flags, flag)
		}
	}
	date := w.instant().Format(time.RFC1123Z)
	if w.IntN(6) == 0 {
		date = "never"
	}
	for _, field := range [][2]string{{"From", w.pick(worldWords)}, {"Subject", w.pick(worldWords) + " and " + w.pick(worldWords)}, {"Date", date}} {
		if w.IntN(6) > 0 {
			n.fields = append(n.fields, [2]string{field[0], strings.TrimSpace(field[1])})
		}
	}
	n.body = strings.Repeat("some text\r\n", w.IntN(20)) + w.pick(worldWords) + "\r\n"
	octets := ""
	for _, field := range n.fields {
		octets += field[0] + ": " + field[1] + "\r\n"
	}
	octets += "\r\n" + n.body
	if n.size = len(octets); w.IntN(4) == 0 {
		n.size = 0
	}
	return Message{UID: uid, LargestUID: largest, Flags: n.flags, InternalDate: n.arrived, Size: int64(n.size), Octets: strings.NewReader(octets)}, n
}

// checkDivision makes sure that a server and we together choose what we would
// choose alone, and that the needs are all that is needed.
func checkDivision(t *testing.T, c Criteria, w *world) {
	t.Helper()
	zone := time.FixedZone("", worldZones[w.IntN(len(worldZones))])
	const messages = 6
	for uid := range uint64(messages) {
		m, server := w.message(t, uid+1, messages, zone)
		want, err := c.Match(m)
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if got, err := c.Match(onlyNeeded(c, m)); err != nil || got != want {
			t.Errorf("%s: with what is needed %v, with all %v: %v", c, got, want, err)
		}
		for _, divide := range []func() (Program, Criteria){c.Server, c.ServerASCII} {
			program, residue := divide()
			found := server.finds(program)
			left, err := residue.Match(onlyNeeded(residue, m))
			if err != nil {
				t.Fatalf("%s: %v", residue, err)
			}
			if want && !found {
				t.Errorf("%s chooses %+v, and the server does not find it by %s", c, server, program)
			} else if (found && left) != want {
				t.Errorf("%s: %v alone, with %s %v, with %s %v: %+v", c, want, program, found, residue, left, server)
			}
		}
	}
}

// onlyNeeded takes from a message what the criteria do not need.
func onlyNeeded(c Criteria, m Message) Message {
	needs := c.Needs()
	if !needs.Flags {
		m.Flags = []string{`\Seen`, `\Flagged`, `$Label`, `\Draft`}
	}
	if !needs.InternalDate {
		m.InternalDate = time.Time{}
	}
	if !needs.Octets() && !(needs.Size && m.Size <= 0) {
		m.Octets = nil
	}
	if !needs.Size {
		m.Size = -1
	}
	return m
}

func FuzzServer(f *testing.F) {
	for seed := range uint64(300) {
		f.Add("", seed)
	}
	f.Add("OR NOT LARGER 100 (SINCE 8-Mar-2026 SUBJECT budget)", uint64(1))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		w := &world{rand.New(rand.NewPCG(seed, 1)), time.Date(2026, 3, 10, 15, 4, 5, 0, time.UTC)}
		c, err := Parse(text)
		if err != nil || strings.ContainsAny(text, "=%\t\\") || strings.Contains(strings.ToUpper(text), "HEADER") {
			if c, err = Parse(w.criteria(3) + " " + w.criteria(2)); err != nil {
				t.Fatal(err)
			}
		}
		switch w.IntN(3) {
		case 0:
			c = c.And(MaxAge(time.Duration(w.IntN(240))*time.Hour, w.now))
		case 1:
			c = c.And(MinAge(time.Duration(w.IntN(240))*time.Hour, w.now))
		}
		checkDivision(t, c, w)
	})
}
