package imapconn

import "context"

// Some servers say 0 EXISTS of a mailbox that holds mail, now or for ever: their
// counts are those of a cache. So a mailbox that claims to be empty is asked what
// it shows. This costs no round trip where it goes with the command that opens it.

// emptyCheck is what FETCH and SEARCH show of a mailbox that claims to be empty. Each
// number is a lower bound: UIDs count as long as they rise.
type emptyCheck struct {
	fetched, searched      uint32
	lastFetched, lastFound uint64
}

// emptyCheckCommands ask an open mailbox what it shows. A server may refuse both where
// there is nothing.
func emptyCheckCommands(c *conn) []*command {
	return []*command{c.command("UID FETCH 1:* (UID)"), c.command("UID SEARCH ALL")}
}

// response takes one response to emptyCheckCommands.
func (v *emptyCheck) response(c *conn, resp *response) error {
	switch resp.typ {
	case "FETCH":
		var m fetched
		if err := c.fetch.read(&m, &wanted{}); err != nil {
			return err
		}
		if m.got&gotUID != 0 && m.UID > v.lastFetched {
			v.fetched, v.lastFetched = v.fetched+1, m.UID
			v.progress(c, v.fetched)
		}
	case "SEARCH":
		readNumbers(c.tokenizer, func(uid uint64) {
			if uid > v.lastFound {
				v.searched, v.lastFound = v.searched+1, uid
			}
		})
		v.progress(c, 0)
	}
	return nil
}

// progress notes progress, as long as the number of messages can be believed.
func (v *emptyCheck) progress(c *conn, n uint32) {
	if n < maxFound {
		c.progress()
	}
}

// apply completes what a server has said of a mailbox: the larger number counts.
func (v *emptyCheck) apply(x *Status) {
	x.Messages = max(x.Messages, v.fetched, v.searched)
	if last := max(v.lastFetched, v.lastFound); last > 0 {
		x.UIDNext = max(x.UIDNext, last+1)
	}
}

// SelectEmpty is Select for a mailbox that is expected to be empty. If it claims to
// be, what FETCH and SEARCH show of it counts. It takes one round trip.
func (s *Session) SelectEmpty(ctx context.Context, wire string) (*Selected, error) {
	return s.openWith(ctx, "SELECT", wire, true)
}

// CheckEmpty asks a mailbox that claims to be empty what it shows: this counts. It asks
// nothing of others, and resumes.
func (x *Selected) CheckEmpty(ctx context.Context) error {
	if x.Messages > 0 {
		return nil
	}
	var v emptyCheck
	err := x.do(ctx, func(c *conn) error {
		v = emptyCheck{}
		ks := append([]*command{c.command("NOOP")}, emptyCheckCommands(c)...)
		_, err := c.runAll(ks, nil, func(resp *response) error { return v.response(c, resp) })
		if x.s.isAnswer(err) {
			return nil
		}
		return err
	})
	v.apply(&x.Status)
	return err
}
