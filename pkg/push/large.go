package push

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"os"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A message with body parts is put together in a temporary file that has no
// name: an APPEND begins only when every octet is in hand and checked.

// digest is the sha256 of the parts so far.
type digest struct {
	hash.Hash
	size int64
	buf  []byte
}

// damage stands for a message that was damaged on the way here.
type damage struct {
	stream.Unknown
	m   *stream.Message
	err error
}

func (a *assembler) large(m *message) error {
	file, err := os.CreateTemp("", "imap-push-")
	if err != nil {
		return exit.Errorf(exit.IO, "a temporary file for a large message: %w", err).WithHint("set TMPDIR to a folder with room")
	}
	os.Remove(file.Name())
	m.file = file
	a.open = m
	a.sum.Hash, a.sum.size = sha256.New(), 0
	return nil
}

func (a *assembler) part(b *stream.Body) error {
	m := a.open
	if err := a.seen.Part(b); err != nil || m == nil {
		return err
	}
	octets, err := b.AppendOctets(a.sum.buf[:0])
	a.sum.buf = octets
	if err != nil {
		a.drop()
		return a.damaged(m, err)
	}
	if _, err := m.file.Write(octets); err != nil {
		return exit.Errorf(exit.IO, "the temporary file of a large message: %w", err).WithHint("set TMPDIR to a folder with room")
	}
	a.sum.Write(octets)
	a.sum.size += int64(len(octets))
	if b.Part < b.Parts {
		return nil
	}
	a.open = nil
	if m.SHA256 = b.SHA256; a.sum.size != m.Size || hex.EncodeToString(a.sum.Sum(nil)) != b.SHA256 {
		m.close()
		return a.damaged(m, &stream.DamageError{Folder: m.Folder, UID: m.UID})
	}
	w, err := a.room(m, 0, true)
	if err != nil {
		return err
	}
	w.messages = append(w.messages, m)
	a.mu.Unlock()
	return a.give()
}

// drop forgets a message whose parts did not all come.
func (a *assembler) drop() {
	if a.open != nil {
		a.open.close()
		a.open = nil
		a.seen.Forget()
	}
}
