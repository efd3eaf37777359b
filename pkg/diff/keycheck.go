package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// keyCheck compares the keys of a full stream with its octets. A message whose
// key is another is given as a failed record. Messages with parts pass.
type keyCheck struct {
	in     records
	scan   *headerkey.Scanner // nil where there are no octets
	octets []byte
}

// Next returns the next record.
func (k *keyCheck) Next() (stream.Record, error) {
	rec, err := k.in.Next()
	if err != nil {
		return rec, err
	}
	switch r := rec.(type) {
	case *stream.Begin:
		k.scan = nil
		// Who compares finds what is wrong with the recipe.
		if recipe, err := headerkey.ParseRecipe(r.Key); err == nil && r.Content == stream.Full {
			k.scan = headerkey.NewScanner(recipe)
		}
	case *stream.Message:
		return k.message(r), nil
	}
	return rec, nil
}

func (k *keyCheck) message(m *stream.Message) stream.Record {
	if k.scan == nil || !m.HasBody() || m.Key == "" {
		return m
	}
	fail := func(reason stream.Reason, text string) stream.Record {
		return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: reason, Text: text}
	}
	var err error
	if k.octets, err = m.AppendBody(k.octets[:0]); err != nil {
		return fail(stream.ReasonDamaged, err.Error())
	}
	k.scan.Reset()
	k.scan.Write(k.octets)
	if key := k.scan.Sum().Key; key != m.Key {
		return fail(stream.ReasonKey, "the record's key is "+m.Key+", and that of its octets "+key)
	}
	return m
}
