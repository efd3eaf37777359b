package imapconn

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// Copied is what a server has said to a COPY.
type Copied struct {
	// Asked is how many of the messages, from the first on, the command was
	// about: no more than fit one line.
	Asked       int
	UIDValidity uint64 // of the mailbox that they were copied to, 0 if UIDs is nil
	// UIDs are those of the copies by the UIDs of the messages (COPYUID, RFC
	// 4315): what is missing there was not copied. nil: the server does not tell,
	// and some may be missing.
	UIDs map[uint64]uint64
}

// Copy copies messages to the mailbox with the given name (as the server spells
// it) in one command, without their octets coming here (RFC 9051 section
// 6.4.7). The UIDs must be sorted; one that no message has is passed over in
// silence.
//
// It does not resume: the error is an *InDoubt when the connection was lost
// before the answer, or the answer was none that IMAP has, and of uids[From:To]
// nobody knows whether they were copied. All other errors mean that the server
// says it has copied nothing: ErrNoMailbox, and by their kind fault.CantCreate the
// mailbox is full, fault.Temporary the server is busy or away, fault.Partial or
// fault.Protocol with an *imap.Error in it any other refusal. A refusal is not
// always one: before the command is given again, because the server was busy or
// the line too long, untouched is asked whether none of the messages are in the
// mailbox all the same; if some are, the refusal is returned. nil believes every
// refusal.
func (x *Selected) Copy(ctx context.Context, uids []uint64, wire string,
	untouched func() (bool, error)) (*Copied, error) {
	s := x.s
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if _, err := s.fresh(ctx); err != nil {
			return nil, err
		}
		if changed, err := x.ready(ctx); err != nil || changed {
			return nil, validityError(changed, err)
		}
		set, n := s.sets.append("", uids[:s.c.caps.together(len(uids))])
		st, err := x.copySet(ctx, string(set), wire)
		if err == nil {
			s.resetBackOff()
			s.sets.fits()
			out := &Copied{Asked: n}
			out.UIDValidity, out.UIDs = copyUIDs(st, uids[:n])
			return out, nil
		}
		var no *imap.Error
		switch {
		case !errors.As(err, &no):
			return nil, &InDoubt{0, n, err}
		case isTooLong(no) && !isTemporary(no) && n > 1 && s.sets.shorten(len(set)):
		default:
			if again, err := s.storeRefusal(ctx, "copy to", wire, no); err != nil {
				return nil, err
			} else if !again {
				return nil, refused(no, fault.Partial, "copy to folder %s", quote(mailboxName(wire)))
			}
		}
		if untouched == nil {
			continue
		}
		if none, err := untouched(); err != nil {
			return nil, err
		} else if !none {
			return nil, refused(no, fault.Partial, "copy to folder %s", quote(mailboxName(wire)))
		}
	}
}

// copySet gives the command.
func (x *Selected) copySet(ctx context.Context, set, wire string) (*status, error) {
	c := x.s.c
	defer c.watch(ctx)()
	resp, err := c.run(c.command("UID COPY "+set).astring(wire), nil)
	if resp.kind == 't' && c.err == nil && !resp.isStatus() {
		err = c.lost(errUnknownStatus)
	}
	return &resp.status, err
}

// copyUIDs reads [COPYUID validity set set] (RFC 4315); nil if it does not fit
// the messages that were to be copied.
func copyUIDs(st *status, asked []uint64) (validity uint64, uids map[uint64]uint64) {
	words := strings.Fields(st.args)
	if st.code != "COPYUID" || len(words) != 3 || number64(words[0]) == 0 {
		return 0, nil
	}
	from, to := uidset.Expand(words[1], len(asked)), uidset.Expand(words[2], len(asked))
	if len(from) == 0 || len(from) != len(to) {
		return 0, nil
	}
	uids = make(map[uint64]uint64, len(from))
	there := map[uint64]bool{}
	for i, uid := range from {
		if _, ours := slices.BinarySearch(asked, uid); !ours || uids[uid] != 0 || there[to[i]] {
			return 0, nil
		}
		uids[uid], there[to[i]] = to[i], true
	}
	return number64(words[0]), uids
}
