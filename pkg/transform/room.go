package transform

import (
	"bytes"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/tempfile"
)

// roomMemory is how many octets of a result stay in memory. What is larger goes
// to a temporary file.
const roomMemory = 1 << 20

// room takes octets, however many: the first in memory, and all of them in a
// file without a name when there are more.
type room struct {
	memory []byte
	file   *tempfile.File
	size   int64
}

func (r *room) Write(p []byte) (int, error) {
	if r.file == nil && len(r.memory)+len(p) <= roomMemory {
		r.memory = append(r.memory, p...)
		r.size = int64(len(r.memory))
		return len(p), nil
	}
	if r.file == nil {
		file, err := tempfile.New("a large message")
		if err != nil {
			return 0, err
		}
		r.file = file
		if _, err := file.Write(r.memory); err != nil {
			return 0, err
		}
		r.memory = nil
	}
	n, err := r.file.Write(p)
	r.size += int64(n)
	return n, err
}

// reader reads what was written.
func (r *room) reader() io.ReaderAt {
	if r.file != nil {
		return r.file
	}
	return bytes.NewReader(r.memory)
}

func (r *room) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// piece is some octets of a message that is put together.
type piece struct {
	octets io.ReaderAt
	from   int64 // where they begin there
	size   int64
}

func octets(p []byte) piece { return piece{bytes.NewReader(p), 0, int64(len(p))} }

// joined is pieces one after the other.
type joined []piece

func (j joined) size() (n int64) {
	for _, p := range j {
		n += p.size
	}
	return n
}

// ReadAt reads across the pieces.
func (j joined) ReadAt(b []byte, at int64) (n int, err error) {
	for _, p := range j {
		if at >= p.size {
			at -= p.size
			continue
		}
		for at < p.size && n < len(b) {
			want := min(int64(len(b)-n), p.size-at)
			got, err := p.octets.ReadAt(b[n:n+int(want)], p.from+at)
			n += got
			at += int64(got)
			if int64(got) < want {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return n, err
			}
		}
		if n == len(b) {
			return n, nil
		}
		at = 0
	}
	return n, io.EOF
}

// shortened leaves the last octets out.
func (j joined) shortened(n int64) joined {
	for i := len(j) - 1; i >= 0 && n > 0; i-- {
		cut := min(n, j[i].size)
		j[i].size -= cut
		n -= cut
	}
	return j
}
