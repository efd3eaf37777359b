package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
	safe "github.com/imap-pipe/imap-pipe/pkg/text"
)

// HasBody reports whether the octets stand in the record itself.
func (m *Message) HasBody() bool { return m.body.Present() }

// AppendBody appends the message's octets to dst, when their size and sha256
// are those of the record.
func (m *Message) AppendBody(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := m.body.AppendOctets(dst)
	if err != nil {
		return dst[:start], fmt.Errorf("%s UID %d: %w", quote(m.Folder), m.UID, err)
	}
	if err := m.Check(dst[start:]); err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// Check reports whether octets are the message that the record describes.
func (m *Message) Check(octets []byte) error {
	sum := sha256.Sum256(octets)
	if int64(len(octets)) != m.Size || hex.EncodeToString(sum[:]) != m.SHA256 {
		return &DamageError{Folder: m.Folder, UID: m.UID}
	}
	return nil
}

// DamageError names a message whose octets are not those that its record
// describes. It costs this message and no other.
type DamageError struct {
	Folder string
	UID    uint64
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s UID %d: the body's size or sha256 is not that of its record", quote(e.Folder), e.UID)
}

// SetBody gives the message its octets, at most PartSize of them, with their
// size and sha256.
func (m *Message) SetBody(octets []byte) {
	sum := sha256.Sum256(octets)
	m.SHA256 = hex.EncodeToString(sum[:])
	m.Size = int64(len(octets))
	m.body.Set(octets)
}

// TakeBody gives the message the octets that another record has, as they stand
// there, or says that they follow in parts. They are the other's until its
// reader goes on.
func (m *Message) TakeBody(from *Message) {
	m.Size, m.SHA256, m.Parts = from.Size, from.SHA256, from.Parts
	m.body = from.body
}

// HasOctets reports whether the record has the message's octets, be it in the body
// records that follow.
func (m *Message) HasOctets() bool { return m.HasBody() || m.Parts > 0 }

// DropBody takes the octets out of the record; its sha256 stays.
func (m *Message) DropBody() { m.body = codec.Body{} }

// AppendOctets appends the part's octets to dst. Their sum is checked by who
// puts the parts together.
func (b *Body) AppendOctets(dst []byte) ([]byte, error) {
	dst, err := b.body.AppendOctets(dst)
	if err != nil {
		return dst, fmt.Errorf("%s UID %d part %d: %w", quote(b.Folder), b.UID, b.Part, err)
	}
	return dst, nil
}

// PartCount returns the number of body parts of a message of size octets; 0
// means that its body stands in the message record.
func PartCount(size int64) int {
	if size <= PartSize {
		return 0
	}
	return int((size + PartSize - 1) / PartSize)
}

// partEnd returns where the part that should end at octet n of b ends: before
// the code point that n would cut in two, else at n.
func partEnd(b []byte, n int) int {
	for back := 1; back < utf8.UTFMax && back <= n; back++ {
		c := b[n-back]
		if utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && utf8.FullRune(b[n-back:]) {
				if _, size := utf8.DecodeRune(b[n-back:]); size > back {
					return n - back
				}
			}
			return n
		}
	}
	return n
}

// quote makes a name from outside fit for a message.
func quote(s string) string { return safe.Quote(safe.Shorten(s, maxQuote)) }

const maxQuote = 200
