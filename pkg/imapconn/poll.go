package imapconn

import "context"

// Count returns how many messages the mailbox holds now, as the server has last
// said (EXISTS, EXPUNGE), and how many were expunged since it was opened. It
// asks nothing; ok is false where the mailbox is not open on the connection, or
// where the server has not said.
func (x *Selected) Count() (messages uint32, expunged int, ok bool) {
	c := x.s.c
	if x.s.stage != nil || c.err != nil || x.s.c.selected != x || c.exists == unknownExists {
		return 0, 0, false
	}
	return c.exists, c.expunges, true
}

// Poll asks the server for news of the mailbox (NOOP), for Count. It opens the
// mailbox again if need be, and resumes.
func (x *Selected) Poll(ctx context.Context) error {
	return x.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("NOOP"), nil)
		return err
	})
}
