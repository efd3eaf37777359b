package labels

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
)

// TestLabelsStayWithTheirFolder: labels that could not be added to the messages of
// one folder are not added to those of the next, whose UIDs are other messages'.
func TestLabelsStayWithTheirFolder(t *testing.T) {
	l := New(nil, func(format string, args ...any) { t.Errorf(format, args...) })
	directory := destination.NewDirectory()
	m := &batch.Message{}
	m.GmailLabels = []string{"work"}
	l.Remember(directory.Folder("A"), m, 7)
	if err := l.Add(nil, directory.Folder("B")); err != nil { // it needs no session
		t.Error(err)
	}
	if len(l.waiting[directory.Folder("A")]) != 1 {
		t.Error("they do not wait any more")
	}
}
