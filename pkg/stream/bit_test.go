package stream

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	"github.com/klauspost/compress/zstd"
)

// audited is what a reader that checks bodies gives of a stream.
func audited(data []byte) (records []Record, damaged bool, err error) {
	r := NewReader(bytes.NewReader(data), false)
	r.CheckBodies()
	for rec, err := range r.All() {
		if err != nil {
			return records, damaged, err
		}
		switch x := rec.(type) {
		case *Message:
			rec = x.Clone()
		case *Failed:
			damaged = damaged || x.Reason == ReasonDamaged
			rec = &Failed{x.Folder, x.UIDValidity, x.UID, x.Reason, x.Text, x.Extra}
		case *Body:
			rec = nil
		}
		if rec != nil {
			records = append(records, rec)
		}
	}
	return records, damaged, nil
}

// TestOneBit: of a stream of which one bit was flipped, wherever, nobody says
// that it is whole, unless it still says the same. FORMAT.md names the counts of
// the end record that nothing can be held against.
func TestOneBit(t *testing.T) {
	size := int64(40)
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{Level: frame.None})
	records := []Record{
		&Begin{Content: Full, User: "joe", Host: "old", Key: "message-id,date", Filters: []string{"since 2020-01-01"}},
		&Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 7, UIDNext: 9, Messages: 5, Octets: -1},
		&Folder{Name: "Sent", Delimiter: "/", UIDValidity: 8, UIDNext: 2, Messages: 1, Octets: -1},
	}
	for i, body := range []string{"Subject: a\r\n\r\nGr\u00fc\u00dfe\r\n", "", "\x00\xff\xfe\x80 base64", "From: b\r\n\r\nx"} {
		m := &Message{Folder: "INBOX", UIDValidity: 7, UID: uint64(i + 1), Key: "recipe:00000000000000000000000000000001", Flags: []string{"\\Seen", "work"}, InternalDate: "2020-01-02T03:04:05+02:00", Size: int64(len(body))}
		m.SetBody([]byte(body))
		if i == 3 {
			m.RFC822Size, m.Unknown = &size, []string{ItemFlags}
		}
		records = append(records, m)
	}
	records = append(records, &Expunged{Folder: "INBOX", UIDValidity: 7, UID: 5}, &Failed{Folder: "Sent", UIDValidity: 8, UID: 1, Reason: ReasonRefused, Text: "no"},
		&Failed{Folder: "Sent", UIDValidity: 8, Reason: ReasonContradiction})
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(&End{Listed: 6}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	plain := out.Bytes()
	want, damaged, err := audited(plain)
	if err != nil || damaged {
		t.Fatal(damaged, err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	for level, good := range map[string][]byte{"plain": plain, "zstd": enc.EncodeAll(plain, nil)} {
		for octet := range good {
			bit := octet % 8
			bad := bytes.Clone(good)
			bad[octet] ^= 1 << bit
			got, damaged, err := audited(bad)
			if err == nil && !damaged && (level == "plain" || !reflect.DeepEqual(got, want)) {
				t.Errorf("%s: bit %d of octet %d of %d is not missed: %.60q", level, bit, octet, len(good), bad[max(0, octet-30):])
			}
		}
	}
}

// TestRecoverDamagedOctets: a message whose octets were damaged in a file that is
// gone on with is written again, and so is what follows it.
func TestRecoverDamagedOctets(t *testing.T) {
	plain := writeSample(t, WriterOptions{Level: frame.None}, [][]byte{[]byte("one"), []byte("two two"), bytes.Repeat([]byte("b"), PartSize+1), []byte("three")})
	for text, uid := range map[string]uint64{"two two": 1, "bbbbbbbb": 2} {
		bad := bytes.Clone(plain)
		bad[bytes.Index(bad, []byte(text))] ^= 1
		found, err := Recover(bytes.NewReader(bad), frame.None)
		if err != nil || found.Ended || found.Done["INBOX"].LastUID != uid || found.Offset >= int64(bytes.Index(bad, []byte(text[1:]))) {
			t.Errorf("%s: %+v %v", text, found, err)
		}
	}
}
