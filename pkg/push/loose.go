package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// loose is what the octets of a message are known by, whatever servers are
// known to change in them.
type loose struct {
	sum, body [sha256.Size]byte // of all, and of what follows the header
	hasBody   bool
}

// digest is the loose digest of all of a message.
func (m *message) digest() ([sha256.Size]byte, error) {
	if m.loose != nil {
		return m.loose.sum, nil
	}
	return headerkey.Digest(io.NewSectionReader(m, 0, m.Size))
}

// looseBody is the loose digest of what follows the header.
func looseBody(octets []byte) [sha256.Size]byte {
	sum := headerkey.NewDigester()
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if _, body, ok := bytes.Cut(octets, []byte(end)); ok {
			sum.Write(body)
			return sum.Sum()
		}
	}
	sum.Write(octets)
	return sum.Sum()
}

// pieceSize is how much of a message is read at a time, in octets.
const pieceSize = 1 << 20

// looseOf reads messages, whose UIDs must be sorted, and tells what each is known
// by, or with nil why it could not be read. size returns what is known of the size
// of a message, 0 if nothing is.
func looseOf(ctx context.Context, box *imapconn.Selected, uids []uint64, size func(uid uint64) int64, tell func(uid uint64, l *loose, state imapconn.State, text string)) error {
	sum := headerkey.NewDigester()
	var large []uint64
	err := box.Fetch(ctx, uids, imapconn.Items{Body: true, Listed: size}, pieceSize, func(m *imapconn.Message) error {
		switch {
		case m.State != imapconn.Have:
			tell(m.UID, nil, m.State, m.Text)
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
		default:
			sum.Reset()
			sum.Write(m.Body)
			tell(m.UID, &loose{sum.Sum(), looseBody(m.Body), true}, m.State, "")
		}
		return nil
	})
	for _, uid := range large {
		if err != nil {
			return err
		}
		sum.Reset()
		box.Expect(uid, size(uid))
		err = box.ReadParts(ctx, uid, pieceSize, func(piece []byte) bool {
			sum.Write(piece)
			return false
		})
		var one *imapconn.PartError
		switch {
		case errors.As(err, &one):
			tell(uid, nil, one.State, one.Text)
			err = nil
		case err == nil:
			tell(uid, &loose{sum: sum.Sum()}, imapconn.Have, "")
		}
	}
	return err
}
