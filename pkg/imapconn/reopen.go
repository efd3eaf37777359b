package imapconn

import "context"

// Reopen opens the mailbox of x anew on a new connection, which remembers
// nothing, and returns what Status says of it just before. A server that shows
// fewer messages than that contradicts itself. It resumes.
func (x *Selected) Reopen(ctx context.Context) (*Selected, Status, error) {
	x.s.Close()
	told, err := x.status(ctx, x.s.Status)
	if err != nil {
		return nil, told, err
	}
	again, err := x.s.open(ctx, x.command, x.Wire)
	return again, told, err
}

// StatusNow returns what STATUS says of the mailbox of x now, and nothing else. It
// resumes.
func (x *Selected) StatusNow(ctx context.Context) (Status, error) {
	return x.status(ctx, x.s.askStatus)
}

func (x *Selected) status(ctx context.Context, ask func(context.Context, []Mailbox, bool) ([]StatusResult,
	error)) (Status, error) {
	results, err := ask(ctx, []Mailbox{{Name: mailboxName(x.Wire), Wire: x.Wire}}, false)
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return Status{}, err
	}
	return results[0].Status, nil
}
