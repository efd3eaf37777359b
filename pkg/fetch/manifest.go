package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// manifest hashes the octets of a message whose record says nothing more of
// them.
type manifest struct {
	hash hash.Hash // of the message under way, or nil
	left int64     // octets of it still to come
}

// hashed takes a record whose octets come in pieces, the first of them now.
func (e *emitter) hashed(m *stream.Message, it *item) error {
	m.DropBody()
	e.manifest.hash, e.manifest.left = sha256.New(), it.size
	return e.hashPiece(it.octets)
}

// hashPiece goes on with the message, and writes its record with the last octet.
func (e *emitter) hashPiece(octets []byte) error {
	f := &e.manifest
	f.hash.Write(octets)
	e.progress.Add(0, int64(len(octets)))
	if f.left -= int64(len(octets)); f.left > 0 {
		return nil
	}
	e.msg.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	f.hash = nil
	e.progress.Add(1, 0)
	return e.w.Write(&e.msg)
}
