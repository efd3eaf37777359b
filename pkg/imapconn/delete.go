package imapconn

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// Delete removes a mailbox with its messages, and the subscription to it; wire
// is its name as the server spells it. It does not resume: what became of a
// DELETE whose answer was lost is for a listing to tell.
func (s *Session) Delete(ctx context.Context, wire string) error {
	if s.c.entered { // some servers refuse to remove what is selected, or hang up
		if _, err := s.Examine(ctx, folder.Inbox); err != nil {
			return err
		}
	}
	c, err := s.live(ctx)
	if err != nil {
		return err
	}
	defer c.watch(ctx)()
	_, err = c.run(c.command("DELETE").astring(wire), nil)
	if c.err == nil && isUnexplained(err) { // it may pass
		_, err = c.run(c.command("DELETE").astring(wire), nil)
	}
	if err != nil {
		return causeOf(ctx, fault.Wrap(fault.Temporary,
			refused(err, fault.Partial, "remove folder %s", quote(folder.FromWire(wire)))))
	}
	_, err = c.run(c.command("UNSUBSCRIBE").astring(wire), nil)
	var no *imap.Error
	if errors.As(err, &no) {
		return nil // it was not subscribed
	}
	return causeOf(ctx, fault.Wrap(fault.Temporary, err))
}
