package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// keyCheck compares the keys of a full stream with its bytes. A message whose
// key is another is given as a failed record, one with parts in place of its last
// part.
type keyCheck struct {
	in     Records
	scan   *headerkey.Scanner // nil where there are no bytes
	octets []byte
	large  *stream.Message // its parts are under way
}

// Next returns the next record.
func (k *keyCheck) Next() (stream.Record, error) {
	rec, err := k.in.Next()
	if err != nil {
		return rec, err
	}
	switch r := rec.(type) {
	case *stream.Begin:
		k.scan, k.large = nil, nil
		// Who compares finds what is wrong with the recipe.
		if recipe, err := headerkey.ParseRecipe(r.Key); err == nil && r.Content == stream.Full {
			k.scan = headerkey.NewScanner(recipe)
		}
	case *stream.Message:
		return k.message(r), nil
	case *stream.Body:
		return k.part(r), nil
	case *stream.Failed, *stream.Abort, *stream.End:
		k.large = nil
	}
	return rec, nil
}

func (k *keyCheck) message(m *stream.Message) stream.Record {
	k.large = nil
	switch {
	case k.scan == nil || m.Key == "":
		return m
	case m.Parts > 0:
		k.large = m.Clone()
		k.scan.Reset()
		return m
	case !m.HasBody():
		return m
	}
	var err error
	if k.octets, err = m.AppendBody(k.octets[:0]); err != nil {
		return failed(m, stream.ReasonDamaged, err.Error())
	}
	k.scan.Reset()
	k.scan.Write(k.octets)
	if key := k.scan.Sum().Key; key != m.Key {
		return otherKey(m, key)
	}
	return m
}

func (k *keyCheck) part(b *stream.Body) stream.Record {
	m := k.large
	if m == nil {
		return b
	}
	var err error
	if k.octets, err = b.AppendOctets(k.octets[:0]); err != nil {
		return b // CheckBodies has told of it
	}
	k.scan.Write(k.octets)
	if b.Part < b.Parts {
		return b
	}
	k.large = nil
	if key := k.scan.Sum().Key; key != m.Key {
		return otherKey(m, key)
	}
	return b
}

func otherKey(m *stream.Message, key string) stream.Record {
	return failed(m, stream.ReasonKey, "the record's key is "+m.Key+", and that of its octets "+key)
}

func failed(m *stream.Message, reason stream.Reason, text string) stream.Record {
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: reason, Text: text}
}
