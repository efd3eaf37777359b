package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// records are what a stream.Reader gives.
type records interface {
	Next() (stream.Record, error)
}

// rekeyed gives the records of streams with the keys of another recipe than
// theirs, made of the octets. Those of the same recipe pass as they are.
type rekeyed struct {
	in     records
	recipe headerkey.Recipe
	scan   *headerkey.Scanner // nil where nothing is to be done
	octets []byte
	next   stream.Record // that was read ahead
	err    error         // likewise
	drop   bool          // the parts of a message that failed
}

// keyed returns in with the keys of Options.Key, if there is one.
func (o *Options) keyed(in records) records {
	if o.Key == nil || o.FoldersOnly {
		return in
	}
	return &rekeyed{in: in, recipe: *o.Key}
}

// Next returns the next record.
func (r *rekeyed) Next() (stream.Record, error) {
	if rec, err := r.next, r.err; rec != nil || err != nil {
		r.next, r.err = nil, nil
		return rec, err
	}
	rec, err := r.in.Next()
	for _, part := rec.(*stream.Body); err == nil && part && r.drop; _, part = rec.(*stream.Body) {
		rec, err = r.in.Next()
	}
	r.drop = false
	if err != nil {
		return rec, err
	}
	switch x := rec.(type) {
	case *stream.Begin:
		return r.begin(x)
	case *stream.Message:
		if r.scan == nil {
			return x, nil
		}
		if x.Parts > 0 {
			return r.large(x.Clone())
		}
		return r.message(x)
	}
	return rec, nil
}

func (r *rekeyed) begin(b *stream.Begin) (stream.Record, error) {
	r.scan = nil
	if b.Key == r.recipe.String() {
		return b, nil
	}
	if b.Content != stream.Full {
		return nil, exit.Errorf(exit.Usage, "the stream has the key %q and no bodies to make the key %q of", b.Key, r.recipe).WithHint("export it with --key %s", r.recipe)
	}
	r.scan = headerkey.NewScanner(r.recipe)
	out := *b
	out.Key = r.recipe.String()
	return &out, nil
}

func (r *rekeyed) message(m *stream.Message) (stream.Record, error) {
	var err error
	if r.octets, err = m.AppendBody(r.octets[:0]); err != nil {
		return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonDamaged, Text: err.Error()}, nil
	}
	r.scan.Reset()
	r.scan.Write(r.octets)
	r.name(m)
	return m, nil
}

// large makes the key of the first part: a header ends there, or the message
// is not compared. One without any header has the same key by every recipe.
func (r *rekeyed) large(m *stream.Message) (stream.Record, error) {
	r.next, r.err = r.in.Next()
	b, ok := r.next.(*stream.Body)
	if r.err != nil || !ok {
		return m, nil // its parts are missing, and it does not exist
	}
	octets, err := b.AppendOctets(r.octets[:0])
	r.octets = octets
	r.scan.Reset()
	r.scan.Write(octets)
	switch {
	case err != nil:
	case r.scan.NeedsBody():
		return m, nil
	case r.scan.HeaderDone():
		r.name(m)
		return m, nil
	default:
		err = exit.Errorf(exit.Data, "its header is larger than %d octets: export it with --key %s", stream.PartSize, r.recipe)
	}
	r.next, r.drop = nil, true
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonDamaged, Text: err.Error()}, nil
}

// name gives a message its key, and the fields of the recipe to be shown.
func (r *rekeyed) name(m *stream.Message) {
	m.Key = r.scan.Sum().Key
	m.Header = stream.AppendObject(nil, func(yield func(string, string) bool) {
		for _, f := range r.scan.Header() {
			if !yield(f.Name, f.Value) {
				return
			}
		}
	})
}
