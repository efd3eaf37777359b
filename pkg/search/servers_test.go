package search_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// metadata are criteria about what a server tells of a message without its
// octets.
var metadata = []string{
	"ALL", "SEEN", "UNSEEN", "ANSWERED FLAGGED", "NOT DRAFT", "KEYWORD $Forwarded", "UNKEYWORD $Label1", "KEYWORD work", "KEYWORD NonJunk", "UNDELETED", "OR SEEN NOT (FLAGGED ANSWERED)",
	"UID 1:10,20,30:*", "UID 5000:*", "UID *", "NOT UID 1:100", "UID 4294967295",
	"SINCE 2-Jan-2020", "BEFORE 2-Jan-2020", "ON 2-Jan-2020", "ON 3-Jan-2020", "SINCE 5-Mar-2012 BEFORE 20-Mar-2012", "NOT SINCE 1-Feb-2007", "SINCE 1-Jan-1960", "BEFORE 1-Jan-1960", "SINCE 1-Jan-2040",
	"LARGER 0", "SMALLER 1", "LARGER 3000", "SMALLER 200", "NOT LARGER 3000", "LARGER 2147483647", "OR (SMALLER 300 SEEN) (LARGER 5000 UNSEEN)",
}

// words are criteria about fields and bodies.
var words = []string{
	"SENTSINCE 2-Jan-2020", "SENTBEFORE 2-Jan-2020", "SENTON 2-Jan-2020", "SENTON 1-Jan-2020", "SENTON 1-Jan-2007", "SENTBEFORE 1-Jan-1990", "NOT SENTSINCE 3-Jan-2020", "UNSEEN SENTSINCE 2-Jan-2007", "SENTSINCE 1-Jan-2050",
	"FROM ann", "FROM Renée", "FROM JÖRG", "FROM yuki@example.jp", `FROM "Tanaka, Yuki"`, "FROM example.org", `FROM "Joe <joe"`, `FROM ""`, `FROM "two@"`, `FROM "one@"`, "FROM σίσυφος", "FROM ΣΊΣΥΦΟΣ",
	"TO undisclosed", `TO ""`, "CC b@example.org", `CC "Comment Text"`, "BCC jörg", "OR FROM ann (OR TO ann (CC ann))", "FROM ann UNSEEN LARGER 2000 SINCE 3-Jan-2007",
	"SUBJECT budget", "NOT SUBJECT budget", "SUBJECT grüße", `SUBJECT "Grüße Öl plain"`, `SUBJECT "folded subject with blanks"`, `SUBJECT "folded subject   with"`, `SUBJECT second`, `SUBJECT ""`, `SUBJECT "=?utf-8"`,
	"SUBJECT é", "SUBJECT width", "SUBJECT fi", "SUBJECT ß", "SUBJECT ss", "SUBJECT İ", "SUBJECT i",
	`HEADER X-Empty ""`, `HEADER X-Nope ""`, `HEADER X-Enc jörg`, `HEADER message-id ugly`, `HEADER Received relay0`, `HEADER X-Part parthead`, `HEADER Subject inner`, `HEADER X-Folded "folded folded"`,
	"HEADER X-Name müller", "HEADER X-Odd 1", "HEADER Date 2020", "HEADER Date EST", "HEADER X-Blank value", "HEADER content-type text",
	"BODY grüße", "BODY schöne", `BODY "an alle Welt"`, "BODY kodierung", "BODY treasure", "BODY markup", `BODY "<b>mark"`, "BODY preamble", "BODY parthead", `BODY "part one"`, `BODY "inner subject"`, "BODY innerhead",
	`BODY "inner body"`, `BODY "not text"`, "BODY epilogue", "BODY digested", `BODY "digest body"`, "BODY zwölf", `BODY "alternative one"`, `BODY "after inner"`, `BODY "no boundary"`, `BODY "unknown charset"`, "BODY 日本語",
	`BODY "without subtype"`, `BODY garbage`, `BODY "unknown encoding"`, "BODY reporting", "BODY hello", "BODY σίσυφος", `BODY "one line"`, "BODY ümlaut", "BODY meeting", "BODY 敬具", `BODY ""`, `BODY "{5}"`, `BODY "a1 LOGOUT"`, `BODY "never closed"`, "BODY xyz",
	"TEXT grüße", "TEXT parthead", "TEXT innerhead", "TEXT picture.png", "TEXT preamble", "TEXT treasure", `TEXT "Subject: test"`, `TEXT "X-Part: parthead"`, "TEXT digested", "TEXT ugly", "TEXT jörg", `TEXT "folded subject"`, "TEXT quoted-printable",
	`TEXT ""`, "NOT TEXT e", `TEXT "no header"`, `TEXT "never closed"`, "TEXT xyz", `TEXT "From joe@"`, `TEXT "no colon"`, "TEXT nameless",
}

