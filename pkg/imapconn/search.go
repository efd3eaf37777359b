package imapconn

import (
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// Search returns the UIDs of the messages that the server finds, sorted. It
// resumes. A refusal by the server holds an *imap.Error; an error of the kind
// fault.Temporary may be of a server that does not survive the search.
//
// A server may know of fewer messages here than it gives to FETCH, and may name
// UIDs that no message has.
func (x *Selected) Search(ctx context.Context, program search.Program) ([]uint64, error) {
	for _, piece := range program {
		if !piece.Literal && !isPrintASCII(piece.Text) {
			return nil, fault.Errorf(fault.Bug, "search: %s is not ASCII, and no literal", quote(piece.Text))
		}
	}
	if len(program) == 0 {
		program = search.Program{{Text: "ALL"}}
	}
	return x.searchSpans(ctx, program, 1, uidset.Last)
}

// UIDs returns the UIDs from from to to, both included and 0 being the last,
// of the messages that the server knows of: by SEARCH or, where that is refused
// or ends the connection each time, by FETCH. It resumes.
func (x *Selected) UIDs(ctx context.Context, from, to uint64) ([]uint64, error) {
	if to == 0 {
		to = uidset.Last
	}
	uids, err := x.searchSpans(ctx, nil, max(from, 1), to)
	var no *imap.Error
	if errors.As(err, &no) || isLost(err) && ctx.Err() == nil {
		uids, err = x.fetchUIDs(ctx, rangeText(from, to))
	}
	return slices.DeleteFunc(uids, func(uid uint64) bool { return uid < from || uid > to }), err
}

// LargestUID returns the UID of the last message, 0 if there is none. It resumes.
func (x *Selected) LargestUID(ctx context.Context) (uint64, error) {
	uids, err := x.fetchUIDs(ctx, "*")
	var no *imap.Error
	switch {
	case errors.As(err, &no) && !isTemporary(no): // some servers refuse * where there is no message
		return 0, nil
	case err != nil || len(uids) == 0:
		return 0, err
	}
	return uids[len(uids)-1], nil
}

// fetchUIDs returns the UIDs that an answer to FETCH names. Those that do not rise
// are a reason to ask in other ways too: see Reconcile.
func (x *Selected) fetchUIDs(ctx context.Context, set string) ([]uint64, error) {
	return x.collect(ctx, "list", func(c *conn, f *found) error {
		_, err := c.run(c.command("UID FETCH "+set+" (UID)"), func(resp *response) error {
			if resp.typ != "FETCH" {
				return nil
			}
			var m fetched
			err := c.fetch.read(&m, &wanted{})
			if err != nil || m.got&gotUID == 0 {
				return err
			}
			if m.UID <= f.most {
				x.repeated.answers++
			}
			if m.UID != 0 {
				f.add(c, m.UID)
			}
			return c.tooMany(len(f.uids))
		})
		return err
	})
}

// found is what a server named in answer to one command.
type found struct {
	uids []uint64
	most uint64 // of them
}

// add takes a UID. One that is above all before it is progress: whatever else a
// server sends, it cannot do so for ever.
func (f *found) add(c *conn, uid uint64) {
	f.uids = append(f.uids, uid)
	if uid > f.most {
		f.most = uid
		c.progress()
	}
}

// collect returns the UIDs that ask finds in the folder, sorted. It resumes. An
// error says what was to be done with the folder.
func (x *Selected) collect(ctx context.Context, what string, ask func(*conn, *found) error) ([]uint64, error) {
	var f found
	err := x.do(ctx, func(c *conn) error {
		f.uids, f.most = f.uids[:0], 0
		return ask(c, &f)
	})
	if err != nil {
		return nil, x.s.folderError(ctx, err, fault.Protocol, what, x.Wire)
	}
	x.s.fatal = 0
	slices.Sort(f.uids)
	return slices.Compact(f.uids), nil
}

// maxSpan is how many messages one SEARCH may find, so that the answer fits a line
// that is believed.
var maxSpan uint64 = 1 << 19

// searchSpans searches a range of UIDs, bit by bit in a folder of many messages.
// UIDs may be far apart: a bit that holds few messages is followed by a longer one.
// The last bit ends with *: where nothing is above, it finds the last message again.
func (x *Selected) searchSpans(ctx context.Context, program search.Program, from, to uint64) ([]uint64, error) {
	var uids []uint64
	all := from == 1 && to == uidset.Last
	for span := maxSpan; ; {
		end := to
		if known := min(to, max(x.UIDNext, 1)-1); uint64(x.Messages) > maxSpan && known >= from && known-from >= span {
			end = from + span - 1
		}
		found, err := x.search(ctx, func(k *command) {
			k.program(program)
			if !all || from > 1 || end < to || len(program) == 0 {
				k.text(" UID " + rangeText(from, end))
			}
		})
		switch {
		case IsGarbled(err) && span > maxSpan:
			span = maxSpan
			continue
		case err != nil:
			return nil, err
		}
		if uids = append(uids, found...); end == to {
			slices.Sort(uids)
			return slices.Compact(uids), nil
		}
		from = end + 1
		if uint64(len(found)) >= maxSpan/2 {
			span = maxSpan
		} else if span < 1<<62 {
			span *= 2
		}
	}
}

// program adds search keys.
func (k *command) program(program search.Program) {
	for i, piece := range program {
		if i == 0 {
			k.text(" ")
		}
		if piece.Literal {
			k.literal(piece.Text)
		} else {
			k.text(piece.Text)
		}
	}
}

// search runs UID SEARCH.
func (x *Selected) search(ctx context.Context, criteria func(*command)) ([]uint64, error) {
	return x.collect(ctx, "search", func(c *conn, f *found) error {
		c.wide = true
		defer func() { c.wide = false }()
		k := c.command("UID SEARCH")
		criteria(k)
		_, err := c.run(k, func(resp *response) error {
			if resp.typ == "SEARCH" {
				readNumbers(c.tokenizer, func(uid uint64) { f.add(c, uid) })
			}
			return c.tooMany(len(f.uids))
		})
		return err
	})
}

// readNumbers reads what follows "* SEARCH": numbers, several blanks between
// them, and what else there may be. 0 is no UID, nor is what has more than 64 bits.
func readNumbers(r *tokenizer, found func(uint64)) {
	for {
		r.blanks()
		start := r.pos
		switch n, ok := r.uid(); {
		case r.pos == start:
			return
		case ok && n != 0:
			found(n)
		}
	}
}

var errReplaced = errors.New("the folder was replaced while it was read: its UIDVALIDITY changed")

// IsReplaced reports whether err says that a folder was replaced while it was read.
func IsReplaced(err error) bool { return errors.Is(err, errReplaced) }

// validityError is about a mailbox that was replaced by another of its name.
func validityError(changed bool, err error) error {
	if err == nil && changed {
		return fault.Wrap(fault.Partial, errReplaced)
	}
	return err
}
