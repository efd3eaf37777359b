package search

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// letter is a message with CRLF line ends.
func letter(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

func message(octets string) Message {
	return Message{UID: 7, Octets: strings.NewReader(letter(octets))}
}

func checkMatch(t *testing.T, m Message, yes, no []string) {
	t.Helper()
	for i, list := range [][]string{yes, no} {
		for _, text := range list {
			got, err := must(t, text).Match(m)
			if err != nil || got != (i == 0) {
				t.Errorf("%s: %v %v", text, got, err)
			}
			if inverse, err := must(t, "NOT ("+text+")").Match(m); err != nil || inverse == got {
				t.Errorf("NOT %s: %v %v", text, inverse, err)
			}
		}
	}
}

func TestMatchFlags(t *testing.T) {
	m := Message{Flags: []string{`\Seen`, "$Forwarded", `\Draft`}}
	checkMatch(t, m,
		[]string{"ALL", "SEEN", "DRAFT", "KEYWORD $forwarded", "UNFLAGGED", "UNKEYWORD NonJunk", "SEEN DRAFT", "OR FLAGGED SEEN", "NOT FLAGGED"},
		[]string{"UNSEEN", "FLAGGED", "KEYWORD Seen", "UNKEYWORD $Forwarded", "SEEN FLAGGED", "OR FLAGGED ANSWERED", "NOT SEEN", "NOT (SEEN DRAFT)"})
}

func TestMatchArrival(t *testing.T) {
	// The day is that of the message's own zone: in UTC it is the 14th.
	m := Message{InternalDate: time.Date(2020, 6, 15, 0, 30, 0, 0, time.FixedZone("", 2*3600))}
	checkMatch(t, m,
		[]string{"ON 15-Jun-2020", "SINCE 15-Jun-2020", "SINCE 14-Jun-2020", "BEFORE 16-Jun-2020", "SINCE 1-Jan-2020 BEFORE 1-Jan-2021"},
		[]string{"ON 14-Jun-2020", "ON 16-Jun-2020", "SINCE 16-Jun-2020", "BEFORE 15-Jun-2020", "BEFORE 1-Jan-1970"})
	checkMatch(t, Message{}, []string{"NOT SINCE 1-Jan-1970"}, []string{"SINCE 1-Jan-1970", "BEFORE 1-Jan-2020", "ON 1-Jan-0001", "BEFORE 2-Jan-0001"})
}

func TestMatchAge(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 999, time.UTC)
	at := func(ago time.Duration) Message {
		return Message{InternalDate: now.Truncate(time.Second).Add(-ago).In(time.FixedZone("", -8*3600))}
	}
	for _, test := range []struct {
		ago, max, min time.Duration
		want          bool
	}{
		// The window is closed at both ends, to the second.
		{60 * time.Second, time.Minute, 0, true}, {61 * time.Second, time.Minute, 0, false}, {59 * time.Second, time.Minute, time.Minute, false},
		{60 * time.Second, time.Minute, time.Minute, true}, {36 * time.Hour, 36 * time.Hour, day, true}, {36*time.Hour + time.Second, 36 * time.Hour, day, false},
		{day, 36 * time.Hour, day, true}, {day - time.Second, 36 * time.Hour, day, false},
		// At most 0 days: only what arrives from now on.
		{time.Second, 0, 0, false}, {0, 0, 0, true}, {-time.Hour, 0, -2 * time.Hour, true}, {-time.Hour, 0, 0, false},
		{9999 * day, 10000 * day, 9999 * day, true}, {10001 * day, 10000 * day, 9999 * day, false}, {9998 * day, 10000 * day, 9999 * day, false},
	} {
		c := MaxAge(test.max, now).And(MinAge(test.min, now))
		if got, err := c.Match(at(test.ago)); err != nil || got != test.want {
			t.Errorf("%v ago, %s: %v %v", test.ago, c, got, err)
		}
	}
	for _, c := range []Criteria{MaxAge(maxAge, now), MinAge(0, now)} {
		if got, err := c.Match(Message{}); got || err != nil {
			t.Errorf("%s takes a message without a date: %v", c, err)
		}
	}
	if c := MaxAge(36*time.Hour, now).And(MinAge(0, now)); c.String() != "YOUNGER 129600 OLDER 0" {
		t.Error(c)
	}
}

