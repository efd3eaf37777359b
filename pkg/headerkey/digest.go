package headerkey

import (
	"crypto/sha256"
	"hash"
)

// Digester computes the loose hash of the octets written to it: the SHA-256 of a
// message without CRs, with NUL and octets from 0x80 as "X", and runs of "X" as
// one. It is the same for a message and for what a server makes of it that mends
// line ends and NUL (Dovecot) or masks an 8-bit header (Cyrus).
type Digester struct {
	hash hash.Hash
	buf  []byte
	x    bool // the last octet kept was X
}

// NewDigester returns a Digester of an empty message.
func NewDigester() *Digester {
	return &Digester{hash: sha256.New(), buf: make([]byte, 0, 4096)}
}

// Reset makes d a Digester of an empty message again.
func (d *Digester) Reset() {
	d.hash.Reset()
	d.buf, d.x = d.buf[:0], false
}

// Write takes more of the message. It never fails.
func (d *Digester) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(d.buf) == cap(d.buf) {
			d.hash.Write(d.buf)
			d.buf = d.buf[:0]
		}
		n := min(len(rest), cap(d.buf)-len(d.buf))
		d.take(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// take appends the normal form of p, for which there is room.
func (d *Digester) take(p []byte) {
	buf, x := d.buf, d.x
	for len(p) > 0 {
		n := plainRun(p)
		if n > 0 {
			buf = append(buf, p[:n]...)
			x = false
			if p = p[n:]; len(p) == 0 {
				break
			}
		}
		if bodyClass[p[0]] == masked {
			if !x {
				buf = append(buf, 'X')
			}
			x = true
		}
		p = p[1:]
	}
	d.buf, d.x = buf, x
}

// plainRun counts the octets at the start of p that stay as they are.
func plainRun(p []byte) int {
	for i, c := range p {
		if bodyClass[c] != plain {
			return i
		}
	}
	return len(p)
}

// Sum returns the hash of what was written so far.
func (d *Digester) Sum() (sum [sha256.Size]byte) {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
	d.hash.Sum(sum[:0])
	return sum
}
