package frame

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// maxWindow is the largest zstd window that a reader allocates.
const maxWindow = 8 << 20

// What Open finds an input not to be.
var (
	ErrEmpty  = errors.New("the input is empty")
	ErrFormat = errors.New("the input is neither zstd nor NDJSON")
)

// Open returns the plain records of r, which is compressed or not.
// The first octets tell.
func Open(r *bufio.Reader) (io.Reader, func(), error) {
	head, err := r.Peek(4)
	switch {
	case len(head) == 0 && err == io.EOF:
		return nil, nil, ErrEmpty
	case err != nil && err != io.EOF:
		return nil, nil, fault.Wrap(fault.IO, fmt.Errorf("read the stream: %w", err))
	case head[0] == '{':
		return r, func() {}, nil
	case !isZstd(head):
		return nil, nil, ErrFormat
	}
	v, err := newVerifier(r)
	if err != nil {
		return nil, nil, err
	}
	return v, v.Close, nil
}

// IsLimit reports whether an error of a reader is that a frame wants more memory than
// it is given.
func IsLimit(err error) bool {
	return errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) ||
		errors.Is(err, zstd.ErrWindowSizeTooSmall)
}

// verifier decompresses frame by frame, and hands nothing on before the
// checksum of its frame was found right: bodies have a hash of their own, but a
// flag or a date that was flipped on the way would be acted on.
//
// A frame that is too large to be held, which other programs write, is
// decompressed as it comes, and so is all behind it.
type verifier struct {
	mu     sync.Mutex // whoever reads may still do so when somebody else closes
	closed bool
	in     *bufio.Reader
	dec    *zstd.Decoder
	packed []byte
	plain  []byte
	at     int           // in plain
	rest   *zstd.Decoder // from the first frame that is too large
}

func newVerifier(in *bufio.Reader) (*verifier, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxFrame))
	return &verifier{in: in, dec: dec}, err
}

func (v *verifier) Read(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return 0, io.ErrClosedPipe
	}
	for v.rest == nil && v.at == len(v.plain) {
		if err := v.next(); err != nil {
			return 0, err
		}
	}
	if v.rest != nil {
		return v.rest.Read(p)
	}
	n := copy(p, v.plain[v.at:])
	v.at += n
	return n, nil
}

// next decompresses one frame, or finds that it has to go on in another way.
func (v *verifier) next() (err error) {
	v.plain, v.at = v.plain[:0], 0
	v.packed, err = readPacked(v.in, v.packed[:0])
	switch {
	case len(v.packed) > 0 && (err == io.EOF || err == io.ErrUnexpectedEOF):
		return v.cut()
	case err == errTooLarge:
		return v.stream()
	case err != nil:
		return err
	}
	v.plain, err = v.dec.DecodeAll(v.packed, v.plain)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		v.plain = v.plain[:0]
		return v.stream()
	}
	if err != nil {
		v.plain = v.plain[:0]
	}
	return err
}

// cut tells a frame that is cut from one that is damaged: a flipped length may
// lead beyond the end of the input.
func (v *verifier) cut() error {
	dec, err := zstd.NewReader(bytes.NewReader(v.packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer dec.Close()
	if _, err = io.CopyN(io.Discard, dec, 2*maxFrame); err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// stream takes the frame whose beginning is at hand, and all that follow, as
// they come.
func (v *verifier) stream() (err error) {
	begun := bytes.NewReader(v.packed)
	v.packed, v.plain, v.at = nil, nil, 0
	v.rest, err = zstd.NewReader(io.MultiReader(begun, v.in), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	return err
}

// Close waits for the Read that is under way.
func (v *verifier) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.closed = true
	v.packed, v.plain, v.at = nil, nil, 0
	v.dec.Close()
	if v.rest != nil {
		v.rest.Close()
	}
}