func TestMatchSize(t *testing.T) {
	octets := strings.Repeat("x", 1000)
	for _, said := range []int64{1000, 0, -1} { // a server may say 0, or nothing
		m := Message{Size: said, Octets: strings.NewReader(octets)}
		checkMatch(t, m,
			[]string{"LARGER 999", "SMALLER 1001", "LARGER 0", "LARGER 999 SMALLER 1001", "SMALLER 9223372036854775807"},
			[]string{"LARGER 1000", "SMALLER 1000", "SMALLER 1", "SMALLER 0", "LARGER 9223372036854775807"})
		for _, test := range []struct {
			c    Criteria
			want bool
		}{{MinSize(1000), true}, {MinSize(1001), false}, {MaxSize(1000), true}, {MaxSize(999), false}, {MinSize(0), true}, {MaxSize(0), false}, {MaxSize(-1), false}, {MinSize(1000).And(MaxSize(1000)), true}} {
			if got, err := test.c.Match(m); err != nil || got != test.want {
				t.Errorf("said %d, %s: %v %v", said, test.c, got, err)
			}
		}
	}
	empty := Message{Octets: strings.NewReader("")}
	for _, c := range []Criteria{MaxSize(0), MinSize(0), must(t, "SMALLER 1")} {
		if got, err := c.Match(empty); err != nil || !got {
			t.Errorf("%s of an empty message: %v %v", c, got, err)
		}
	}
	if got, err := MaxSize(-1).Match(empty); err != nil || got {
		t.Errorf("nothing is less than empty: %v %v", got, err)
	}
	// The size that a server says is not checked.
	if got, err := MinSize(1000).Match(Message{Size: 1000}); err != nil || !got {
		t.Error(got, err)
	}
}

func TestMatchUID(t *testing.T) {
	checkMatch(t, Message{UID: 7, LargestUID: 7}, []string{"UID 7", "UID 1:9", "UID *", "UID 100:*"}, []string{"UID 8", "UID 1:6,8:9"})
	checkMatch(t, Message{UID: 7, LargestUID: 8}, []string{"UID 7:*"}, []string{"UID *", "UID 8:*"})
}

func TestMatchSent(t *testing.T) {
	for _, value := range []string{"Wed, 15 Jan 2020 23:59:59 -1100", "Wed, 15 Jan 2020 00:00:00 +1400", "Wed Jan 15 12:00:00 2020", "15 Jan 20 1:02 (comment)"} {
		checkMatch(t, message("Date: "+value+"\n\n"),
			[]string{"SENTON 15-Jan-2020", "SENTSINCE 15-Jan-2020", "SENTBEFORE 16-Jan-2020"},
			[]string{"SENTON 14-Jan-2020", "SENTSINCE 16-Jan-2020", "SENTBEFORE 15-Jan-2020"})
	}
	// Without a date that can be read nothing is said of it.
	for _, octets := range []string{"", "\n", "Date: never\n\n", "X-Date: 15 Jan 2020\n\n", "Subject: x\n\nDate: 15 Jan 2020\n", "X: y\nDate: never\nDate: 15 Jan 2020\n\n"} {
		checkMatch(t, message(octets), nil, []string{"SENTON 15-Jan-2020", "SENTSINCE 1-Jan-1970", "SENTBEFORE 31-Dec-9999"})
	}
	// The first counts; an empty one is none.
	checkMatch(t, message("Date: \nDATE : 15 Jan 2020\nDate: 1 Jan 2021\n\n"), []string{"SENTON 15-Jan-2020"}, []string{"SENTON 1-Jan-2021"})
}

const ordinary = `Received: from a (b)
	by c; Mon, 1 Jan 2020 00:00:00 +0000
From: "Tanaka, Yuki" <yuki@example.jp>
To: =?utf-8?q?Ren=C3=A9e?= <renee@example.fr>,
 Bob <bob@example.com>
Cc: cc@example.org
Bcc: bcc@example.org
Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?b?IGF1cyBLw7Zsbg==?=
  and   more
X-Empty:
X-Raw: caf` + "\xe9" + `
Date: Wed, 15 Jan 2020 12:00:00 +0000

Hello Yuki,
the budget is attached.
`

