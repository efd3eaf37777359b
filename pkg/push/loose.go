package push

import (
	"context"
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

type loose = headerkey.Loose

// pieceSize is how much of a message is read at a time, in octets.
const pieceSize = 1 << 20

// looseOf reads messages, whose UIDs must be sorted, and tells what each is known
// by, or with nil why it could not be read. size returns what is known of the size
// of a message, 0 if nothing is.
func looseOf(ctx context.Context, box *imapconn.Selected, uids []uint64, size func(uid uint64) int64, tell func(uid uint64, l *loose, state imapconn.State, text string)) error {
	var large []uint64
	err := box.Fetch(ctx, uids, imapconn.Items{Body: true, Listed: size}, pieceSize, func(m *imapconn.Message) error {
		switch {
		case m.State != imapconn.Have:
			tell(m.UID, nil, m.State, m.Text)
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
		default:
			h := headerkey.NewLooseHasher()
			h.Write(m.Body)
			tell(m.UID, h.Sum(), m.State, "")
		}
		return nil
	})
	for _, uid := range large {
		if err != nil {
			return err
		}
		h := headerkey.NewLooseHasher()
		box.Expect(uid, size(uid))
		err = box.ReadParts(ctx, uid, pieceSize, func(piece []byte) bool {
			h.Write(piece)
			return false
		})
		var one *imapconn.PartError
		switch {
		case errors.As(err, &one):
			tell(uid, nil, one.State, one.Text)
			err = nil
		case err == nil:
			tell(uid, h.Sum(), imapconn.Have, "")
		}
	}
	return err
}
