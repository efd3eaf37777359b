package frame

import "bytes"

// emptyFrame is a frame without records, as zstd(1) makes it of no input.
var emptyFrame = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x00, 0x01, 0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51}

// opening is how the first record of every stream begins, a begin or an abort.
const opening = `{"type":"`

// Greeting returns what is written to a live reader before anything else: a frame
// without records or, where nothing is compressed, the first octets of the first
// record. Whoever reads from a pipe can so tell a stream whose writer died before its
// first record from an input that holds nothing.
func Greeting(level Level) []byte {
	if level == None {
		return []byte(opening)
	}
	return bytes.Clone(emptyFrame)
}

// GreetingSize is how many octets of an input MayBeJoined wants to see.
const GreetingSize = 13

// MayBeJoined reports whether an input that begins so may be several streams, as cat
// joins them. It is one stream where a command of ours writes it into a pipe: that
// begins with a frame without records, unless it is plain.
func MayBeJoined(head []byte) bool {
	return len(head) == GreetingSize && (head[0] == '{' || isZstd(head[:4]) && !bytes.Equal(head, emptyFrame))
}

// isZstd knows a frame (RFC 8878 section 3.1.1) and a skippable frame.
func isZstd(head []byte) bool {
	return len(head) == 4 && (bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}))
}