func TestMatchFields(t *testing.T) {
	checkMatch(t, message(ordinary),
		[]string{
			"FROM yuki", "FROM EXAMPLE.JP", `FROM "Tanaka, Yuki"`, `FROM "\" <yuki@"`, `FROM ""`, "TO renée", "TO RENÉE", "TO rene\u0301e", "TO bob@example.com", `TO "fr>, bob"`, "CC cc@", "BCC bcc@",
			"SUBJECT grüße", `SUBJECT "grüße aus köln and more"`, `SUBJECT "Köln  and    more"`, `SUBJECT " and "`, `SUBJECT "more "`,
			`HEADER X-Empty ""`, "HEADER x-raw caf", "HEADER Received by", `HEADER received "b) by c"`, "HEADER Date 2020", `HEADER SUBJECT more`,
			"OR FROM nobody (OR TO nobody (CC cc))", "NOT SUBJECT nothing", "FROM yuki SENTON 15-Jan-2020 SUBJECT more",
		},
		[]string{
			"FROM bob", "TO yuki", "CC bob", "BCC joe", `SUBJECT "=?iso"`, "SUBJECT budget", `SUBJECT "Kölnand"`, "SUBJECT kolx", "SUBJECT gruesse", `HEADER X-Nope ""`, "HEADER X-Raw é", "HEADER X-Empty x", "HEADER Subj more", "FROM yuki SUBJECT nothing",
		})
	// However it was typed: in full width, as a ligature, with the accent behind.
	checkMatch(t, message("Subject: ＷＩＤＴＨ ﬁne cafe\u0301 ΣΊΣΥΦΟΣ\n\n"), []string{"SUBJECT width", "SUBJECT FINE", "SUBJECT CAFÉ", "SUBJECT σίσυφος"}, nil)
	// ß is not ss, but its own capital.
	checkMatch(t, message("Subject: STRAẞE\n\n"), []string{"SUBJECT straße"}, []string{"SUBJECT strasse"})
	// A field of a body is none, and one in the middle of nothing is.
	checkMatch(t, message("no colon here\n folded\nSubject : blank before\nBad Name: x\n\nFrom: body\n"), []string{"SUBJECT blank"}, []string{`FROM ""`, "SUBJECT folded"})
	checkMatch(t, message("Subject: one\nSubject: two\nFrom: only"), []string{"SUBJECT one", "SUBJECT two", "SUBJECT two SUBJECT one", "FROM only"}, []string{`SUBJECT "one two"`})
	checkMatch(t, message(""), nil, []string{`FROM ""`, "TEXT x", "BODY x"})
}

