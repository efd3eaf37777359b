package harness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// paths are eight folders that hold mail, one that is empty, and a parent,
// "Lists", that is no folder itself.
var paths = []string{"INBOX", "Sent", "Entwürfe & Ideen", `Say "hello" \o`, "Lists/go-nuts", "Spaces  and 'marks'",
	"メール/受信", "Archive/2019/Q1"}

const (
	EmptyPath  = "Nothing here"
	UglyPath   = "Ugly"
	QuotedPath = `Say "hello" \o` // Cyrus has no such names
)

// Mail deals n letters over the folders, with every system flag, keywords and
// arrival dates in several zones.
func Mail(n int) imaptest.Spec {
	spec := imaptest.Spec{}
	for i, path := range paths {
		spec.Folders = append(spec.Folders, imaptest.Folder{Path: path, Subscribed: i%2 == 0})
	}
	for i, m := range imaptest.Generate(4711, n) {
		if i%11 == 0 {
			m.Flags = append(slices.Clone(m.Flags), `\Deleted`)
		}
		place := i * i % len(paths) // most of it to three of them
		if i%3 == 0 {
			place = i / 3 % len(paths)
		}
		f := &spec.Folders[place]
		f.Messages = append(f.Messages, m)
	}
	spec.Folders = append(spec.Folders, imaptest.Folder{Path: EmptyPath, Subscribed: true})
	return spec
}

// WithUgly adds the whole corpus of odd messages as a folder.
func WithUgly(spec imaptest.Spec) imaptest.Spec {
	spec.Folders = append(slices.Clone(spec.Folders), imaptest.UglyFolder(UglyPath))
	return spec
}

// WithOdd adds those odd messages that every server keeps, the largest left
// out, among them several with one key and several with the same octets.
func WithOdd(spec imaptest.Spec) imaptest.Spec {
	odd := imaptest.Folder{Path: "Odd"}
	for i, c := range imaptest.Ugly() {
		if c.Dovecot.Kept() && c.CyrusMunge.Kept() && len(c.Octets) < 4<<20 {
			odd.Messages = append(odd.Messages, c.Message(i))
		}
	}
	spec.Folders = append(slices.Clone(spec.Folders), odd)
	return spec
}

// Letter makes a small message.
func Letter(id, body string) []byte {
	return []byte("Message-ID: <" + id +
		"@example.org>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nFrom: Joe <joe@example.org>\r\nSubject: " + id +
		"\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
}

// Day is an arrival date.
func Day(n int) time.Time {
	return time.Date(2015, 6, 1, 12, 0, 0, 0, time.FixedZone("", 2*3600)).AddDate(0, 0, n)
}

// Draw makes a message that may have the key, the date or the text of others.
func Draw(rnd *rand.Rand) imaptest.Message {
	id := []string{"alpha", "beta"}[rnd.IntN(2)]
	text := []string{"one\n", "two\n", "three\n"}[rnd.IntN(3)]
	octets := Letter(id, text)
	if rnd.IntN(3) == 0 {
		octets = append([]byte(fmt.Sprintf("Received: by host%d; Sat, 03 Mar 2012 10:11:12 +0100\r\n", rnd.IntN(2))),
			octets...)
	}
	return imaptest.Message{Octets: octets, InternalDate: Day(rnd.IntN(2))}
}

// Letters are put into INBOX.
func Letters(s *imaptest.Server, user string, all ...imaptest.Message) Account {
	s.Account(user).AddMailbox("INBOX")
	for _, m := range all {
		s.Account(user).AddMessage("INBOX", m.Flags, m.InternalDate, m.Octets)
	}
	return Embedded(s, user)
}

// Notes are small messages of different keys.
func Notes(names ...string) (messages []imaptest.Message) {
	for i, name := range names {
		messages = append(messages, imaptest.Message{Octets: Letter(name, "Hello "+name+"\n"), InternalDate: Day(i)})
	}
	return messages
}

// Large returns the messages of the corpus whose bodies travel in parts; a plain run
// draws one of them.
func Large(t *testing.T) []imaptest.Message {
	var all []imaptest.Message
	for i, c := range imaptest.Ugly() {
		if c.Large {
			all = append(all, c.Message(i))
		}
	}
	return SomeOf(t, 1, all)
}

// Huge makes one message of about n octets.
func Huge(n int) []byte {
	const line = "All work and no play makes Joe a dull boy, and all play and no work a mere toy.\r\n"
	octets := append(make([]byte, 0, n+1000), Letter("huge", "")...)
	for i := 0; len(octets) < n; i++ {
		octets = append(octets, line...)
		if i%1000 == 0 {
			octets = fmt.Appendf(octets, "line %d\r\n", i)
		}
	}
	return octets
}
