package search_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// named is a message with a name to speak of it.
type named struct {
	name    string
	message imaptest.Message
}

// mailbox is about 300 messages: ordinary ones, the ugly ones that are not
// large, and some that are about what can be searched for.
func mailbox() (all []named) {
	for i, m := range imaptest.Generate(5, 180) {
		all = append(all, named{fmt.Sprintf("generated-%d", i), m})
	}
	for i, c := range imaptest.Ugly() {
		if !c.Large {
			all = append(all, named{c.Name, c.Message(i)})
		}
	}
	zones := []*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", -11*3600), time.FixedZone("", 14*3600)}
	for i, l := range slices.Concat(dated(), letters()) {
		octets := strings.ReplaceAll(l[1], "\n", "\r\n")
		date := time.Date(2020, 1, 1, 22, 30, 0, 0, zones[i%len(zones)]).Add(time.Duration(i) * 7 * time.Hour)
		flags := [][]string{nil, {`\Seen`, "Work"}, {"$Forwarded"}, {`\Flagged`, `\Answered`}}[i%4]
		all = append(all, named{l[0], imaptest.Message{Octets: []byte(octets), Flags: flags, InternalDate: date}})
	}
	return all
}

const top = "From: Joe <joe@example.org>\nTo: ann@example.net\nSubject: test\nMIME-Version: 1.0\n"

// dated are letters whose names say how the date is written.
func dated() (letters [][2]string) {
	for _, l := range [][2]string{
		{"date-west", "Wed, 1 Jan 2020 23:30:00 -0800"}, {"date-east", "Thu, 2 Jan 2020 00:30:00 +1400"}, {"date-no-zone", "2 Jan 2020 12:00:00"},
		{"date-ctime", "Thu Jan  2 12:00:00 2020"}, {"date-2-digits", "2 Jan 20 12:00:00 GMT"}, {"date-hyphens", "02-Jan-2020 12:00:00 +0000"},
		{"date-iso", "2020-01-02T12:00:00Z"}, {"date-no-clock", "Thu, 2 Jan 2020"}, {"date-never", "never"}, {"date-empty", ""},
		{"date-wrong-clock", "Thu, 2 Jan 2020 25:00:00 +0000"}, {"date-comments", "Thu (really), 2 (two) Jan 2020 12:00:00 +0000"},
		{"date-est", "Thu, 2 Jan 2020 12:00:00 EST"}, {"date-month-in-full", "Thu, 2 January 2020 12:00:00 +0000"}, {"date-32nd", "Thu, 32 Jan 2020 12:00:00 +0000"},
		{"date-3-digits", "Thu, 2 Jan 120 12:00:00 +0000"}, {"date-1969", "1 Jan 1969 12:00:00 +0000"}, {"date-2050", "1 Jan 2050 00:00:00 +0000"},
	} {
		letters = append(letters, [2]string{l[0], "Date: " + l[1] + "\n" + top + "\nbody\n"})
	}
	return append(letters, [2]string{"date-twice", "Subject: first\nDate: Thu, 2 Jan 2020 12:00:00 +0000\nDate: Thu, 2 Jan 2025 12:00:00 +0000\n\nbody\n"})
}

func letters() [][2]string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	const date = "Date: Wed, 1 Jan 2020 12:00:00 +0000\n"
	const head = date + top
	const latin1 = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n"
	const japanese = "\x1b$BF|K\\8l\x1b(B\n"
	return [][2]string{
		{"quoted-printable", head + latin1 + "\nSch=F6ne Gr=FC=DFe an al=\nle Welt=20\n"},
		{"base64", head + "Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\n" + b64("Schöne Grüße aus der Kodierung") + "\n"},
		{"attachment", head + "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n" + b64("hidden treasure in a file") + "\n"},
		{"html", head + "Content-Type: text/html\n\n<p>Grü&szlig;e <b>mark</b>up</p>\n"},
		{"multipart", head + "Content-Type: multipart/mixed; boundary=xyz\n\npreamble words\n--xyz\nContent-Type: text/plain\nX-Part: parthead\n\npart one text\n" +
			"--xyz\nContent-Type: message/rfc822\n\nSubject: inner subject\nX-Inner: innerhead\n" + date + "\ninner body words\n" +
			"--xyz\nContent-Type: image/png; name=picture.png\n\nnot text at all\n--xyz--\nepilogue words\n"},
		{"digest", head + "Content-Type: multipart/digest; boundary=xyz\n\n--xyz\n\nSubject: digested\n\ndigest body\n--xyz--\n"},
		{"nested", head + "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: multipart/alternative; boundary=inner\n\n--inner\n\nalternative one\n--inner\n" + latin1 +
			"\nalternative zw=F6lf\n--inner--\n--outer\n\nafter inner\n--outer--\n"},
		{"no-boundary", head + "Content-Type: multipart/mixed\n\nno boundary at all\n"},
		{"unknown-charset", head + "Content-Type: text/plain; charset=nonesuch\n\nunknown charset words\n"},
		{"iso-2022-jp", head + "Content-Type: text/plain; charset=iso-2022-jp\n\n" + japanese},
		{"type-without-subtype", head + "Content-Type: text\n\ntype without subtype\n"},
		{"garbage-type", head + "Content-Type: garbage\n\ntype is garbage\n"},
		{"unknown-encoding", head + "Content-Transfer-Encoding: x-unknown\n\nunknown encoding words\n"},
		{"delivery-status", head + "Content-Type: message/delivery-status\n\nReporting-MTA: dns; example.org\n"},
		{"addresses", date + "From: \"Tanaka, Yuki\" <yuki@example.jp>\nTo: undisclosed-recipients:;\nCc: a@example.org,\n b@example.org (Comment Text)\nBcc: =?utf-8?q?J=C3=B6rg?= <joerg@example.de>\n" +
			"Subject: folded\n subject   with  blanks\nX-Empty:\n\nbody\n"},
		{"encoded-words", date + "From: <@route:joe@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?b?IMOWbA==?= plain\nX-Enc: =?iso-8859-1?q?J=F6rg?=\n\nbody\n"},
		{"two-of-each", date + "Subject: first subject\nSubject: second subject\nFrom: one@example.org\nFrom: two@example.org\n\nbody\n"},
		{"unicode", date + "Subject: decomposed e\u0301 and full ＷＩＤＴＨ and ﬁ and ß and İ\nFrom: Σίσυφος <s@example.gr>\n\nΣΊΣΥΦΟΣ body\n"},
		{"empty-subject", date + "Subject:\n\nempty subject\n"},
		{"two-lines", head + "\nline one\nline two\n"},
		{"split-character", head + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nsplit =C3=\n=BCmlaut and broken =C3 =ZZ here=\n"},
	}
}
