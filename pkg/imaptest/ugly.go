package imaptest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Case is one message that has broken a mail program before.
type Case struct {
	Name   string
	Octets []byte
	Marks

	// What real servers do with it: Dovecot 2.3.19.1 and Cyrus IMAP 3.6.1.
	Dovecot    Verdict
	Cyrus      Verdict // with munge8bit: 0
	CyrusMunge Verdict // with its default, munge8bit: 1
}

// Message gives the case flags and a date, made from its place in the corpus.
func (c Case) Message(place int) Message {
	flags := [][]string{{`\Seen`}, nil, {`\Answered`, `\Seen`}, {`\Flagged`}, {`$Label1`, `\Seen`}}
	zone := time.FixedZone("", (place%27-12)*3600)
	return Message{c.Octets, flags[place%len(flags)], time.Date(2012, 3, 4, 5, 6, 7, 0, zone).
		Add(time.Duration(place) * 25 * time.Hour)}
}

// UglyFolder is the whole corpus as one folder, in the order of Ugly.
func UglyFolder(path string) Folder {
	folder := Folder{Path: path}
	for i, c := range Ugly() {
		folder.Messages = append(folder.Messages, c.Message(i))
	}
	return folder
}

// Ugly returns the corpus of odd messages, the same at each call; octets must
// not be altered. Every name is used once; names that end in a number belong
// together.
func Ugly() []Case { return slices.Clone(corpus()) }

var corpus = sync.OnceValue(makeCorpus)

func makeCorpus() []Case {
	var cases []Case
	for _, group := range [][]Case{lineEndings(), headerless(), headers(), bodies(), keys(), large()} {
		cases = append(cases, group...)
	}
	for i := range cases {
		cases[i].Marks = marksOf(cases[i].Octets)
		cases[i].judge()
	}
	return cases
}

// ugly makes a case out of an ordinary header and a body.
func ugly(name, body string) Case {
	return Case{Name: name, Octets: []byte(ordinaryHeader(name) + "\r\n" + body)}
}

// rawCase makes a case out of all its octets.
func rawCase(name, octets string) Case { return Case{Name: name, Octets: []byte(octets)} }

func ordinaryHeader(name string) string {
	return fmt.Sprintf("Message-ID: <ugly.%s@example.org>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: Joe "+
		"<joe@example.org>\r\nTo: Ann <ann@example.net>\r\nSubject: %s\r\n", name, name)
}

