package diff

import (
	"errors"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// Records are what a stream.Reader gives.
type Records interface {
	Next() (stream.Record, error)
}

// rekeyed gives the records of streams with the keys of another recipe than
// theirs, made of the bytes. Those of the same recipe pass as they are, unless
// an earlier rule has made them.
type rekeyed struct {
	in     Records
	recipe headerkey.Recipe   // of its keys
	asked  bool               // the recipe does not depend on the stream
	fields []string           // that a message with a key of the recipe itself must have
	own    *headerkey.Scanner // of the stream's recipe, made when it is needed
	scan   *headerkey.Scanner // nil where nothing is to be done
	octets []byte
	next   stream.Record // that was read ahead
	err    error         // likewise
	drop   bool          // the parts of a message that failed
}

// Keyed returns in with the keys of Options.Key, if there is one, and without
// keys of earlier rules.
func (o *Options) Keyed(in Records) Records {
	switch {
	case o.FoldersOnly:
		return in
	case o.Key == nil:
		return &rekeyed{in: in}
	}
	return &rekeyed{in: in, recipe: *o.Key, asked: true}
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
		scan := r.scan
		if scan == nil && r.outdated(x) {
			if scan = r.own; !x.HasOctets() {
				return nil, r.refusal(x)
			}
		}
		switch {
		case scan == nil:
			return x, nil
		case x.Parts > 0:
			return r.large(scan, x.Clone())
		}
		return r.message(scan, x)
	}
	return rec, nil
}

func (r *rekeyed) begin(b *stream.Begin) (stream.Record, error) {
	r.scan, r.own, r.fields = nil, nil, nil
	if !r.asked || b.Key == r.recipe.String() {
		if recipe, err := headerkey.ParseRecipe(b.Key); err == nil { // who reads the stream tells of the error
			r.recipe = recipe
			for _, name := range recipe.Required() {
				r.fields = append(r.fields, headerkey.Spell(name))
			}
		}
		return b, nil
	}
	if b.Content != stream.Full {
		return nil, fault.Errorf(fault.Usage, "the stream has the key %q and no bodies to make the key %q of", b.Key,
			r.recipe).Because(ErrNoBodies, r.recipe.String())
	}
	r.scan = headerkey.NewScanner(r.recipe)
	out := *b
	out.Key = r.recipe.String()
	return &out, nil
}

// outdated reports whether the key of a message was made by an earlier rule: of
// some fields of the recipe, where one that is required is not there. The header
// in the record shows it.
func (r *rekeyed) outdated(m *stream.Message) bool {
	if len(m.Header) <= len("{}") || !strings.HasPrefix(m.Key, "recipe:") {
		return false
	}
	for _, name := range r.fields {
		if canonical.StringMember(m.Header, name) == "" {
			if r.own == nil {
				r.own = headerkey.NewScanner(r.recipe)
			}
			return true
		}
	}
	return false
}

// ErrNoBodies is that keys of another recipe are wanted, and there are no bodies.
var ErrNoBodies = errors.New("no bodies to make keys of")

func (r *rekeyed) refusal(m *stream.Message) error {
	return fault.Errorf(fault.Usage,
		"%s UID %d: its key is of an earlier rule: the recipe %q now requires %s, which the message lacks",
		folder.Quote(m.Folder), m.UID, r.recipe, strings.Join(r.fields, ", ")).WithHint("export the source again")
}

func (r *rekeyed) message(scan *headerkey.Scanner, m *stream.Message) (stream.Record, error) {
	var err error
	if r.octets, err = m.AppendBody(r.octets[:0]); err != nil {
		return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonDamaged,
			Text: err.Error()}, nil
	}
	scan.Reset()
	scan.Write(r.octets)
	name(scan, m)
	return m, nil
}

// large makes the key of the first part: a header ends there, or the message
// is not compared. One without any header has the same key by every recipe.
func (r *rekeyed) large(scan *headerkey.Scanner, m *stream.Message) (stream.Record, error) {
	r.next, r.err = r.in.Next()
	b, ok := r.next.(*stream.Body)
	if r.err != nil || !ok {
		return m, nil // its parts are missing, and it does not exist
	}
	octets, err := b.AppendOctets(r.octets[:0])
	r.octets = octets
	scan.Reset()
	scan.Write(octets)
	switch {
	case err != nil:
	case scan.NeedsBody():
		return m, nil
	case scan.HeaderDone():
		name(scan, m)
		return m, nil
	default:
		err = fault.Errorf(fault.Data, "its header is larger than %d octets: export it with the key %s", stream.PartSize,
			r.recipe)
	}
	r.next, r.drop = nil, true
	return &stream.Failed{Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Reason: stream.ReasonDamaged,
		Text: err.Error()}, nil
}

// name gives a message its key, and the fields of the recipe to be shown.
func name(scan *headerkey.Scanner, m *stream.Message) {
	m.Key = scan.Sum().Key
	m.Header = canonical.AppendObject(nil, scan.Shown())
}
