package imapconn

import (
	"errors"

	"github.com/emersion/go-imap/v2"
)

// Field is one thing that a server says of itself (RFC 2971). Both are valid
// UTF-8 and not safe to print.
type Field struct{ Name, Value string }

// program is what we are called in ID.
const program = "imap-pipe"

// maxFields bounds what is kept of a server's ID; RFC 2971 allows 30.
const maxFields = 100

// identify tells the server who we are, and no more than that, and hears who it
// is. Some give no mailbox to clients that do not introduce themselves.
func (c *conn) identify(o *Options) error {
	if o.NoID || !c.caps.has("ID") {
		return nil
	}
	k := c.command(`ID ("name"`).astring(program)
	if isQuotable(o.Version) && o.Version != "" {
		k.text(` "version"`).astring(o.Version)
	}
	_, err := c.run(k.text(")"), func(resp *response) error {
		if resp.typ != "ID" {
			return nil
		}
		return c.idResponse()
	})
	var no *imap.Error
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// idResponse reads what follows "* ID ": names and values by turns, or NIL.
func (c *conn) idResponse() error {
	var id []Field
	if c.blanks(); !c.accept('(') {
		return nil
	}
	for c.blanks(); !c.accept(')'); c.blanks() {
		if c.pos >= len(c.text) && c.lit < 0 || len(id) == maxFields {
			return errMalformed
		}
		name, _, err := c.str(maxText)
		if err != nil {
			return err
		}
		f := Field{Name: serverText(c.secrets.hide(string(name)))}
		value, isNil, err := c.str(maxLiteral)
		if err != nil {
			return err
		}
		if !isNil {
			f.Value = serverText(c.secrets.hide(string(value)))
		}
		id = append(id, f)
	}
	c.id = id
	return nil
}
