package search

import (
	"errors"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"ALL": "ALL", "all all": "ALL", "(ALL)": "ALL", "ALL SEEN": "SEEN", "NOT ALL": "NOT ALL",
		"seen UnSeen Answered unanswered deleted undeleted draft undraft flagged unflagged": "SEEN UNSEEN ANSWERED UNANSWERED DELETED UNDELETED DRAFT UNDRAFT FLAGGED UNFLAGGED",
		" \t SEEN \r\n FLAGGED ":                      "SEEN FLAGGED",
		"KEYWORD $Forwarded UNKEYWORD NonJunk":        "KEYWORD $Forwarded UNKEYWORD NonJunk",
		"FROM joe TO \"ann\" CC a@b BCC x":            `FROM "joe" TO "ann" CC "a@b" BCC "x"`,
		`subject "a \"quoted\" back\\slash"`:          `SUBJECT "a \"quoted\" back\\slash"`,
		`SUBJECT "(not) {a} key* %"`:                  `SUBJECT "(not) {a} key* %"`,
		`SUBJECT Grüße TEXT "日本語"`:                    `SUBJECT "Grüße" TEXT "日本語"`,
		`SUBJECT a]b`:                                 `SUBJECT "a]b"`,
		`FROM "" BODY "" TEXT ""`:                     `FROM ""`,
		"NOT BODY \"\"":                               "NOT ALL",
		`HEADER X-Spam "" header "Message-ID" <1>`:    `HEADER "X-Spam" "" HEADER "Message-ID" "<1>"`,
		"BODY one TEXT two":                           `BODY "one" TEXT "two"`,
		"LARGER 0 SMALLER 4294967296":                 "LARGER 0 SMALLER 4294967296",
		"SINCE 1-Feb-1994 BEFORE 31-dec-2010":         "SINCE 1-Feb-1994 BEFORE 31-Dec-2010",
		`ON "01-FEB-1994" SENTON 1994-02-01`:          "ON 1-Feb-1994 SENTON 1-Feb-1994",
		"SENTSINCE 29-Feb-2000 SENTBEFORE 1-Jan-0001": "SENTSINCE 29-Feb-2000 SENTBEFORE 1-Jan-0001",
		"UID 30:*,20,1:10,11":                         "UID 1:11,20,30:*",
		"UID *":                                       "UID *",
		"NOT SEEN":                                    "NOT SEEN",
		"NOT NOT SEEN":                                "SEEN",
		"OR SEEN FLAGGED":                             "OR SEEN FLAGGED",
		"OR FROM x (OR TO x (CC x))":                  `OR FROM "x" OR TO "x" CC "x"`,
		"((SEEN) (FLAGGED (DRAFT)))":                  "SEEN FLAGGED DRAFT",
		"OR (SEEN FLAGGED) NOT (DRAFT ANSWERED)":      "OR (SEEN FLAGGED) NOT (DRAFT ANSWERED)",
		"OR ( SEEN ) ( FLAGGED )":                     "OR SEEN FLAGGED",
		"NOT OR SEEN NOT FLAGGED":                     "NOT OR SEEN NOT FLAGGED",
	} {
		c, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if again, err := Parse(c.String()); err != nil || again.String() != c.String() {
			t.Errorf("%s becomes %v: %v", c, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                                   {"are empty", "ALL"},
		" \n":                                {"are empty", "ALL"},
		"SENTAFTER 1-Jan-2020":               {`column 1: there is no search key "SENTAFTER"`, "SENTSINCE"},
		"SEEN SENTSINSE 1-Jan-2020":          {`column 6: there is no search key "SENTSINSE"`, "SENTSINCE"},
		"SUBJECT Grüße unsen":                {`column 15: there is no search key "unsen"`, "UNSEEN"},
		"SUBJECT two words":                  {`column 13: there is no search key "words"`, "has to be quoted"},
		"X-GM-RAW foo":                       {`column 1: there is no search key "X-GM-RAW"`, ""},
		"RECENT":                             {"column 1: RECENT is not taken", `\Recent`},
		"new":                                {"column 1: NEW is not taken", "UNSEEN"},
		"SEEN OLD":                           {"column 6: OLD is not taken", "SEEN"},
		"YOUNGER 3600":                       {"column 1: YOUNGER is not taken", "RFC 5032"},
		"CHARSET UTF-8 SEEN":                 {"column 1: CHARSET is not taken", "leave it out"},
		"1:10":                               {"column 1: \"1:10\" is a message number", "UID 1:10"},
		"SEEN 5":                             {"column 6: \"5\" is a message number", "UID 5"},
		"*":                                  {"column 1: \"*\" is a message number", ""},
		"FROM":                               {"column 5: FROM takes a string", ""},
		"FROM ":                              {"column 6: FROM takes a string", ""},
		"(FROM )":                            {"column 7: FROM takes a string", ""},
		"FROM (x)":                           {"column 6: FROM takes a string", ""},
		"FROM\"x\"":                          {"column 5: a blank is missing", ""},
		"FROM \"x\"SEEN":                     {"column 9: a blank is missing", ""},
		"FROM x(SEEN)":                       {"column 7: a blank is missing", ""},
		`FROM a"b"`:                          {"column 7: a blank is missing", ""},
		`FROM "x`:                            {"column 6: the quoted string does not end", ""},
		`FROM "x\`:                           {"column 8: a backslash", ""},
		`FROM "x\y"`:                         {"column 8: a backslash", `\\`},
		"FROM \"x\ny\"":                      {"column 8: a string cannot have line ends", ""},
		"FROM \"x\x00y\"":                    {"column 8: a string cannot have line ends or NUL", ""},
		"FROM {3}":                           {"column 6: literals are not taken", "quote"},
		"FROM 50%":                           {`column 8: "%" stands in a string`, "quote"},
		`FROM a\b`:                           {`column 7: "\\" stands in a string`, "quote"},
		"FROM a\x01b":                        {`column 7: "\x01" stands in a string`, "quote"},
		"FROM \xff":                          {"are not UTF-8", ""},
		"HEADER":                             {"column 7: HEADER takes the name", ""},
		"HEADER X":                           {"column 9: HEADER X takes a string", ""},
		`HEADER "" x`:                        {`column 8: "" is no name`, ""},
		`HEADER "a b" x`:                     {`column 8: "a b" is no name`, ""},
		"HEADER Subject: x":                  {`column 8: "Subject:" is no name`, ""},
		"HEADER Näme x":                      {`column 8: "Näme" is no name`, ""},
		"KEYWORD":                            {"column 8: KEYWORD takes a keyword", ""},
		`KEYWORD \Seen`:                      {`column 9: "\\Seen" is not a keyword`, "SEEN"},
		`KEYWORD "x"`:                        {`column 9: "" is not a keyword`, ""},
		"KEYWORD a*":                         {`column 9: "a*" is not a keyword`, ""},
		"UNKEYWORD é":                        {`column 11: "é" is not a keyword`, ""},
		"LARGER":                             {"column 7: LARGER takes a number", ""},
		"LARGER 10M":                         {`column 8: "10M" is no number of octets`, "10485760"},
		"LARGER -1":                          {`column 8: "-1" is no number`, ""},
		"SMALLER 9223372036854775808":        {`column 9: "9223372036854775808" is no number`, ""},
		"UID":                                {"column 4: UID takes a set", ""},
		"UID 0":                              {`column 5: "0" is no UID`, "1:10,20,30:*"},
		"UID 1:":                             {`column 5: "1:" is no UID`, ""},
		"UID 1:2:3":                          {`column 5: "1:2:3" is no UID`, ""},
		"UID 1,,2":                           {`column 5: "" is no UID`, ""},
		"UID 18446744073709551616":           {`column 5: "18446744073709551616" is no UID`, ""},
		"SINCE":                              {"column 6: SINCE takes a date", ""},
		"SINCE yesterday":                    {`column 7: "yesterday" is no date`, "31-Jan-2026"},
		"SINCE 31-Feb-2020":                  {`column 7: "31-Feb-2020" is no date`, ""},
		"SINCE 1-Jan-20":                     {`column 7: "1-Jan-20" is no date`, ""},
		"SINCE 1-Jan-0000":                   {`column 7: "1-Jan-0000" is no date`, ""},
		"SINCE 1-Jannn-2020":                 {`column 7: "1-Jannn-2020" is no date`, ""},
		"SINCE 001-Jan-2020":                 {`column 7:`, ""},
		"SENTON 2020-13-01":                  {`column 8: "2020-13-01" is no date`, ""},
		"NOT":                                {"column 4: NOT takes a search key", ""},
		"NOT(SEEN)":                          {"column 4: a blank is missing", ""},
		"NOT )":                              {"column 5: NOT takes a search key", ""},
		"OR SEEN":                            {"column 8: OR takes a search key", "two keys"},
		"OR":                                 {"column 3: OR takes a search key", ""},
		"(SEEN":                              {"column 6: a closing parenthesis is missing", ""},
		"(":                                  {"column 2: a closing parenthesis is missing", ""},
		"()":                                 {"column 2: a search key is missing", ""},
		"SEEN)":                              {"column 5: a search key is missing before the parenthesis", ""},
		")":                                  {"column 1: a search key is missing", ""},
		`"SEEN"`:                             {"column 1: a search key is missing before the quoted string", ""},
		"(SEEN)(FLAGGED)":                    {"column 7: a blank is missing", ""},
		strings.Repeat("NOT ", 100) + "SEEN": {"column 401: more than 100", ""},
		strings.Repeat("(", 101) + "SEEN" + strings.Repeat(")", 101): {"column 101: more than 100", ""},
		strings.Repeat("OR SEEN ", 101) + "SEEN":                     {"column 796: more than 100", ""},
		"SUBJECT " + strings.Repeat("x", 64<<10):                     {"longer than 65536", ""},
		strings.Repeat("Z", 100):                                     {`column 1: there is no search key "ZZZ`, "quoted"},
	} {
		c, err := Parse(text)
		if err == nil {
			t.Errorf("%.80q is taken: %s", text, c)
			continue
		}
		if !strings.Contains(err.Error(), want[0]) || !strings.Contains(exit.HintOf(err), want[1]) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%.80q: %d %v (%s), want %q", text, exit.CodeOf(err), err, exit.HintOf(err), want)
		}
		if strings.ContainsAny(err.Error()+exit.HintOf(err), "\x00\x01\n") || len(err.Error()) > 300 {
			t.Errorf("%.80q: the error is not fit to be shown: %q", text, err)
		}
	}
}

