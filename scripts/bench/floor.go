package main

import (
	"fmt"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// batch is how many messages go with one APPEND (RFC 3502).
const batch = 200

// floorFetch reads every message of an account and drops it.
func floorFetch(address, user string) error {
	return eachFolder(address, user, "UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")
}

// floorIndex reads the two header fields that messages are matched by.
func floorIndex(address, user string) error {
	return eachFolder(address, user, "UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)])")
}

func eachFolder(address, user, command string) error {
	c, err := login(address, user)
	if err != nil {
		return err
	}
	defer c.close()
	for _, name := range folderNames {
		if err := c.do("EXAMINE %q", name); err != nil {
			return err
		}
		if err := c.do("%s", command); err != nil {
			return err
		}
	}
	return nil
}

// floorAppend fills an empty account from memory, by MULTIAPPEND with LITERAL+.
func floorAppend(address, user string, mail corpus) error {
	c, err := login(address, user)
	if err != nil {
		return err
	}
	defer c.close()
	for _, f := range mail {
		if f.name != "INBOX" {
			if err := c.do("CREATE %q", f.name); err != nil {
				return err
			}
		}
		for rest := f.messages; len(rest) > 0; {
			n := min(batch, len(rest))
			if err := c.multiappend(f.name, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	return nil
}

func (c *client) multiappend(mailbox string, messages []imaptest.Message) error {
	c.begin("APPEND %q", mailbox)
	for _, m := range messages {
		c.part(m)
	}
	return c.finish()
}

func (c *client) part(m imaptest.Message) {
	c.w.WriteString(" (" + strings.Join(m.Flags, " ") + ") \"" + m.InternalDate.Format(imaptest.InternalDateLayout) +
		"\" ")
	fmt.Fprintf(c.w, "{%d+}\r\n", len(m.Octets))
	c.w.Write(m.Octets)
}
