package fetch

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// listing is which messages an open folder has, and what the server says of them.
type listing struct {
	*connection
	search *searcher // nil: all messages are taken
	maybe  []uint64  // UIDs that the base has of it

	judge  *judge           // decides on those that are open; nil without a search
	claims *imapconn.Claims // what the server says of the folder, held against the listing
}

// messages lists the folder as it was when it had the UIDNEXT next, 0 meaning all.
// Those that the choice leaves out, as far as that can be known, are among them.
func (l *listing) messages(ctx context.Context, next uint64) ([]want, error) {
	if l.search == nil {
		return l.list(ctx, next, imapconn.Items{InternalDate: true, Size: true}, nil)
	}
	found, rest, err := l.search.ask(ctx, l.box)
	if err != nil {
		return nil, err
	}
	wants, err := l.choose(ctx, next, found, rest)
	if err == nil && found != nil && !found.knows(wants) {
		rest = l.search.distrust("it does not find messages that are there")
		wants, err = l.choose(ctx, next, nil, rest)
	}
	return wants, err
}

// choose lists the folder, and says of each message what can be said without its
// octets.
func (l *listing) choose(ctx context.Context, next uint64, found *found, rest *judge) (_ []want, err error) {
	l.judge = rest
	if rest.needs.LargestUID {
		if rest.largest, err = l.box.LargestUID(ctx); err != nil {
			return nil, err
		}
	}
	items := imapconn.Items{InternalDate: true, Size: true, Flags: rest.needs.Flags}
	return l.list(ctx, next, items, func(m *imapconn.Message, w *want) {
		switch {
		case found != nil && !found.has(m.UID):
			w.left = true
		case m.State != imapconn.Have:
			w.open = true // and is asked for again
		default:
			rest.glance(m, w)
		}
	})
}

// mostExpected bounds how many messages there is room for before they come.
const mostExpected = 1 << 16

// list learns which messages there are, how large they say they are, and
// which look like another of the folder from outside. items are what is asked
// for; see, which may be nil, is shown each message that was listed.
func (l *listing) list(ctx context.Context, next uint64, items imapconn.Items,
	see func(*imapconn.Message, *want)) ([]want, error) {
	l.claims = nil
	wants := make([]want, 0, min(l.box.Messages, mostExpected))
	seed := maphash.MakeSeed()
	err := l.box.FetchAll(ctx, 1, 0, items, 0, func(m *imapconn.Message) error {
		// One that could not be listed is asked for again with its body.
		wants = append(wants, want{uid: m.UID, size: m.Size, claim: m.Size, date: packDate(m.InternalDate),
			look: look(seed, m.Size, m.InternalDate)})
		if see != nil {
			see(m, &wants[len(wants)-1])
		}
		return nil
	})
	if err == nil {
		wants, err = l.reconcile(ctx, wants)
	}
	if err == nil {
		wants, err = l.counted(ctx, wants, next)
	}
	if err != nil {
		return nil, err
	}
	markTwins(wants)
	return wants, nil
}

// markTwins marks messages that look alike.
func markTwins(wants []want) {
	looks := make([]uint64, len(wants))
	for i := range wants {
		looks[i] = wants[i].look
	}
	slices.Sort(looks)
	for i := range wants {
		at, _ := slices.BinarySearch(looks, wants[i].look)
		wants[i].twin = at+1 < len(looks) && looks[at+1] == wants[i].look
	}
}

// reconcile sorts what was listed, and holds it against what else the server says
// of the folder: it adds messages that the listing did not have, and takes out
// those that share their UID.
func (l *listing) reconcile(ctx context.Context, wants []want) ([]want, error) {
	slices.SortFunc(wants, wantsByUID)
	claims, err := l.box.Reconcile(ctx, l.folder.Messages, uids(wants), l.maybe)
	if err != nil {
		return nil, err
	}
	l.claims = claims
	for _, uid := range claims.More {
		wants = append(wants, want{uid: uid, claim: -1, open: l.judge != nil})
	}
	if len(claims.More) > 0 {
		slices.SortFunc(wants, wantsByUID)
	}
	return slices.DeleteFunc(wants, func(w want) bool {
		_, doubled := slices.BinarySearch(claims.Doubled, w.uid)
		return doubled
	}), nil
}

// counted returns the messages that were there when STATUS was asked or the folder
// was opened. next is the UIDNEXT of STATUS, 0 meaning all. UIDNEXT is a claim, and
// STATUS may be behind until the folder is opened: what is above it belongs to the
// next run only if EXAMINE did not have it, and STATUS says now that it has arrived.
func (l *listing) counted(ctx context.Context, wants []want, next uint64) ([]want, error) {
	if next == 0 || len(wants) <= int(l.box.Messages) {
		return wants, nil
	}
	n, _ := slices.BinarySearchFunc(wants, max(next, l.box.UIDNext),
		func(w want, next uint64) int { return cmp.Compare(w.uid, next) })
	if n == len(wants) {
		return wants, nil
	}
	now, err := l.box.StatusNow(ctx)
	switch {
	case err != nil && !imapconn.IsRefused(err) && ctx.Err() != nil:
		return nil, err
	case err != nil || now.UIDNext <= wants[len(wants)-1].uid:
		return wants, nil
	}
	return wants[:n], nil
}

// contradictory reports whether the server contradicts itself about the folder.
func (l *listing) contradictory() bool { return l.claims != nil && l.claims.Text != "" }

// contradictions returns the failure of a folder about which the server contradicts
// itself, and those of messages after a UID that no UID names.
func (l *listing) contradictions(after uint64) (failed []stream.Record) {
	if !l.contradictory() {
		return nil
	}
	add := func(uid uint64, text string) {
		failed = append(failed, &stream.Failed{Folder: l.folder.Name, UIDValidity: l.folder.UIDValidity, UID: uid,
			Reason: stream.ReasonContradiction, Text: text})
	}
	add(0, l.claims.Text)
	for _, uid := range l.claims.Doubled {
		if uid > after {
			add(uid, "several messages have this UID")
		}
	}
	return failed
}
