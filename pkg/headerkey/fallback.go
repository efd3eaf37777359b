package headerkey

import "crypto/sha256"

// fallback makes the key of a message without evidence of its whole header, or
// of all its octets. It keeps the first maxStash octets, which is the end of it
// for most, and begins to hash only beyond.
type fallback struct {
	stash   []byte
	hashing bool
	lines   *lines
	whole   *Digester
}

func (f *fallback) reset() {
	f.stash, f.hashing = f.stash[:0], false
}

// write takes more of the message; whole is false once there is a field, when
// the header is all that matters.
func (f *fallback) write(p []byte, whole bool) {
	if !f.hashing && len(f.stash)+len(p) <= maxStash {
		f.stash = append(f.stash, p...)
		return
	}
	f.begin()
	f.lines.write(p)
	if whole {
		f.whole.Write(p)
	}
}

// begin passes what was kept to the hashes.
func (f *fallback) begin() {
	if f.hashing {
		return
	}
	f.hashing = true
	if f.lines == nil {
		f.lines, f.whole = newLines(Recipe{}), NewDigester()
	}
	f.lines.reset()
	f.whole.Reset()
	f.lines.write(f.stash)
	f.whole.Write(f.stash)
}

// header returns the hash of all fields.
func (f *fallback) header() [sha256.Size]byte {
	f.begin()
	return f.lines.sum()
}

// body returns the hash of all octets.
func (f *fallback) body() [sha256.Size]byte {
	f.begin()
	return f.whole.Sum()
}
