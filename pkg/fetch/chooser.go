package fetch

import (
	"bytes"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// chooser decides which messages of an account are taken. What a server's
// SEARCH can be asked is left to it; the rest is decided as early as possible:
// by the listing of the folder, by headers, at last by the messages themselves.
type chooser struct {
	*source
	choice *export.MessageFilter

	distrusted bool // the server's SEARCH is not asked any more
	ascii      bool // it knows no UTF-8

	rest    export.MessageFilter // what remains to be looked at in the open folder
	needs   search.Needs         // of it
	largest uint64               // UID of the open folder
}

// list lists the messages of the open folder, and says of each what can be said
// without its octets.
func (c *chooser) list(next uint64) ([]want, error) {
	found, err := c.ask()
	if err != nil {
		return nil, err
	}
	wants, err := c.glance(next, found)
	if err == nil && found != nil && !found.knows(wants) {
		c.distrust("it does not find messages that are there")
		wants, err = c.glance(next, nil)
	}
	return wants, err
}

// found is what a server's SEARCH finds in a folder, sorted.
type found struct {
	all    []uint64
	chosen []uint64
}

func (f *found) has(uid uint64) bool {
	_, ok := slices.BinarySearch(f.chosen, uid)
	return ok
}

// knows reports whether SEARCH knows all messages that are listed.
func (f *found) knows(wants []want) bool {
	return !slices.ContainsFunc(wants, func(w want) bool {
		_, ok := slices.BinarySearch(f.all, w.uid)
		return !ok
	})
}

// ask lets the server search the open folder. It returns nil where the server
// is of no use, and everything remains to be looked at.
func (c *chooser) ask() (*found, error) {
	program := c.divide()
	if len(program) == 0 {
		return nil, nil
	}
	f := &found{}
	var err error
	if f.all, err = c.box.Search(c.ctx, nil); err == nil {
		f.chosen, err = c.box.Search(c.ctx, program)
	}
	switch {
	case err == nil:
		return f, nil
	case !refused(err) && !imapconn.IsFolder(err) && (fault.KindOf(err) != fault.Temporary || c.ctx.Err() != nil):
		return nil, err
	case isBadCharset(err) && !c.ascii:
		c.ascii = true
		return c.ask()
	}
	c.distrust(err.Error())
	return nil, nil
}

// divide sets what remains to be looked at, and returns what the server is asked.
func (c *chooser) divide() (program search.Program) {
	c.rest = *c.choice
	switch {
	case c.distrusted || c.choice.Here:
	case c.ascii:
		program, c.rest.Criteria = c.choice.Criteria.ServerASCII()
	default:
		program, c.rest.Criteria = c.choice.Criteria.Server()
	}
	c.needs = c.rest.Needs()
	return program
}

func isBadCharset(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Code == "BADCHARSET"
}

// distrust makes do without the server's SEARCH from now on.
func (c *chooser) distrust(why string) {
	c.opt.Warn("the server's SEARCH is of no use, and all messages are looked at here: %s", why)
	c.distrusted = true
	c.divide()
}

// glance lists the open folder, and decides by what a listing tells.
func (c *chooser) glance(next uint64, found *found) ([]want, error) {
	if c.largest = 0; c.needs.LargestUID {
		var err error
		if c.largest, err = c.box.LargestUID(c.ctx); err != nil {
			return nil, err
		}
	}
	items := imapconn.Items{InternalDate: true, Size: true, Flags: c.needs.Flags}
	return c.source.list(next, items, func(m *imapconn.Message, w *want) {
		switch {
		case found != nil && !found.has(m.UID):
			w.left = true
		case m.State != imapconn.Have:
			w.open = true // and is asked for again
		default:
			matches, decided := c.rest.Criteria.Glance(c.facts(m))
			w.left = decided && !matches
			w.open = !w.left && (!decided || !c.rest.Skip.IsZero())
		}
	})
}

// facts are what can be said of a message without its octets.
func (c *chooser) facts(m *imapconn.Message) search.Message {
	return search.Message{UID: m.UID, LargestUID: c.largest, Flags: m.Flags,
		InternalDate: stream.Date(m.InternalDate), Size: m.Size,
		FlagsUnknown: m.Unknown.Has(imapconn.UnknownFlags), DateUnknown: m.Unknown.Has(imapconn.UnknownDate)}
}

// looksAhead tells that headers decide. They are read apart from the messages,
// so that no message is read in vain.
func (c *chooser) looksAhead() bool { return c.needs.Header && !c.needs.Body }

// leave counts messages that were listed and are left out after all.
func (c *chooser) leave(n int) {
	c.listed -= int64(n)
	c.leftOut += int64(n)
	c.opt.Progress.Add(int64(n), 0)
}

// sift decides on the messages of a window that are open, now that their octets
// are in hand.
func (c *chooser) sift(b *batch, wants []want) error {
	kept := b.items[:0]
	for _, it := range b.items {
		v := export.Included
		if it.kind == itemMessage && wants[find(wants, it.uid)].open {
			facts := c.factsOf(&it)
			facts.Octets = bytes.NewReader(it.octets)
			var err error
			if v, err = c.rest.Judge(facts); err != nil {
				return err
			}
		}
		if v != export.Included {
			c.leave(1)
			c.pacer.Spend(1, it.size) // it was read all the same
		}
		if v == export.Excluded {
			continue
		}
		if v == export.Skipped {
			it = c.skip(it.uid)
		}
		kept = append(kept, it)
	}
	b.items = kept
	return nil
}

// factsOf is facts of what was fetched.
func (c *chooser) factsOf(it *item) search.Message {
	return search.Message{UID: it.uid, LargestUID: c.largest, Flags: it.flags, InternalDate: stream.Date(it.date),
		Size:         it.size,
		FlagsUnknown: it.unknown.Has(imapconn.UnknownFlags), DateUnknown: it.unknown.Has(imapconn.UnknownDate)}
}

func (c *chooser) skip(uid uint64) item {
	return item{kind: itemSkipped, uid: uid, text: c.choice.SkipText}
}

// weigh decides on a large message that is open, and hands the batch over if it
// is left out or cannot be had.
func (c *chooser) weigh(b *batch, it *item) (done bool, err error) {
	facts := c.factsOf(it)
	facts.Octets = &remote{source: c.source, uid: it.uid}
	v, err := c.rest.Judge(facts)
	switch {
	case err != nil:
		return true, c.lost(b, *it, err)
	case v == export.Included:
		return false, nil
	case v == export.Skipped:
		b.items = append(b.items, c.skip(it.uid))
	}
	c.leave(1)
	return true, c.give(b)
}
