package promises

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// promisePaths are the folders of random mailboxes. Dovecot and Cyrus take all of
// them. Some stand below others, and "Lists" is no folder of its own.
var promisePaths = []string{"INBOX", "Sent", "Drafts", "Trash", "Archive", "Archive/2019", "Archive/2020/Q1", "Entwürfe & Ideen", "Lists/go-nuts", "メール/受信", "Spaces  and 'marks'", "Work"}

// mailer makes random messages.
type mailer struct {
	rnd  *rand.Rand
	ugly []imaptest.Case // those that the source keeps in some form
}

// ugliesOf returns the odd messages that a server stores, in some form. The
// largest is left out.
func ugliesOf(kind string) (some []imaptest.Case) {
	for _, c := range imaptest.Ugly() {
		if _, stored := c.Outcome(verdictOf(kind)(c)); stored && len(c.Octets) < 4<<20 {
			some = append(some, c)
		}
	}
	return some
}

// verdictOf is what a kind of server does with odd messages. Cyrus rewrites 8-bit
// headers here, as it does by default.
func verdictOf(kind string) func(imaptest.Case) imaptest.Verdict {
	if kind == "cyrus" {
		return harness.OfMunging
	}
	return harness.OfDovecot
}

// stores returns the octets that a kind of server serves of a message that it
// takes.
func stores(kind string, octets []byte) []byte {
	if kind == "cyrus" {
		return imaptest.CyrusMunges(octets)
	}
	return imaptest.DovecotStores(octets)
}

var systemFlags = []string{`\Seen`, `\Answered`, `\Flagged`, `\Draft`, `\Deleted`}

// flags is a random choice of flags.
func (m *mailer) flags() (flags []string) {
	for _, flag := range append(slices.Clone(systemFlags), "$Forwarded", "$Label1", "Work") {
		if m.rnd.IntN(6) == 0 {
			flags = append(flags, flag)
		}
	}
	return flags
}

// date is a random date of arrival in a random zone, at times the same again.
func (m *mailer) date() time.Time {
	zone := time.FixedZone("", []int{0, 3600, -18000, 19800, 32400}[m.rnd.IntN(5)])
	return time.Date(2012, 3, 4, 5, 6, 7, 0, zone).Add(time.Duration(m.rnd.IntN(200_000)) * time.Minute)
}

// word is a random identifier.
func (m *mailer) word() string { return fmt.Sprintf("%012x", m.rnd.Uint64()>>16) }

// family makes one to four messages that are alike in some respect.
func (m *mailer) family() []imaptest.Message {
	id, date := m.word(), "Date: "+m.date().Format(time.RFC1123Z)+"\r\n"
	head := "Message-ID: <" + id + "@promise.example>\r\n" + date + "From: Ann <ann@example.net>\r\nSubject: " + id + "\r\n"
	texts := make([]string, 2+m.rnd.IntN(3))
	for i := range texts {
		texts[i] = "text " + m.word() + "\r\n" // all of one length
	}
	var all []string
	switch m.rnd.IntN(12) {
	case 0: // one key, other texts
		for _, text := range texts {
			all = append(all, head+"\r\n"+text)
		}
	case 1: // one key, texts of other lengths
		for i, text := range texts {
			all = append(all, head+"\r\n"+strings.Repeat(text, i+1))
		}
	case 2: // the same octets
		for range texts {
			all = append(all, head+"\r\n"+texts[0])
		}
	case 3: // one key, other ways to us
		for i, text := range texts {
			all = append(all, fmt.Sprintf("Received: from a by b%d; %s\r\n%s\r\n%s", i, m.date().Format(time.RFC1123Z), head, text))
		}
	case 4: // no Message-ID
		for _, text := range texts {
			all = append(all, date+"From: root@host\r\nTo: admin@host\r\nSubject: backup OK\r\n\r\n"+text)
		}
	case 5: // no field of a key
		for _, text := range texts {
			all = append(all, "X-Mailer: old\r\n\r\n"+text)
		}
	case 6: // one Message-ID, other dates
		for _, text := range texts {
			all = append(all, strings.Replace(head, date, "Date: "+m.date().Format(time.RFC1123Z)+"\r\n", 1)+"\r\n"+text)
		}
	case 7: // octets above 127 in the header, which Cyrus masks
		all = append(all, "X-Name: Ren\xe9\r\n"+head+"To: J\xf6rg <j\xf6rg@example.org>\r\n\r\n"+texts[0])
	case 8:
		if m.rnd.IntN(8) == 0 { // larger than the part of a record
			all = append(all, head+"\r\n"+strings.Repeat(texts[0], (1<<20+m.rnd.IntN(1<<20))/len(texts[0])))
			break
		}
		all = append(all, head+"\r\n"+strings.Repeat(texts[0], m.rnd.IntN(5000)))
	case 9:
		all = append(all, string(m.ugly[m.rnd.IntN(len(m.ugly))].Octets))
	default:
		all = append(all, string(imaptest.Generate(m.rnd.Uint64(), 1)[0].Octets))
	}
	return m.dated(all)
}

// dated gives messages flags and dates: of a family at times all the same.
func (m *mailer) dated(all []string) (family []imaptest.Message) {
	equal := m.rnd.IntN(2) == 0
	first := imaptest.Message{Flags: m.flags(), InternalDate: m.date()}
	for _, octets := range all {
		one := first
		if !equal {
			one.Flags, one.InternalDate = m.flags(), m.date()
		}
		one.Octets = []byte(octets)
		family = append(family, one)
	}
	return family
}

// spec deals n families or so over random folders.
func (m *mailer) spec(n int) imaptest.Spec {
	folders := []imaptest.Folder{{Path: "INBOX"}}
	for _, path := range promisePaths[1:] {
		if m.rnd.IntN(2) == 0 || path == "Archive" { // which choices name
			folders = append(folders, imaptest.Folder{Path: path, Subscribed: m.rnd.IntN(2) == 0})
		}
	}
	for range n {
		place, together := m.rnd.IntN(len(folders)), m.rnd.IntN(3) > 0
		for _, message := range m.family() {
			if !together {
				place = m.rnd.IntN(len(folders))
			}
			folders[place].Messages = append(folders[place].Messages, message)
		}
	}
	return imaptest.Spec{Folders: folders}
}

// part is a random part of what a server was filled with, in random order, with
// other flags and dates at times, and some mail of its own.
func (m *mailer) part(whole imaptest.Spec) imaptest.Spec {
	share := m.rnd.IntN(5) // of 4
	var folders []imaptest.Folder
	for _, f := range whole.Folders {
		part := imaptest.Folder{Path: f.Path}
		for _, message := range f.Messages {
			if m.rnd.IntN(4) >= share {
				continue
			}
			if m.rnd.IntN(4) == 0 {
				message.Flags = m.flags()
			}
			part.Messages = append(part.Messages, message)
		}
		if m.rnd.IntN(3) == 0 {
			part.Messages = append(part.Messages, m.family()...)
		}
		m.rnd.Shuffle(len(part.Messages), func(i, j int) { part.Messages[i], part.Messages[j] = part.Messages[j], part.Messages[i] })
		if len(part.Messages) > 0 || m.rnd.IntN(3) == 0 {
			folders = append(folders, part)
		}
	}
	if m.rnd.IntN(2) == 0 {
		folders = append(folders, imaptest.Folder{Path: "Own", Messages: m.family()})
	}
	return imaptest.Spec{Folders: folders}
}
