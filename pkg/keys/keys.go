// Package keys reads the keys of the messages in a mailbox: from the header
// fields that the server gives where they are enough, else from the message.
package keys

import (
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
func Deepen(ctx context.Context, box *imapconn.Selected, uid uint64, size int64, scan *headerkey.Scanner) (headerkey.Identity, error) {
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

// Each calls fn for every message with a UID from from to to, 0 being the
// last. Messages are not in order: those that have to be read for their key
// come at the end. A message that could not be had has no identity.
func Each(ctx context.Context, box *imapconn.Selected, from, to uint64, recipe headerkey.Recipe, fn func(*imapconn.Message, *headerkey.Identity) error) error {
	return each(ctx, box, recipe, fn, func(take func(*imapconn.Message) error) error {
		return box.FetchAll(ctx, from, to, Items(recipe), 0, take)
	})
}

// Of calls fn for each of the messages with the given UIDs, as Each does; one
// that is not there is Gone and has no identity.
func Of(ctx context.Context, box *imapconn.Selected, uids []uint64, recipe headerkey.Recipe, fn func(*imapconn.Message, *headerkey.Identity) error) error {
	return each(ctx, box, recipe, fn, func(take func(*imapconn.Message) error) error {
		return box.Fetch(ctx, uids, Items(recipe), 0, take)
	})
}

// each identifies what fetch brings.
func each(ctx context.Context, box *imapconn.Selected, recipe headerkey.Recipe, fn func(*imapconn.Message, *headerkey.Identity) error, fetch func(func(*imapconn.Message) error) error) error {
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
	for i := range incomplete {
		m := &incomplete[i]
		id, err := Deepen(ctx, box, m.UID, m.Size, scan)
		var one *imapconn.PartError
		switch {
		case errors.As(err, &one):
			m.State, m.Reason, m.Text = one.State, one.Reason, one.Text
			err = fn(m, nil)
		case err == nil:
			err = fn(m, &id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
