package promises

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// change is what another client has done to an account.
type change struct {
	words    string
	added    []imaptest.Entry // Path and Octets: as they were sent
	expunged []imaptest.Entry
	flagged  []imaptest.Entry
}

// otherClient is somebody else who works in an account. It panics rather than
// leave something undone, as it is called by proxies too.
type otherClient struct {
	harness.Account
	mailer *mailer
}

// acts does one random thing to a random message, or adds some.
func (o *otherClient) acts() change {
	held, err := imaptest.DumpOctets(o.Addr, o.User, "secret")
	o.must(err)
	rnd := o.mailer.rnd
	if len(held) == 0 || rnd.IntN(3) == 0 {
		return o.adds(held)
	}
	e := held[rnd.IntN(len(held))]
	switch rnd.IntN(5) {
	case 0, 1:
		o.in(e, "UID STORE %d +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE %d")
		return change{words: fmt.Sprintf("expunged %q UID %d", e.Path, e.UID), expunged: []imaptest.Entry{e}}
	case 2:
		to := held[rnd.IntN(len(held))]
		if to.Path != e.Path {
			o.in(e, "UID COPY %d "+o.wireName(to.Path), "UID STORE %d +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE %d")
			added := e
			added.Path = to.Path
			return change{words: fmt.Sprintf("moved %q UID %d to %q", e.Path, e.UID, to.Path), expunged: []imaptest.Entry{e}, added: []imaptest.Entry{added}}
		}
	}
	flags := strings.Join(o.mailer.flags(), " ")
	o.in(e, "UID STORE %d FLAGS.SILENT ("+flags+")")
	return change{words: fmt.Sprintf("%q UID %d has the flags (%s)", e.Path, e.UID, flags), flagged: []imaptest.Entry{e}}
}

// adds appends a family of messages, or copies of what is there, to a folder.
func (o *otherClient) adds(held []imaptest.Entry) change {
	rnd := o.mailer.rnd
	family, path := o.mailer.family(), "INBOX"
	if len(held) > 0 {
		path = held[rnd.IntN(len(held))].Path
		if e := held[rnd.IntN(len(held))]; rnd.IntN(3) == 0 && len(e.Octets) < 1<<20 {
			family = []imaptest.Message{{Octets: e.Octets, Flags: o.mailer.flags(), InternalDate: o.mailer.date()}}
		}
	}
	refused, err := imaptest.Populate(o.Addr, o.User, "secret", imaptest.Spec{Folders: []imaptest.Folder{{Path: path, Messages: family}}})
	o.must(err)
	c := change{words: fmt.Sprintf("added %d to %q, of which %d were refused", len(family), path, len(refused))}
	for i, m := range family {
		if len(refused) > 0 && refused[0].Index == i {
			refused = refused[1:]
			continue
		}
		c.added = append(c.added, imaptest.Entry{Path: path, Octets: m.Octets})
	}
	return c
}

// in gives commands about a message in its folder.
func (o *otherClient) in(e imaptest.Entry, commands ...string) {
	all := []string{"SELECT " + o.wireName(e.Path)}
	for _, c := range commands {
		all = append(all, strings.ReplaceAll(c, "%d", strconv.FormatUint(e.UID, 10)))
	}
	_, err := o.Converse(all...)
	o.must(err)
}

// wireName spells a folder, in quotes, as the server does.
func (o *otherClient) wireName(path string) string {
	boxes, err := imaptest.Mailboxes(o.Addr, o.User, "secret")
	o.must(err)
	for _, box := range boxes {
		if box.Path == path {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(box.Wire) + `"`
		}
	}
	panic("there is no folder " + path)
}

func (o *otherClient) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("the other client of %s: %v", o.User, err))
	}
}
