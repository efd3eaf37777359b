package destination

import (
	"context"
	"errors"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// pieceSize is how much of a message is read at a time, in bytes.
const pieceSize = 1 << 20

// ReadContents reads messages, whose UIDs must be sorted. It writes each to what
// begin returns, and calls end with that. A message that cannot be read has another
// state than imapconn.Have and says why. size returns what is known of the size of a
// message, 0 if nothing is.
func ReadContents[W io.Writer](ctx context.Context, box *imapconn.Selected, uids []uint64, size func(uid uint64) int64,
	begin func() W, end func(uid uint64, w W, state imapconn.State, why string)) error {
	var large []uint64
	err := box.Fetch(ctx, uids, imapconn.Items{Body: true, Listed: size}, pieceSize, func(m *imapconn.Message) error {
		w := begin()
		switch {
		case m.State != imapconn.Have:
			end(m.UID, w, m.State, m.Text)
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
		default:
			w.Write(m.Body)
			end(m.UID, w, m.State, "")
		}
		return nil
	})
	for _, uid := range large {
		if err != nil {
			return err
		}
		w := begin()
		box.Expect(uid, size(uid))
		err = box.ReadParts(ctx, uid, pieceSize, func(piece []byte) bool {
			w.Write(piece)
			return false
		})
		var one *imapconn.PartError
		switch {
		case errors.As(err, &one):
			end(uid, w, one.State, one.Text)
			err = nil
		case err == nil:
			end(uid, w, imapconn.Have, "")
		}
	}
	return err
}

// hashMessages is ReadContents for what messages are known by, nil if they cannot be
// read.
func hashMessages(s *Session, box *imapconn.Selected, uids []uint64, size func(uid uint64) int64,
	tell func(uid uint64, l *headerkey.Loose, state imapconn.State, why string)) error {
	return ReadContents(s.Ctx, box, uids, size, headerkey.NewLooseHasher,
		func(uid uint64, h *headerkey.LooseHasher, state imapconn.State, why string) {
			if state != imapconn.Have {
				tell(uid, nil, state, why)
			} else {
				tell(uid, h.Sum(), state, "")
			}
		})
}
