package stream

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

func TestFindJoints(t *testing.T) {
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		var out bytes.Buffer
		w := NewWriter(&out, WriterOptions{Level: level})
		for _, r := range []Record{&Begin{Content: Full, User: "joe", Host: "old", Key: "message-id,date", Delimiter: "/"}, &Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 1, UIDNext: 2, Messages: 1, Octets: -1}} {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		m := &Message{Folder: "INBOX", UIDValidity: 1, UID: 1, Key: "recipe:00"}
		m.SetBody([]byte(strings.Repeat("x", 900<<10) + "\n{\"type\":\"begin\",}\n"))
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		if err := w.End(&End{Listed: 1}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		one := out.Bytes()
		for text, want := range map[string]bool{"": false, "{": false, "x": false, string(one): false, string(one[:len(one)-9]): false, string(slices.Concat(one, one)): true, string(slices.Concat(one, one, one)): true} {
			if got, err := FindJoints(strings.NewReader(text)); got.Several != want || got.Deltas || err != nil {
				t.Errorf("level %v, %d octets: %v, %v", level, len(text), got, err)
			}
		}
	}
}
