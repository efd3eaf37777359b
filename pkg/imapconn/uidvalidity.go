package imapconn

import (
	"context"
	"time"
)

// nextSecond is how long after one look another shows another second of the
// server's clock.
const nextSecond = 1100 * time.Millisecond

// Unstable looks at the UIDVALIDITY of x again, more than a second later, and
// reports whether the server gives another at each look, or another in STATUS
// than here: then it says nothing of whether the folder is the one that it
// was. If all looks agree, the folder was replaced. It resumes.
//
// Seen: Courier and GNU imap4d give a mailbox its UIDVALIDITY when it is
// SELECTed for the first time, and answer with the clock until then.
func (x *Selected) Unstable(ctx context.Context) (bool, error) {
	if err := x.s.sleep(ctx, nextSecond-time.Since(x.opened)); err != nil {
		return false, err
	}
	told, err := x.StatusNow(ctx)
	if err != nil {
		return false, err
	}
	again, err := x.s.open(ctx, x.command, x.Wire)
	if err != nil {
		return false, err
	}
	x.s.c.selected = x // its messages are those of again
	return again.UIDValidity != x.UIDValidity || told.UIDValidity != 0 && told.UIDValidity != x.UIDValidity, nil
}

// Current reports whether x is the mailbox that is open, on a connection that
// has not been lost.
func (x *Selected) Current() bool { return x.s.c.err == nil && x.s.c.selected == x }

// SettledUIDValidity asks for the UIDVALIDITY of a mailbox that is about to be selected.
// Where it is not the one that is known, the next second of the server's clock
// is waited for, so that SELECT cannot show it again by chance. It resumes.
func (s *Session) SettledUIDValidity(ctx context.Context, box Mailbox, known uint64) (told uint64, err error) {
	box.state = nil
	results, err := s.Status(ctx, []Mailbox{box}, false)
	if err != nil || results[0].Err != nil {
		return 0, err
	}
	if told = results[0].UIDValidity; told != known {
		err = s.sleep(ctx, nextSecond)
	}
	return told, err
}

// AreUnstable asks for the UIDVALIDITY of mailboxes again, more than a second
// later, and reports of which it is not the one that was told. It resumes.
func (s *Session) AreUnstable(ctx context.Context, boxes []Mailbox, told []uint64) ([]bool, error) {
	if err := s.sleep(ctx, nextSecond); err != nil {
		return nil, err
	}
	fresh := make([]Mailbox, len(boxes))
	for i := range boxes {
		fresh[i] = boxes[i]
		fresh[i].state = nil
	}
	results, err := s.Status(ctx, fresh, false)
	if err != nil {
		return nil, err
	}
	unstable := make([]bool, len(boxes))
	for i, r := range results {
		unstable[i] = r.Err == nil && r.UIDValidity != 0 && r.UIDValidity != told[i]
	}
	return unstable, nil
}

// ClockValue reports whether a UIDVALIDITY may be the time of the answer, which
// was asked for at an instant: in seconds since 1970, or, as Courier has it,
// since 2001-09-09. It is a hint: clocks differ, and folders are made.
func ClockValue(validity uint64, asked time.Time) bool {
	const ahead = 5 // seconds that the server's clock may be before ours
	now := uint64(max(asked.Unix(), 1_000_000_000))
	for _, epoch := range []uint64{0, 1_000_000_000} {
		if from := now - epoch; from <= validity && validity-from <= ahead {
			return true
		}
	}
	return false
}