func TestMatchText(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	const head = "Subject: test\nMIME-Version: 1.0\n"
	for name, test := range map[string]struct {
		octets  string
		yes, no []string
	}{
		"ordinary": {ordinary,
			[]string{"BODY budget", "BODY HELLO", `TEXT "the budget"`, "TEXT grüße", `TEXT "Subject: grüße"`, "TEXT X-Empty", `TEXT "by c"`, `BODY ""`, `TEXT ""`},
			[]string{"BODY grüße", "BODY X-Empty", "BODY nothing", "TEXT nothing"}},
		"plain without a type": {"\nGrüße 日本語", []string{"BODY GRÜSSE", "BODY 日本", "BODY gru\u0308ße"}[1:], []string{"BODY grusse"}},
		"latin1":               {head + "Content-Type: text/plain; charset=ISO-8859-1\n\nGr\xfc\xdfe\n", []string{"BODY grüße"}, nil},
		"quoted-printable": {head + "Content-Type: text/plain; charset=\"windows-1252\"\nContent-Transfer-Encoding: Quoted-Printable\n\nSch=F6ne Gr=\n=FC=DFe =80 a =3D b =ZZ c= \nd =3\n",
			[]string{"BODY schöne", "BODY grüße", "BODY €", `BODY "a = b =ZZ cd"`, `BODY "=3"`}, []string{"BODY =F6", `BODY "=3D"`}},
		"base64": {head + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64\n\n" + b64("Grüße aus")[:5] + "\n " + b64("Grüße aus")[5:] + "\n*&%\n" + b64(" Köln"),
			[]string{"BODY grüße", `BODY "aus Köln"`}, []string{"BODY " + b64("Grü")}},
		"base64, padded within": {head + "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b64("a") + b64("bc") + b64("def"), []string{"BODY abcdef"}, nil},
		"html":                  {head + "Content-Type: text/html\n\n<p>two <b>words</b></p>\n", []string{`BODY "<b>words"`}, []string{`BODY "two words"`}},
		"not text":              {head + "Content-Type: application/pdf\n\nsecret\n", []string{"TEXT pdf"}, []string{"BODY secret", "TEXT secret"}},
		"unknown charset":       {head + "Content-Type: text/plain; charset=nonesuch\n\nraw octets\n", []string{`BODY "raw octets"`}, nil},
		"unknown encoding":      {head + "Content-Transfer-Encoding: x-uue\n\nraw octets\n", []string{`BODY "raw octets"`}, nil},
		"iso-2022-jp":           {head + "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BF|K\\8l\x1b(B\n", []string{"BODY 日本語"}, nil},
		"utf-16":                {head + "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n" + b64("G\x00r\x00\xfc\x00\xdf\x00e\x00"), []string{"BODY grüße"}, nil},
		"bad type":              {head + "Content-Type: ; charset=\"iso-8859-1\nContent-Transfer-Encoding:\n\nGrüße\n", []string{"BODY grüße"}, nil},
		"lax parameters":        {head + "Content-Type: text/plain; İİ charset=iso-8859-1 ; x\n\nGr\xfc\xdfe\n", []string{"BODY grüße"}, nil},
		"multipart": {head + `Content-Type: multipart/mixed; boundary="x y"

preamble
--x y
X-Part: parthead

one part
--x y
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1

zw` + "\xf6" + `lf
--inner--
inner epilogue
--x y  
Content-Type: message/rfc822

Subject: =?utf-8?q?enclosed_=C3=BC?=

enclosed body
--x y
Content-Type: image/png

image
--x y--
epilogue
--x y

after the end
`,
			[]string{`BODY "one part"`, "BODY zwölf", `BODY "enclosed body"`, "TEXT parthead", `TEXT "Subject: enclosed ü"`, "TEXT image/png", "TEXT zwölf"},
			[]string{"BODY preamble", "BODY epilogue", "BODY parthead", "BODY enclosed SUBJECT enclosed", `BODY "enclosed ü"`, "SUBJECT enclosed", "HEADER X-Part parthead", "TEXT preamble", `BODY "after the end"`, "BODY image"}},
		"boundary in a part that is open": {head + "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/mixed; boundary=in\n\n--in\n\nfirst\n--out\n\nsecond\n--in\nthird\n",
			[]string{"BODY first", "BODY second", "BODY third"}, nil},
		"boundary in a header":       {head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nX-Cut: here\n--b\n\nbody\n--b\nX-Never: closed", []string{"TEXT here", "BODY body", "TEXT closed"}, []string{"BODY here"}},
		"what looks like a boundary": {head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + strings.Repeat("x", 64<<10) + "--b\none\n --b\n-- b\n--b-\n--bb\n--c--\ntwo\n", []string{"BODY one", "BODY two"}, nil},
		"two types":                  {head + "Content-Type: image/png\nContent-Type: text/plain\n\nbody\n", nil, []string{"BODY body"}},
		"digest":                     {head + "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: inner\n\ndigested\n--b--\n", []string{"BODY digested", `TEXT "Subject: inner"`}, []string{"BODY inner"}},
		"no boundary":                {head + "Content-Type: multipart/mixed\n\nlost\n", nil, []string{"BODY lost"}},
		"encoded message":            {head + "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b64("Subject: inner\r\n\r\nbody\r\n"), []string{"BODY inner", "BODY body"}, nil},
		"delivery status":            {head + "Content-Type: message/delivery-status\n\nReporting-MTA: dns\n", []string{"BODY reporting"}, nil},
		"lines that are no fields":   {"From joe Thu Jan 1\nSubject: x\nno colon\n: nameless\nN\xc3\xa4me: 1\n\n", []string{`TEXT "from joe"`, `TEXT "no colon"`, "TEXT nameless", "TEXT näme"}, []string{"BODY joe"}},
		"words over two lines":       {"\none\ntwo\n", []string{"BODY one BODY two"}, []string{`BODY "one two"`}},
	} {
		t.Run(name, func(t *testing.T) { checkMatch(t, message(test.octets), test.yes, test.no) })
	}
}

func TestSkip(t *testing.T) {
	big := strings.Repeat("filler\r\n", 200_000) // more than is held at once
	for _, test := range []struct {
		expression, octets string
		skipped            bool
	}{
		{`(?i)subject: test`, letter("Subject: TEST\n\n"), true},
		{`^Subject`, letter("From: x\nSubject: y\n\n"), false},
		{`(?m)^Subject`, letter("From: x\nSubject: y\n\n"), true},
		{`Gr=FC`, letter("Content-Transfer-Encoding: quoted-printable\n\nGr=FC\n"), true}, // octets, not what they say
		{`\A(?:[^\r\n]+\r?\n)*[^\r\n]*[^\x00-\x7F]`, letter("Subject: Gr\xfc\n\nplain"), true},
		{`\A(?:[^\r\n]+\r?\n)*[^\r\n]*[^\x00-\x7F]`, letter("Subject: plain\n\nGr\xfc"), false},
		{`\x{FFFD}`, "\xff", true}, {`é`, "é", true},
		{`needle`, big + "needle", true}, {`needle`, big, false}, {`\z`, big, true}, {`r\r\n\z`, big, true}, {`x\z`, big, false}, {`filler\r\nneed`, big + "needle", true},
		{`(?m)^Content-Type: message/partial`, letter("Content-Type: message/partial\n\n"), true},
	} {
		c, err := Skip(test.expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Match(Message{Octets: strings.NewReader(test.octets)}); err != nil || got == test.skipped {
			t.Errorf("%s on %.40q: chosen %v, %v", test.expression, test.octets, got, err)
		}
	}
	one, _ := Skip("one")
	two, _ := Skip("two")
	c := one.And(two, must(t, "BODY three"))
	for octets, want := range map[string]bool{"\nthree": true, "\nthree one": false, "two: x\n\nthree": false, "\nfour": false} {
		if got, err := c.Match(message(octets)); err != nil || got != want {
			t.Errorf("%q: %v %v", octets, got, err)
		}
	}
}

func TestNeeds(t *testing.T) {
	skip, _ := Skip("x")
	for _, test := range []struct {
		c    Criteria
		want Needs
	}{
		{Criteria{}, Needs{}}, {must(t, "UID 5:9"), Needs{}}, {must(t, "NOT UID 5:*"), Needs{LargestUID: true}},
		{must(t, "OR SEEN NOT KEYWORD x"), Needs{Flags: true}},
		{must(t, "NOT (SINCE 1-Jan-2020 SEEN)"), Needs{InternalDate: true, Flags: true}},
		{MaxAge(0, time.Now()), Needs{InternalDate: true}},
		{MinSize(5), Needs{Size: true}},
		{must(t, "SUBJECT x OR FROM y (SENTON 1-Jan-2020 HEADER X-Spam 1 HEADER subject z)"), Needs{Header: true, Fields: []string{"date", "from", "subject", "x-spam"}}},
		{must(t, "SUBJECT x BODY y"), Needs{Header: true, Body: true}}, {must(t, "TEXT y"), Needs{Header: true, Body: true}},
		{skip.And(must(t, "SEEN")), Needs{Flags: true, Header: true, Body: true}},
	} {
		if got := test.c.Needs(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.c, got, test.want)
		}
	}
	if (Needs{Flags: true, Size: true}).Octets() || !(Needs{Header: true}).Octets() {
		t.Error("Octets")
	}
}

// What can be decided without octets is.
func TestGlance(t *testing.T) {
	small, seen, sizeless := Message{UID: 3, Size: 10}, Message{UID: 4, Size: 10, Flags: []string{`\Seen`}}, Message{UID: 5}
	for _, test := range []struct {
		criteria         string
		m                Message
		matches, decided bool
	}{
		{"SEEN", seen, true, true}, {"SEEN", small, false, true}, {"UID 3 LARGER 5", small, true, true}, {"LARGER 5", sizeless, false, false}, {"LARGER 5 UID 4", sizeless, false, true},
		{"SUBJECT x", small, false, false}, {"SUBJECT x SEEN", small, false, true}, {"OR SUBJECT x SEEN", seen, true, true}, {"OR BODY x SEEN", small, false, false}, {"ALL", sizeless, true, true},
	} {
		if matches, decided := must(t, test.criteria).Glance(test.m); matches != test.matches || decided != test.decided {
			t.Errorf("%s, UID %d: %v %v", test.criteria, test.m.UID, matches, decided)
		}
	}
}

// countingReader counts what is read of a message.
type countingReader struct {
	io.ReaderAt
	last int64 // the end of what was read
}

func (r *countingReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	r.last = max(r.last, at+int64(n))
	return n, err
}

// No more is read than the decision takes.
func TestMatchReadsLittle(t *testing.T) {
	octets := letter(ordinary) + strings.Repeat("needle ", 1<<20)
	for text, most := range map[string]int64{
		"SEEN BODY needle": 0, "OR UNSEEN BODY needle": 0, "UID 8 TEXT x": 0, "LARGER 5 SUBJECT nothing BODY x": 128 << 10, "SUBJECT nothing": 128 << 10,
		"FROM yuki SENTON 15-Jan-2020": 128 << 10, "OR FROM yuki BODY nothing": 128 << 10, "FROM bob BODY nothing": 128 << 10, "TEXT budget": 128 << 10, "BODY needle": 128 << 10, "OR SENTBEFORE 1-Jan-2021 TEXT nothing": 128 << 10,
		"BODY nothing": int64(len(octets)),
	} {
		r := &countingReader{ReaderAt: strings.NewReader(octets)}
		if _, err := must(t, text).Match(Message{UID: 7, Size: int64(len(octets)), Octets: r}); err != nil || r.last > most || most == int64(len(octets)) && r.last != most {
			t.Errorf("%s: read %d of %d, %v", text, r.last, most, err)
		}
	}
}

// failingReader fails at an offset.
type failingReader struct{ at int64 }

var errFails = errors.New("it fails")

func (r failingReader) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		if at+int64(i) >= r.at {
			return i, errFails
		}
		p[i] = "Subject: x\r\n\r\n body\r\n"[(at+int64(i))%20]
	}
	return len(p), nil
}

// An error of the octets is never taken for their end.
func TestMatchTellsErrors(t *testing.T) {
	skip, _ := Skip("nothing")
	for _, c := range []Criteria{must(t, "BODY nothing"), must(t, "TEXT nothing"), must(t, "NOT SUBJECT nothing"), MinSize(1 << 40), skip, must(t, "SENTON 1-Jan-2020")} {
		for _, at := range []int64{0, 5, 100_000, 1_000_000} {
			if c.Needs().Header && !c.Needs().Body && at > 5 {
				continue // the header has ended
			}
			if got, err := c.Match(Message{Octets: failingReader{at}}); err != errFails {
				t.Errorf("%s, failing at %d: %v %v", c, at, got, err)
			}
		}
		if _, err := c.Match(Message{}); exit.CodeOf(err) != exit.Bug {
			t.Errorf("%s without octets: %v", c, err)
		}
	}
}

func ExampleCriteria_Server() {
	criteria, _ := Parse(`UNSEEN SUBJECT "grüße" ON 31-Jan-2026`)
	program, residue := criteria.Server()
	fmt.Println(program)
	fmt.Println(residue)
	// Output:
	// CHARSET UTF-8 UNSEEN SUBJECT "grüße" SINCE 29-Jan-2026 BEFORE 3-Feb-2026
	// ON 31-Jan-2026
}