func TestParseTakesItsLimits(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("NOT ", 99) + "SEEN",
		strings.Repeat("(", 99) + "SEEN" + strings.Repeat(")", 99),
		strings.Repeat("OR SEEN ", 99) + "SEEN",
		"SUBJECT " + strings.Repeat("x", 64<<10-8),
		strings.Repeat("SEEN ", 13000),
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%.40q…: %v", text, err)
		}
	}
}

func TestAnd(t *testing.T) {
	day, _ := ParseDate("2020-01-31")
	set, _ := ParseUIDSet("5:*")
	parsed, _ := Parse("OR SEEN FLAGGED")
	c := Criteria{}.And(parsed, Since(day), Before(day), SentSince(day), SentBefore(day), MinSize(1000), MaxSize(2000), UID(set))
	want := "OR SEEN FLAGGED SINCE 31-Jan-2020 BEFORE 31-Jan-2020 SENTSINCE 31-Jan-2020 SENTBEFORE 31-Jan-2020 LARGER 999 SMALLER 2001 UID 5:*"
	if c.String() != want {
		t.Errorf("%s, want %s", c, want)
	}
	if parsed.String() != "OR SEEN FLAGGED" || c.IsZero() || !parsed.And(c).And().Equal(parsed.And(c)) {
		t.Errorf("And alters what it is given")
	}
	if zero := (Criteria{}).And(MinSize(0), MinSize(-5), MaxSize(1<<63-1)); !zero.IsZero() || zero.String() != "ALL" {
		t.Errorf("%s is not everything", zero)
	}
}

