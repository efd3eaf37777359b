package main

import "github.com/imap-pipe/imap-pipe/pkg/imaptest"

// folderNames need no quoting beyond the quotes, so that a floor is only what
// it has to be.
var folderNames = []string{"INBOX", "Archive", "Archive/2019", "Archive/2020", "Drafts", "Lists/announce", "Sent",
	"Work"}

type folder struct {
	name     string
	messages []imaptest.Message
}

type corpus []folder

// deal puts the messages into the folders in turn.
func deal(messages []imaptest.Message) corpus {
	c := make(corpus, len(folderNames))
	for i, name := range folderNames {
		c[i].name = name
	}
	for i, m := range messages {
		f := &c[i%len(c)]
		f.messages = append(f.messages, m)
	}
	return c
}

func (c corpus) octets() (n int) {
	for _, f := range c {
		for _, m := range f.messages {
			n += len(m.Octets)
		}
	}
	return n
}
