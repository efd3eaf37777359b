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
	any  bool
	hash hash.Hash // nil until something was hashed
	buf  []byte
	text string
}

func (r *received) reset() {
	r.slot.reset()
	r.any, r.text = false, ""
	if r.hash != nil {
		r.hash.Reset()
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
	r.slot.reset()
}

func (r *received) sum() string {
	if r.any && r.text == "" {
		r.flush()
		r.text = hex.EncodeToString(r.hash.Sum(nil)[:8])
	}
	return r.text
}
