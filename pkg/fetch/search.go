package fetch

import (
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// searcher asks a server which messages are chosen, as far as its SEARCH can be
// asked and is of use.
type searcher struct {
	filter *export.MessageFilter
	warn   func(format string, args ...any)

	distrusted bool // the server's SEARCH is not asked any more
	ascii      bool // it knows no UTF-8
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

// ask lets the server search the open folder, and returns what remains to be
// decided. It finds nil where the server is of no use.
func (s *searcher) ask(ctx context.Context, box *imapconn.Selected) (*found, *judge, error) {
	program, rest := s.divide()
	if len(program) == 0 {
		return nil, rest, nil
	}
	f := &found{}
	var err error
	if f.all, err = box.Search(ctx, nil); err == nil {
		f.chosen, err = box.Search(ctx, program)
	}
	switch {
	case err == nil:
		return f, rest, nil
	case !imapconn.IsRefused(err) && !imapconn.IsFolder(err) && (fault.KindOf(err) != fault.Temporary || ctx.Err() != nil):
		return nil, nil, err
	case isBadCharset(err) && !s.ascii:
		s.ascii = true
		return s.ask(ctx, box)
	}
	return nil, s.distrust(err.Error()), nil
}

// divide returns what the server is asked, and what remains to be decided.
func (s *searcher) divide() (program search.Program, rest *judge) {
	rest = &judge{filter: *s.filter}
	switch {
	case s.distrusted || s.filter.Here:
	case s.ascii:
		program, rest.filter.Criteria = s.filter.Criteria.ServerASCII()
	default:
		program, rest.filter.Criteria = s.filter.Criteria.Server()
	}
	rest.needs = rest.filter.Needs()
	return program, rest
}

func isBadCharset(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Code == "BADCHARSET"
}

// distrust makes do without the server's SEARCH from now on: all remains to be
// decided.
func (s *searcher) distrust(why string) *judge {
	s.warn("the server's SEARCH is of no use, and all messages are looked at here: %s", why)
	s.distrusted = true
	_, rest := s.divide()
	return rest
}
