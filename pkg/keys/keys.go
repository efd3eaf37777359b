// Package keys reads the keys of the messages in a mailbox: from the header
// fields that the server gives where they are enough, else from the message.
package keys

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// pieceSize is how much of a message is asked for at a time while the end of
// its header is looked for, in octets.
const pieceSize = 64 << 10

// Items asks for what a key needs, and for further header fields.
func Items(recipe headerkey.Recipe, further ...string) imapconn.Items {
	items := imapconn.Items{Flags: true, InternalDate: true, Size: true}
	fields := recipe.Fields()
	if fields == nil {
		items.Header = true
		return items
	}
	for _, f := range slices.Concat(fields, further) {
		if f = strings.ToUpper(f); !slices.Contains(items.Fields, f) {
			items.Fields = append(items.Fields, f)
		}
	}
	return items
}

// Deepen reads a message from its start until it has the key that the whole of
// it would give. size is what is known of its size, 0 or less if nothing is. An
// *imapconn.PartError concerns this message alone.
func Deepen(ctx context.Context, box *imapconn.Selected, uid uint64, size int64,
	scan *headerkey.Scanner) (headerkey.Identity, error) {
	scan.Reset()
	box.Expect(uid, size)
	err := box.ReadParts(ctx, uid, pieceSize, func(piece []byte) bool {
		scan.Write(piece)
		return scan.HeaderDone() && !scan.NeedsBody()
	})
	if err != nil {
		return headerkey.Identity{}, err
	}
	return scan.Sum(), nil
}

// startSize is how much is asked for, of many messages together, to see whether
// their headers end in it, in octets.
const startSize = 8 << 10

// DeepenAll is Deepen for messages with the given UIDs, which must be sorted: what
// their first octets do not tell is read one by one. When fn is called for a
// message, scan has read it, unless there is an error. size is what is known of a
// message's size.
func DeepenAll(ctx context.Context, box *imapconn.Selected, uids []uint64, size func(uid uint64) int64,
	scan *headerkey.Scanner, fn func(uid uint64, err error) error) error {
	var rest []uint64
	came := 0
	take := func(m *imapconn.Message) error {
		scan.Reset()
		scan.Write(m.Body)
		whole := int64(len(m.Body)) == m.Size && m.Size >= size(m.UID)
		switch {
		case m.State == imapconn.Expunged:
			return fn(m.UID, &imapconn.PartError{UID: m.UID, State: imapconn.Expunged})
		case m.State == imapconn.Have:
			came++
		}
		if m.State == imapconn.Have && (whole || scan.HeaderDone() && !scan.NeedsBody()) {
			return fn(m.UID, nil)
		}
		rest = append(rest, m.UID)
		return nil
	}
	// A server that gives the first few of them not so is not asked so for more.
	n := min(len(uids), 3)
	err := box.Fetch(ctx, uids[:n], imapconn.Items{Size: true, Start: startSize}, 0, take)
	switch {
	case err != nil:
	case came == 0:
		rest = append(rest, uids[n:]...)
	default:
		err = box.Fetch(ctx, uids[n:], imapconn.Items{Size: true, Start: startSize}, 0, take)
	}
	for _, uid := range rest {
		if err != nil {
			break
		}
		_, err = Deepen(ctx, box, uid, size(uid), scan)
		var one *imapconn.PartError
		if err == nil || errors.As(err, &one) {
			err = fn(uid, err)
		}
	}
	return err
}

// Each calls fn for every message with a UID from from to to, 0 being the
// last. Messages are not in order: those that have to be read for their key
// come at the end. A message that could not be had has no identity.
func Each(ctx context.Context, box *imapconn.Selected, from, to uint64, recipe headerkey.Recipe,
	fn func(*imapconn.Message, *headerkey.Identity) error) error {
	return each(ctx, box, recipe, fn, func(take func(*imapconn.Message) error) error {
		return box.FetchAll(ctx, from, to, Items(recipe), 0, take)
	})
}

// Of calls fn for each of the messages with the given UIDs, as Each does; one
// that is not there is Gone and has no identity.
func Of(ctx context.Context, box *imapconn.Selected, uids []uint64, recipe headerkey.Recipe,
	fn func(*imapconn.Message, *headerkey.Identity) error) error {
	return each(ctx, box, recipe, fn, func(take func(*imapconn.Message) error) error {
		return box.Fetch(ctx, uids, Items(recipe), 0, take)
	})
}

// each identifies what fetch brings.
func each(ctx context.Context, box *imapconn.Selected, recipe headerkey.Recipe,
	fn func(*imapconn.Message, *headerkey.Identity) error, fetch func(func(*imapconn.Message) error) error) error {
	scan := headerkey.NewScanner(recipe)
	var incomplete []imapconn.Message
	err := fetch(func(m *imapconn.Message) error {
		if m.State != imapconn.Have {
			return fn(m, nil)
		}
		scan.Reset()
		scan.Write(m.Header)
		if id := scan.Sum(); id.Complete {
			return fn(m, &id)
		}
		copied := *m
		copied.Header, copied.Flags = nil, slices.Clone(m.Flags)
		incomplete = append(incomplete, copied)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(incomplete, func(a, b imapconn.Message) int { return cmp.Compare(a.UID, b.UID) })
	uids := make([]uint64, len(incomplete))
	for i := range incomplete {
		uids[i] = incomplete[i].UID
	}
	of := func(uid uint64) *imapconn.Message {
		i, _ := slices.BinarySearch(uids, uid)
		return &incomplete[i]
	}
	return DeepenAll(ctx, box, uids, func(uid uint64) int64 { return of(uid).Size }, scan,
		func(uid uint64, err error) error {
			m := of(uid)
			if err == nil {
				id := scan.Sum()
				return fn(m, &id)
			}
			var one *imapconn.PartError
			if errors.As(err, &one) {
				m.State, m.Reason, m.Text = one.State, one.Reason, one.Text
			}
			return fn(m, nil)
		})
}
