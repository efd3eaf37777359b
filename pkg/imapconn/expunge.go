package imapconn

import (
	"context"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// CanExpungeByUID reports whether the server removes single messages (UIDPLUS,
// RFC 4315, which RFC 9051 includes). Where it does not, EXPUNGE alone is left.
func (s *Session) CanExpungeByUID() bool { return s.Has(imap.CapUIDPlus) || s.Has(imap.CapIMAP4rev2) }

// MarkDeleted gives messages the flag \Deleted, or takes it from them. The UIDs
// must be sorted; one that no message has is passed over. The mailbox must have
// been opened by Select. It resumes. A refusal by the server holds an
// *imap.Error.
func (x *Selected) MarkDeleted(ctx context.Context, uids []uint64, on bool) error {
	action := RemoveFlags
	if on {
		action = AddFlags
	}
	return x.storeTwice(ctx, uids, action, []string{`\Deleted`})
}

// Expunge removes those of the messages with the given UIDs, which must be
// sorted, that are marked \Deleted, and no others (RFC 4315 section 2.1). It
// resumes: what is gone already is passed over. See CanExpungeByUID.
func (x *Selected) Expunge(ctx context.Context, uids []uint64) error {
	err := x.overSets(ctx, uids, "UID EXPUNGE ", func(*command) {})
	if isUnexplained(err) { // it may pass
		err = x.overSets(ctx, uids, "UID EXPUNGE ", func(*command) {})
	}
	return refusedExpunge(x, err)
}

// ExpungeAll removes all messages that are marked \Deleted, whoever has marked
// them. It does not resume.
func (x *Selected) ExpungeAll(ctx context.Context) error {
	changed, err := x.ready(ctx)
	if err != nil || changed {
		return validityError(changed, err)
	}
	c := x.s.c
	defer c.watch(ctx)()
	_, err = c.run(c.command("EXPUNGE"), nil)
	return causeOf(ctx, refusedExpunge(x, err))
}

// MarkedDeleted returns the UIDs, sorted, of the messages that are marked
// \Deleted, as SEARCH or FETCH has it. known are those, sorted, that this session
// has marked: a SEARCH that finds all of them is believed, so that the flags of the
// whole mailbox need not be fetched; without any it is not. sure is false where the
// server does not tell the flags of all. It resumes.
func (x *Selected) MarkedDeleted(ctx context.Context, known []uint64) (marked []uint64, sure bool, err error) {
	if marked, err = x.Search(ctx, search.Program{{Text: "DELETED"}}); err != nil {
		return nil, false, err
	}
	slices.Sort(marked)
	missed := func(uid uint64) bool {
		_, found := slices.BinarySearch(marked, uid)
		return !found
	}
	if len(known) > 0 && !slices.ContainsFunc(known, missed) {
		return slices.Compact(marked), true, nil
	}
	sure = true
	err = x.FetchAll(ctx, 1, 0, Items{Flags: true}, 0, func(m *Message) error {
		sure = sure && m.State != Failed && !m.Unknown.Has(UnknownFlags)
		if m.State == Have && containsFold(m.Flags, `\Deleted`) {
			marked = append(marked, m.UID)
		}
		return nil
	})
	slices.Sort(marked)
	return slices.Compact(marked), sure, err
}

// Remaining returns those of the UIDs, which must be sorted, that the mailbox
// still has, as far as the server tells. It resumes.
func (x *Selected) Remaining(ctx context.Context, uids []uint64) (left []uint64, err error) {
	err = x.do(ctx, func(*conn) error {
		present, err := x.lookUp(ctx, uids)
		if err != nil {
			return err
		}
		left = left[:0]
		for _, uid := range uids {
			if present.Has(uid) {
				left = append(left, uid)
			}
		}
		return nil
	})
	return left, err
}

func refusedExpunge(x *Selected, err error) error {
	return refused(err, fault.Partial, "delete messages of folder %s", quote(mailboxName(x.Wire)))
}

// overSets gives a command for as many messages at a time as fit a line; tail
// adds what follows the set. It resumes. uids must be sorted.
func (x *Selected) overSets(ctx context.Context, uids []uint64, text string, tail func(*command)) error {
	for len(uids) > 0 {
		set, n := x.s.sets.append("", uids)
		err := x.do(ctx, func(c *conn) error {
			k := c.command(text + string(set))
			tail(k)
			_, err := c.run(k, nil)
			return err
		})
		switch {
		case err == nil:
			x.s.sets.fits()
			uids = uids[n:]
		case isTooLong(err) && n > 1 && x.s.sets.shorten(len(set)):
		default:
			return err
		}
	}
	return nil
}
