package frame

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// maxBlock is the largest block of a zstd frame, in octets (RFC 8878 section 3.1.1.2.4).
const maxBlock = 128 << 10

// appendStored appends a zstd frame of raw blocks that holds plain as it stands: one
// segment, its size in four octets, and a checksum (RFC 8878 section 3.1.1).
func appendStored(dst, plain []byte) []byte {
	const descriptor = 2<<6 | 1<<5 | 1<<2
	dst = slices.Grow(dst, len(plain)+3*(len(plain)/maxBlock+1)+13)
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd, descriptor)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(plain)))
	for rest := plain; ; {
		block := rest[:min(len(rest), maxBlock)]
		rest = rest[len(block):]
		head := len(block) << 3
		if len(rest) == 0 {
			head |= 1 // the last
		}
		dst = append(dst, byte(head), byte(head>>8), byte(head>>16))
		dst = append(dst, block...)
		if len(rest) == 0 {
			return binary.LittleEndian.AppendUint32(dst, uint32(xxhash.Sum64(plain)))
		}
	}
}
