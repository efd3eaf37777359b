package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// checker reads the octets of messages on their way, and puts a failed record
// in the place of one whose octets are not those of its record.
type checker struct {
	octets []byte
	large  *Message // its parts are under way
	drop   bool     // the rest of its parts: one could not be read
	sum    hash.Hash
	size   int64
}

// CheckBodies has the Reader decode each body and compare it with the size and
// sha256 of its record. A message that does not fit is given as a failed record
// with the reason ReasonDamaged, one with parts in place of its last part or of
// the one that does not decode: it costs this message and no other. Who copies
// bodies into an archive, or says that messages are equal, must call it before
// the first Next.
func (r *Reader) CheckBodies() { r.check = newChecker() }

func newChecker() *checker { return &checker{sum: sha256.New()} }

// record returns what is to be given, nil for a part that is left out.
func (c *checker) record(rec Record) Record {
	switch r := rec.(type) {
	case *Message:
		return c.message(r)
	case *Body:
		return c.part(r)
	case *Failed, *Abort, *Begin, *End:
		c.large, c.drop = nil, false
	}
	return rec
}

func (c *checker) message(m *Message) Record {
	c.large, c.drop = nil, false
	switch {
	case m.Parts > 0:
		c.large, c.size = m.Clone(), 0
		c.sum.Reset()
	case m.HasBody():
		var err error
		if c.octets, err = m.AppendBody(c.octets[:0]); err != nil {
			return damaged(m, err)
		}
	}
	return m
}

func (c *checker) part(b *Body) Record {
	if c.drop {
		return nil
	}
	m := c.large
	if m == nil {
		return b
	}
	var err error
	c.octets, err = b.AppendOctets(c.octets[:0])
	c.sum.Write(c.octets)
	c.size += int64(len(c.octets))
	last := b.Part == b.Parts
	if err == nil && last && (c.size != m.Size || hex.EncodeToString(c.sum.Sum(nil)) != b.SHA256) {
		err = &DamageError{Folder: m.Folder, UID: m.UID}
	}
	switch {
	case err != nil:
		c.large, c.drop = nil, !last
		return damaged(m, err)
	case last:
		c.large = nil
	}
	return b
}

func damaged(m *Message, err error) *Failed {
	return &Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: ReasonDamaged, Text: err.Error()}
}
