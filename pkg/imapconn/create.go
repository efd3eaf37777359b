package imapconn

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// ErrExists is returned by Create for a mailbox that is there already.
var ErrExists = errors.New("the folder exists already")

// Create creates a mailbox; name is UTF-8. The error is ErrExists if it is
// there already, also when the server says so without a code. It resumes: a
// mailbox of an attempt whose answer was lost is reported as ErrExists.
func (s *Session) Create(ctx context.Context, name string) error {
	wire, err := folder.EncodeUTF7(name)
	if err != nil {
		return fault.Errorf(fault.Usage, "create folder %s: the name is not UTF-8", quote(name))
	}
	for range 2 { // a refusal may pass
		err = s.do(ctx, func(c *conn) error {
			_, err := c.run(c.command("CREATE").astring(wire), nil)
			return err
		})
		var no *imap.Error
		if errors.As(err, &no) && !IsBusy(err) && !isOverQuota(no) {
			if hasCode(no, imap.ResponseCodeAlreadyExists) || s.exists(ctx, name) {
				return ErrExists
			}
		}
		if !isUnexplained(err) {
			break
		}
	}
	return refused(err, fault.CantCreate, "create folder %s", quote(name))
}

// Exists reports whether there is a mailbox: it is listed, or the server tells
// its STATUS. The error is one that ends the run. It resumes.
func (s *Session) Exists(ctx context.Context, wire string) (bool, error) {
	if s.exists(ctx, folder.FromWire(wire)) {
		return true, nil
	}
	results, err := s.Status(ctx, []Mailbox{{Name: mailboxName(wire), Wire: wire}}, false)
	return err == nil && results[0].Err == nil, err
}

// exists reports whether a mailbox is listed; an error means no.
func (s *Session) exists(ctx context.Context, name string) bool {
	wire, err := folder.EncodeUTF7(name)
	if err != nil {
		return false
	}
	found := false
	err = s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command(`LIST ""`).astring(wire), func(resp *response) error {
			if resp.typ != "LIST" {
				return nil
			}
			entry, err := readListEntry(c.tokenizer)
			found = found || entry.wire == wire // the name is a pattern there
			return err
		})
		return err
	})
	return err == nil && found
}

// Subscribe adds a mailbox to the subscriptions; wire is its name as the server
// spells it. It resumes.
func (s *Session) Subscribe(ctx context.Context, wire string) error {
	err := s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("SUBSCRIBE").astring(wire), nil)
		return err
	})
	return refused(err, fault.Partial, "subscribe folder %s", quote(folder.FromWire(wire)))
}
