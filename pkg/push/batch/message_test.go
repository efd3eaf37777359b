package batch

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestUnreadableTemporaryFile: a message whose temporary file cannot be read is an
// error of local files, and no bug.
func TestUnreadableTemporaryFile(t *testing.T) {
	var s Spool
	m := &Message{content: []byte("Subject: x\r\n\r\nbody")}
	m.Size = int64(len(m.content))
	kept, err := s.Keep(m)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := kept.ReadAt(make([]byte, 4), 0); exit.CodeOf(err) != exit.IO {
		t.Errorf("%v has the code %d", err, exit.CodeOf(err))
	}
}
