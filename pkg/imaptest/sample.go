package imaptest

import "strings"

// samplePaths are folders of every kind that a server may hold: nested, with
// blanks, ampersands, apostrophes and letters beyond ASCII, as far as Cyrus
// allows them too. "Projects" and "Lists"
// are no folders of their own, so that they become \Noselect parents.
var samplePaths = []string{"INBOX", "Sent", "Drafts", "Archive", "Archive/2019", "Archive/2020/Q1", "Entwürfe",
	"Projects/A & B",
	"Projects/v2 (old)", "Lists/go-nuts", "メール/受信", "🙂", "Spaces  and 'marks'", "Empty"}

// quotedPath needs every escape of a quoted string. Cyrus 3.6 answers its
// CREATE with "NO Invalid mailbox name".
const quotedPath = `Projects/"quoted" \ name`

// Spread deals messages over the sample's folders in turn, two thirds of them
// to the first four; the last folder stays empty. Every other folder is
// subscribed.
func Spread(messages []Message) Spec {
	spec := Spec{Folders: make([]Folder, len(samplePaths))}
	for i, path := range samplePaths {
		spec.Folders[i] = Folder{Path: path, Subscribed: i%2 == 0}
	}
	for i, message := range messages {
		place := i / 3 % (len(samplePaths) - 1)
		if i%3 != 0 {
			place = i % 4
		}
		folder := &spec.Folders[place]
		folder.Messages = append(folder.Messages, message)
	}
	return spec
}

// Sample is a small account for demonstrations: 240 letters in a dozen
// folders, some odd messages that every server keeps, and one of 3 MiB.
func Sample() Spec {
	spec := Spread(Generate(2024, 240))
	odd := Folder{Path: "Odd"}
	for i, c := range Ugly() {
		kept := c.Dovecot.Kept() && c.CyrusMunge.Kept()
		if kept && (!c.Large || strings.HasPrefix(c.Name, "text-")) {
			odd.Messages = append(odd.Messages, c.Message(i))
		}
	}
	quoted := Folder{Path: quotedPath, Messages: Generate(2025, 3)}
	spec.Folders = append(spec.Folders, odd, quoted)
	return spec
}
