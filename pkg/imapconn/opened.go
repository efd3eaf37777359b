package imapconn

import (
	"strconv"
	"strings"
)

// opened is what a server says when it opens a mailbox.
type opened struct {
	Selected
	counted   bool // EXISTS has come
	permanent bool // and PERMANENTFLAGS
	shown     emptyCheck
}

// take takes one response to SELECT or EXAMINE.
func (o *opened) take(c *conn, resp *response) {
	switch resp.typ {
	case "EXISTS":
		o.Messages, o.counted = resp.num, true
	case "FLAGS":
		o.Flags = flagList(c.text[c.pos:])
	case "OK", "NO":
		o.permanent = o.permanent || resp.status.code == "PERMANENTFLAGS"
		o.note(&resp.status)
	}
}

// count is for servers that do not say how many messages there are: those that
// FETCH shows.
func (o *opened) count(c *conn) error {
	_, err := c.run(c.command("FETCH 1:* (UID)"), func(resp *response) error {
		if resp.typ == "FETCH" && resp.num > o.Messages {
			o.Messages = resp.num
			c.progress()
		}
		return nil
	})
	if err != nil && c.err != nil {
		return err
	}
	return nil
}

// note reads the codes that describe a mailbox.
func (o *opened) note(st *status) {
	switch st.code {
	case "UIDVALIDITY":
		o.UIDValidity = number64(st.args)
	case "UIDNEXT":
		o.UIDNext = number64(st.args)
	case "HIGHESTMODSEQ":
		o.HighestModSeq, _ = strconv.ParseUint(st.args, 10, 64)
	case "PERMANENTFLAGS":
		o.AnyKeyword = strings.Contains(st.args, `\*`)
		o.PermanentFlags = flagList([]byte(st.args))
	}
}

// guessUIDNext is for servers that do not tell, or tell what cannot be: one above
// the last message.
func (o *opened) guessUIDNext(c *conn) error {
	if o.Messages == 0 {
		return nil
	}
	last := uint64(0)
	_, err := c.run(c.command("UID FETCH * (UID)"), func(resp *response) error {
		if resp.typ != "FETCH" {
			return nil
		}
		var m fetched
		err := c.fetch.read(&m, &wanted{})
		last = max(last, m.UID)
		return err
	})
	if err != nil && c.err != nil {
		return err
	}
	if last > 0 {
		o.UIDNext = max(o.UIDNext, last+1)
	}
	return nil
}
