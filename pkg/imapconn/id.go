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
func identify(c *conn, o *Options) error {
	if o.NoID || !c.caps.has(imap.CapID) {
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
		id, err := readID(c.tokenizer)
		if err == nil && id != nil { // NIL takes nothing back
			c.id = id
		}
		return err
	})
	var no *imap.Error
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// readID reads what follows "* ID ": names and values by turns, or NIL.
func readID(r *tokenizer) (id []Field, err error) {
	if r.blanks(); !r.accept('(') {
		return nil, nil
	}
	for r.blanks(); !r.accept(')'); r.blanks() {
		if r.pos >= len(r.text) && r.lit < 0 || len(id) == maxFields {
			return nil, errMalformed
		}
		name, _, err := r.str(maxText)
		if err != nil {
			return nil, err
		}
		f := Field{Name: serverText(r.secrets.hide(string(name)))}
		value, isNil, err := r.str(maxLiteral)
		if err != nil {
			return nil, err
		}
		if !isNil {
			f.Value = serverText(r.secrets.hide(string(value)))
		}
		id = append(id, f)
	}
	return id, nil
}
