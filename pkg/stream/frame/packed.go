package frame

import (
	"bufio"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// maxFrame is the largest frame that is held, packed or not, in octets: one of ours
// with the longest line behind it.
const maxFrame = 2*MaxLine + Size

// errTooLarge is the error of a frame that is larger.
var errTooLarge = fmt.Errorf("a frame of more than %d octets", maxFrame)

// readPacked appends one zstd frame as it stands (RFC 8878 section 3.1.1).
func readPacked(in *bufio.Reader, dst []byte) ([]byte, error) {
	head, err := in.Peek(zstd.HeaderMaxSize)
	if len(head) == 0 {
		return dst, readError(err)
	}
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return dst, err
	}
	if h.Skippable {
		return take(in, dst, h.HeaderSize+int(h.SkippableSize))
	}
	if dst, err = take(in, dst, h.HeaderSize); err != nil {
		return dst, err
	}
	for last := false; !last; {
		if dst, err = take(in, dst, 3); err != nil {
			return dst, err
		}
		b := dst[len(dst)-3:]
		v := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		last = v&1 == 1
		size := v >> 3
		if v>>1&3 == 1 {
			size = 1 // RLE: one octet, repeated
		}
		if dst, err = take(in, dst, size); err != nil {
			return dst, err
		}
	}
	if h.HasCheckSum {
		return take(in, dst, 4)
	}
	return dst, nil
}

// take appends the next n octets of in to dst.
func take(in *bufio.Reader, dst []byte, n int) ([]byte, error) {
	if n < 0 || n+len(dst) > maxFrame {
		return dst, errTooLarge
	}
	start := len(dst)
	dst = append(dst, make([]byte, n)...)
	got, err := io.ReadFull(in, dst[start:])
	return dst[:start+got], readError(err)
}

// readError tells a file that cannot be read from one that has ended.
func readError(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return err
	}
	return fault.Wrap(fault.IO, err)
}

// Units are the parts of a file that are damaged or whole each by itself: frames, or
// lines where nothing is compressed.
type Units struct {
	in     *bufio.Reader
	dec    *zstd.Decoder
	lines  *Lines // if nothing is compressed
	packed []byte
	plain  []byte
}

// NewUnits makes Units of a file that was written at a level.
func NewUnits(f io.Reader, level Level) (*Units, error) {
	if level == None {
		return &Units{lines: NewLines(f)}, nil
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	return &Units{in: bufio.NewReaderSize(f, 1<<20), dec: dec}, err
}

// Next returns the records of the next unit, which are valid until the following call,
// and how many octets of the file it takes. An error is fault.IO only if the file
// cannot be read.
func (u *Units) Next() (plain []byte, size int, err error) {
	if u.lines != nil {
		if plain, err = u.lines.Next(); err != bufio.ErrBufferFull {
			err = readError(err)
		}
		return plain, len(plain), err
	}
	if u.packed, err = readPacked(u.in, u.packed[:0]); err == nil {
		u.plain, err = u.dec.DecodeAll(u.packed, u.plain[:0])
	}
	return u.plain, len(u.packed), err
}

// Close releases the decompressor.
func (u *Units) Close() {
	if u.dec != nil {
		u.dec.Close()
	}
}
