package headerkey

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// receivedBatch is how many octets of Received values are kept before they are
// hashed: few messages have more, and few are ever asked.
const receivedBatch = 32 << 10

// received hashes the values of Received fields, however many, when asked.
type received struct {
	slot
	any     bool
	hash    hash.Hash // nil until something was hashed
	flushed bool      // some values were
	buf     []byte
	text    string
}

func (r *received) reset() {
	r.slot.reset()
	r.any, r.text = false, ""
	if r.flushed {
		r.hash.Reset()
		r.flushed = false
	}
}

func (r *received) close() {
	r.slot.close()
	r.any = r.any || r.has
	if len(r.raw) > receivedBatch {
		r.flush()
	}
}

// flush hashes the values that are kept, and makes room for more.
func (r *received) flush() {
	if r.hash == nil {
		r.hash = sha256.New()
	}
	r.buf = r.appendMaterial(r.buf[:0])
	r.hash.Write(r.buf)
	r.flushed = true
	r.slot.reset()
}

func (r *received) sum() string {
	if !r.any || r.text != "" {
		return r.text
	}
	var digits [16]byte
	if r.flushed {
		r.flush()
		hex.Encode(digits[:], r.hash.Sum(nil)[:8])
	} else {
		r.buf = r.appendMaterial(r.buf[:0])
		sum := sha256.Sum256(r.buf)
		hex.Encode(digits[:], sum[:8])
	}
	r.text = string(digits[:])
	return r.text
}