// Equal compares the canonical texts.
func (c Criteria) Equal(d Criteria) bool { return c.String() == d.String() }

func FuzzParse(f *testing.F) {
	for _, text := range []string{`OR FROM x (OR TO "y" (CC z))`, "UNSEEN SENTSINCE 1-Jan-2020", "UID 1:5,*", `HEADER X "\"\\" NOT (LARGER 5 KEYWORD $x)`, "SUBJECT Grüße", "1:5 (", "NOT NOT ALL"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			if exit.CodeOf(err) != exit.Usage {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		canonical := c.String()
		if again, err := Parse(canonical); len(canonical) <= maxText && (err != nil || again.String() != canonical) {
			t.Errorf("%q is %q, which is %q: %v", text, canonical, again, err)
		}
		for _, divide := range []func() (Program, Criteria){c.Server, c.ServerASCII} {
			program, residue := divide()
			checkProgram(t, program)
			residue.Needs()
			_ = residue.String()
		}
	})
}

// checkProgram makes sure that no program can be more than one command.
func checkProgram(t *testing.T, program Program) {
	t.Helper()
	octets := 0
	for i, piece := range program {
		octets += len(piece.Text)
		if piece.Literal {
			if strings.ContainsAny(piece.Text, "\r\n\x00") {
				t.Errorf("the literal %q", piece.Text)
			}
			continue
		}
		if !isASCII(piece.Text) || strings.IndexFunc(piece.Text, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
			t.Errorf("the text %q", piece.Text)
		}
		if i+1 == len(program) && strings.HasSuffix(piece.Text, "}") && strings.Count(piece.Text, `"`)%2 == 0 {
			t.Errorf("%q may be taken for a literal", piece.Text)
		}
	}
	if octets > maxProgram+1000 {
		t.Errorf("%d octets", octets)
	}
}

// The command knows by which option an age is chosen.
func TestAgesHaveACause(t *testing.T) {
	for text, cause := range map[string]error{"YOUNGER 3600": ErrYounger, "SEEN older 5": ErrOlder} {
		if _, err := Parse(text); !errors.Is(err, cause) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
