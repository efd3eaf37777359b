package headerkey

import (
	"crypto/sha256"
	"io"
)

// Loose is what the octets of a message are known by, whatever servers are known to
// change in them. A server that adds header lines leaves Body as it is.
type Loose struct {
	Whole [sha256.Size]byte // as Digester computes it
	Body  [sha256.Size]byte // likewise of what follows the header; Whole where no empty line ends that
	Size  int64             // octets
}

// LooseOf returns what the octets of a message are known by. An error is r's own.
func LooseOf(r io.Reader) (*Loose, error) {
	h := NewLooseHasher()
	if _, err := io.Copy(h, r); err != nil {
		return nil, err
	}
	return h.Sum(), nil
}

// LooseHasher computes what the octets that are written to it are known by.
type LooseHasher struct {
	whole, body *Digester
	size        int64
	lineBegins  bool
	inBody      bool
}

// NewLooseHasher returns a LooseHasher of an empty message.
func NewLooseHasher() *LooseHasher {
	return &LooseHasher{whole: NewDigester(), body: NewDigester(), lineBegins: true}
}

// Write takes more of the message. It never fails.
func (h *LooseHasher) Write(p []byte) (int, error) {
	h.whole.Write(p)
	h.size += int64(len(p))
	h.body.Write(h.behindHeader(p))
	return len(p), nil
}

// behindHeader returns what of p follows the empty line that ends the header.
func (h *LooseHasher) behindHeader(p []byte) []byte {
	if h.inBody {
		return p
	}
	for i, c := range p {
		switch {
		case c == '\n' && h.lineBegins:
			h.inBody = true
			return p[i+1:]
		case c == '\n':
			h.lineBegins = true
		case c != '\r':
			h.lineBegins = false
		}
	}
	return nil
}

// Sum returns what the octets that were written so far are known by.
func (h *LooseHasher) Sum() *Loose {
	l := &Loose{Whole: h.whole.Sum(), Size: h.size}
	if l.Body = l.Whole; h.inBody {
		l.Body = h.body.Sum()
	}
	return l
}