// difference is one between a server and us that is meant to be.
type difference struct {
	criteria string // these, or all that begin so
	messages string // their names, or the beginning of them
	why      string
}

// noDate are the messages of which Dovecot reads no date. It takes them for
// sent in 1970.
const noDate = "date-ctime date-hyphens date-iso date-no-clock date-wrong-clock date-3-digits date-1969 date-never date-empty date-32nd " +
	"bad-date no-date one-octet one-crlf one-lf no-header empty-line-first only-subject only-odd-field"

var dovecotDiffers = []difference{
	{"SENT", noDate, "no date is before no day and after none, and more dates are read"},
	{"NOT SENT", noDate, "the same"},
	{"UNSEEN SENT", noDate, "the same"},
	{`SUBJECT "folded subject   with"`, "addresses", "white space of any length is one blank in what is looked for, too"},
	{"SUBJECT fi", "unicode", "a ligature is its letters, whatever their case"},
	{`BODY "without subtype"`, "type-without-subtype", "what has no type is text (RFC 2045 5.2)"},
	{"BODY garbage", "garbage-type", "the same"},
	{`BODY "unknown encoding"`, "unknown-encoding", "what cannot be decoded is looked at as it is"},
}

func isMeant(list []difference, criteria, message string) bool {
	return slices.ContainsFunc(list, func(d difference) bool {
		return strings.HasPrefix(criteria, d.criteria) && slices.ContainsFunc(strings.Fields(d.messages), func(name string) bool { return strings.HasPrefix(message, name) })
	})
}

// Match chooses what Dovecot finds, and so do Dovecot and a residue together.
func TestDovecot(t *testing.T) {
	server := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	compare(t, server, slices.Concat(metadata, words), dovecotDiffers)
}

// Cyrus has a mind of its own about words: it leaves out blanks and accents.
// What it is asked about them it has to take, though.
func TestCyrus(t *testing.T) {
	server := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	compare(t, server, metadata, nil)
	c := dial(t, server.Addr, "joe", server.Password)
	for _, text := range words {
		criteria, err := search.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		program, _ := criteria.Server()
		c.search(program)
	}
}

func compare(t *testing.T, server *imaptest.Real, queries []string, differs []difference) {
	messages := populate(t, server)
	c := dial(t, server.Addr, "joe", server.Password)
	for _, text := range queries {
		criteria, err := search.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ours := chosen(t, criteria, messages, slices.Collect(maps.Keys(messages)))
		theirs := c.search(criteria.Wire())
		program, residue := criteria.Server()
		both := chosen(t, residue, messages, c.search(program))
		for uid, m := range messages {
			our, their, together := slices.Contains(ours, uid), slices.Contains(theirs, uid), slices.Contains(both, uid)
			if (our != their || our != together) && !isMeant(differs, text, m.name) {
				t.Errorf("%s: the message %s: we say %v, %s %v, both together %v", text, m.name, our, server.Kind, their, together)
			}
		}
	}
}

// stored is a message as the server has it.
type stored struct {
	name    string
	message search.Message
}

// populate fills INBOX, and returns what the server keeps by UID.
func populate(t *testing.T, server *imaptest.Real) map[uint64]stored {
	t.Helper()
	all := mailbox()
	folder := imaptest.Folder{Path: "INBOX"}
	for _, m := range all {
		folder.Messages = append(folder.Messages, m.message)
	}
	refused, err := server.Populate("joe", imaptest.Spec{Folders: []imaptest.Folder{folder}})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := imaptest.DumpOctets(server.Addr, "joe", server.Password)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(refused) - 1; i >= 0; i-- {
		all = slices.Delete(all, refused[i].Index, refused[i].Index+1)
	}
	if len(all) != len(entries) || len(all) < 250 {
		t.Fatalf("%d messages, of which the server has %d", len(all), len(entries))
	}
	messages := map[uint64]stored{}
	for i, e := range entries {
		messages[e.UID] = stored{all[i].name, search.Message{
			UID: e.UID, LargestUID: entries[len(entries)-1].UID, Flags: e.Flags, Size: e.RFC822Size, Octets: bytes.NewReader(e.Octets),
			InternalDate: e.InternalDate.In(time.Local), // the server runs in the zone of this machine, too
		}}
	}
	return messages
}

// chosen returns those of some messages that meet criteria.
func chosen(t *testing.T, criteria search.Criteria, messages map[uint64]stored, of []uint64) (uids []uint64) {
	t.Helper()
	for _, uid := range of {
		ok, err := criteria.Match(messages[uid].message)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			uids = append(uids, uid)
		}
	}
	return uids
}
