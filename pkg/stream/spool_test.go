package stream

import (
	"bytes"
	"strings"
	"testing"
)

// What was kept comes back as it was, once or twice, and nothing of before.
func TestSpool(t *testing.T) {
	s, err := NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	small := &Message{Folder: "INBOX", UIDValidity: 7, UID: 1, Flags: []string{`\Seen`}, Extra: []byte(`,"x_odd":[1]`)}
	small.SetBody([]byte("Subject: hi\r\n\r\n\xff\x00"))
	large := &Message{Folder: "Größe", UIDValidity: 8, UID: 2, Size: PartSize + 1, Parts: 2}
	full := &Body{Folder: "Größe", UID: 2, Part: 1, Parts: 2}
	full.body.Set([]byte(strings.Repeat("a", PartSize)))
	last := &Body{Folder: "Größe", UID: 2, Part: 2, Parts: 2, SHA256: strings.Repeat("0", 64)}
	last.body.Set([]byte("b"))
	for _, records := range [][]Record{{small, large, full, last}, {last}, {}, {small}} {
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		for _, r := range records {
			want.Write(Line(r))
			if err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			var got bytes.Buffer
			for i := range s.Len() {
				r, err := s.At(i)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(Line(r))
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%d octets, want %d", got.Len(), want.Len())
			}
		}
	}
}
