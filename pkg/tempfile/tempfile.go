// Package tempfile makes temporary files that end with the process.
package tempfile

import (
	"io"
	"os"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// File is a temporary file without a name, in the folder that TMPDIR names. Its
// errors, but for io.EOF, are fault.IO and say what it is for.
type File struct {
	file    *os.File
	purpose string
}

// New makes an empty file. The purpose is for messages, as in "a large message".
func New(purpose string) (*File, error) {
	f := &File{purpose: purpose}
	var err error
	if f.file, err = os.CreateTemp("", "imap-pipe-"); err != nil {
		return nil, f.failed(err)
	}
	os.Remove(f.file.Name()) // it is no error that somebody was quicker
	return f, nil
}

func (f *File) failed(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fault.Errorf(fault.IO, "the temporary file of %s: %w", f.purpose, err).
		WithHint("set TMPDIR to a folder with room")
}

// Read reads as io.Reader has it.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	return n, f.failed(err)
}

// ReadAt reads as io.ReaderAt has it.
func (f *File) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.file.ReadAt(p, at)
	return n, f.failed(err)
}

// Write writes as io.Writer has it.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	return n, f.failed(err)
}

// WriteAt writes as io.WriterAt has it.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.file.WriteAt(p, at)
	return n, f.failed(err)
}

// Seek sets the place as io.Seeker has it.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	at, err := f.file.Seek(offset, whence)
	return at, f.failed(err)
}

// Truncate cuts the file to so many bytes.
func (f *File) Truncate(size int64) error { return f.failed(f.file.Truncate(size)) }

// Close frees the room.
func (f *File) Close() error { return f.file.Close() }