func toLF(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func lineEndings() []Case {
	return []Case{
		ugly("plain", "Hello Ann\r\n"),
		rawCase("bare-lf", toLF(ordinaryHeader("bare-lf"))+"\nHello\nAnn\n"),
		ugly("bare-lf-body", "Hello\nAnn\r\nwith\n\nboth\r\n"),
		rawCase("bare-lf-header", toLF(ordinaryHeader("bare-lf-header"))+"\r\nHello\r\n"),
		rawCase("bare-lf-empty-line", ordinaryHeader("bare-lf-empty-line")+"\nHello\r\n"),
		ugly("bare-cr", "one\rtwo\r\nthree\r\rfour\r\n"),
		rawCase("bare-cr-header", "X-Odd: one\rtwo\r\n"+ordinaryHeader("bare-cr-header")+"\r\nHello\r\n"),
		ugly("crcrlf", "one\r\r\ntwo\r\r\n"),
		ugly("crcrcrlf", "one\r\r\r\ntwo\r\n"),
		ugly("cr-last", "one\r\ntwo\r"),
		ugly("no-final-newline", "one\r\ntwo"),
		ugly("lf-last", "one\r\ntwo\n"),
		ugly("newlines-only-body", "\r\n\r\n\r\n\r\n"),
	}
}

func headerless() []Case {
	return []Case{
		rawCase("empty", ""),
		rawCase("one-octet", "x"),
		rawCase("one-crlf", "\r\n"),
		rawCase("one-lf", "\n"),
		rawCase("no-header", "Hello Ann\r\nthis has no header at all\r\n\r\nand goes on\r\n"),
		rawCase("empty-line-first", "\r\nHello Ann\r\nno header before the empty line\r\n"),
		rawCase("header-only", ordinaryHeader("header-only")+"\r\n"),
		rawCase("no-empty-line", ordinaryHeader("no-empty-line")),
		rawCase("cut-header", strings.TrimSuffix(ordinaryHeader("cut-header"), "\r\n")),
		rawCase("from-line", "From joe@example.org Sat Mar  3 10:11:12 2012\r\n"+ordinaryHeader("from-line")+
			"\r\nHello\r\n"),
		rawCase("quoted-from-line", ">From joe@example.org Sat Mar  3 10:11:12 2012\r\n"+
			ordinaryHeader("quoted-from-line")+"\r\nHello\r\n"),
		rawCase("continuation-first", "\tfolded from nowhere\r\n"+ordinaryHeader("continuation-first")+"\r\nHello\r\n"),
		rawCase("bom-first", "\ufeff"+ordinaryHeader("bom-first")+"\r\nHello\r\n"),
	}
}

func headers() []Case {
	with := func(name, line string) Case {
		return rawCase(name, ordinaryHeader(name)+line+"\r\n\r\nHello\r\n")
	}
	many := strings.Builder{}
	for i := range 1200 {
		fmt.Fprintf(&many, "X-Line-%d: %d\r\n", i, i)
	}
	return []Case{
		with("header-latin1", "X-Name: Ren\xe9 M\xfcller"),
		with("header-utf8", "X-Name: René Müller 日本語"),
		rawCase("subject-latin1",
			"Message-ID: <ugly.subject-latin1@example.org>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: Ren\xe9 "+
				"<rene@example.org>\r\nSubject: Gr\xfc\xdfe\r\n\r\nHello\r\n"),
		with("header-name-8bit", "X-N\xe4me: value"),
		with("header-nul", "X-Nul: a\x00b"),
		with("header-controls", "X-Odd: bell\x07 escape\x1b[2J delete\x7f"),
		with("no-colon-line", "this line has no colon"),
		with("blank-before-colon", "X-Blank : value"),
		with("empty-name", ": nameless"),
		with("blank-in-name", "X Blank: value"),
		with("empty-value", "X-Empty:"),
		with("blank-continuation", "X-Folded: one\r\n \t \r\n two"),
		with("bad-encoded-word", "X-Word: =?utf-8?B?////?= =?nonesuch?Q?x?= =?utf-8?Q?=ZZ?="),
		with("bidi-and-escape", "X-Show: =?utf-8?Q?=E2=80=AEgnp.exe=1B=5D52;c;AAAA=07?="),
		with("long-header-line", "X-Long: "+strings.Repeat("abcdefg ", 16<<10)),
		with("many-folds", "X-Folded: x"+strings.Repeat("\r\n\tfolded", 3000)),
		rawCase("many-header-lines", many.String()+ordinaryHeader("many-header-lines")+"\r\nHello\r\n"),
		rawCase("upper-case-names", strings.NewReplacer("Message-ID", "MESSAGE-ID", "Date", "DATE", "Subject",
			"SUBJECT").Replace(ordinaryHeader("upper-case-names"))+"\r\nHello\r\n"),
		rawCase("bad-date",
			"Message-ID: <ugly.bad-date@example.org>\r\nDate: 31 Foo 20012 25:61:61 +9999\r\nSubject: bad "+
				"date\r\n\r\nHello\r\n"),
		rawCase("folded-message-id",
			"Message-ID:\r\n <ugly.folded-message-id@example.org>\r\nDate:  Sat, 03 Mar 2012\r\n\t10:11:12 "+
				"+0100\r\n\r\nHello\r\n"),
	}
}

func bodies() []Case {
	var octets bytes.Buffer
	for b := 1; b < 256; b++ {
		if b != '\r' && b != '\n' {
			octets.WriteByte(byte(b))
		}
	}
	mime := "Content-Type: multipart/mixed; boundary=\"b\"\r\nMIME-Version: 1.0\r\n"
	return []Case{
		ugly("nul-body", "a\x00b\r\n\x00\x00\r\n"),
		ugly("latin1-body", "Gr\xfc\xdfe aus K\xf6ln\r\n"),
		ugly("utf8-body", "Grüße 日本語 🙂 \u2028 \ufeff e\u0301\r\n"),
		ugly("invalid-utf8-body", "cut \xe2\x82 surrogate \xed\xa0\x80 overlong \xc0\xaf\r\n"),
		ugly("all-octets", octets.String()+"\r\n"),
		ugly("from-in-body", "Hello\r\n\r\nFrom here on it is mine\r\n>From there on yours\r\n"),
		ugly("dots", ".\r\n..\r\n.\r\n"),
		ugly("imap-commands", "a1 LOGOUT\r\na2 CREATE pwned\r\na3 APPEND INBOX {5}\r\n)\r\n* BYE\r\n+ go\r\n"),
		ugly("imap-literals", "{5}\r\n{5+}\r\n~{5}\r\nx {4294967296}\r\n"),
		ugly("literal-last", "the last line is {10}\r\n{10}"),
		ugly("trailing-blanks", "blanks   \r\n\ttab\t\r\n \r\n"),
		ugly("long-line", strings.Repeat("0123456789", 1000)+"\r\n"),
		rawCase("broken-mime", ordinaryHeader("broken-mime")+mime+
			"\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nnever closed"),
		rawCase("mime-8bit-part-header", ordinaryHeader("mime-8bit-part-header")+mime+
			"\r\n--b\r\nContent-Disposition: attachment; filename=\"Gr\xfc\xdfe.txt\"\r\n\r\none\r\n--b--\r\n"),
		rawCase("nested-message", ordinaryHeader("nested-message")+"Content-Type: message/rfc822\r\n\r\n"+
			ordinaryHeader("inner")+"\r\ninner\r\n"),
	}
}

func keys() []Case {
	same := "Message-ID: <ugly.same@example.org>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: same\r\n\r\n"
	return []Case{
		rawCase("no-message-id",
			"Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: joe@example.org\r\nSubject: no id\r\n\r\nHello\r\n"),
		rawCase("no-date", "Message-ID: <ugly.no-date@example.org>\r\nSubject: no date\r\n\r\nHello\r\n"),
		rawCase("only-subject", "Subject: quota warning\r\n\r\nYou have used 91 %\r\n"),
		rawCase("only-odd-field", "X-Odd: 1\r\n\r\nno field that a key is made of\r\n"),
		rawCase("empty-message-id", "Message-ID: \r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\n\r\nHello\r\n"),
		rawCase("two-message-ids",
			"Message-ID: <ugly.first@example.org>\r\nMessage-ID: <ugly.second@example.org>\r\nDate: Sat, 03 Mar 2012 "+
				"10:11:12 +0100\r\n\r\nHello\r\n"),
		rawCase("same-key-1", same+"one\r\n"),
		rawCase("same-key-2", same+"two, and longer\r\n"),
		rawCase("identical-1", same+"identical\r\n"),
		rawCase("identical-2", same+"identical\r\n"),
		rawCase("identical-3", same+"identical\r\n"),
	}
}

func large() []Case {
	const line = "All work and no play makes Joe a dull boy.\r\n"
	rnd := randomFor(7, 7)
	binary := make([]byte, 9<<20)
	for i := range binary {
		binary[i] = byte(rnd.Uint32()) | 0x80 // neither NUL nor a line end, and no UTF-8
		if i%1000 >= 998 {
			binary[i] = "\r\n"[i%1000-998]
		}
	}
	return []Case{
		ugly("line-of-1mb", strings.Repeat("x", 1<<20)+"\r\n"),
		ugly("text-of-3mib", strings.Repeat(line, 3<<20/len(line))),
		ugly("binary-of-9mib", string(binary)),
	}
}
