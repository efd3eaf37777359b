package tempfile

import (
	"io"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestErrorsHaveACode: whatever fails is an error of local files, and the end of
// the file is none.
func TestErrorsHaveACode(t *testing.T) {
	f, err := New("a test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n, err := f.ReadAt(b, 0); n != 3 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for name, call := range map[string]func() error{
		"read":     func() error { _, err := f.Read(b); return err },
		"read at":  func() error { _, err := f.ReadAt(b, 0); return err },
		"write":    func() error { _, err := f.Write(b); return err },
		"write at": func() error { _, err := f.WriteAt(b, 0); return err },
		"seek":     func() error { _, err := f.Seek(0, io.SeekStart); return err },
		"truncate": func() error { return f.Truncate(1) },
	} {
		if err := call(); exit.CodeOf(err) != exit.IO {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("TMPDIR", "/nowhere/at/all")
	if _, err := New("a test"); exit.CodeOf(err) != exit.IO {
		t.Error(err)
	}
}
