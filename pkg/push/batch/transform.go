package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// changed is what else there is to a message that is not sent as it is. The
// message itself is then what is sent: its content, size, date and key.
type changed struct {
	was     *Message // as it is at the source
	changes []string
	breaks  bool               // a signature
	sum     string             // sha256 of the content where it differs, or ""
	large   *transform.Outcome // the content, where it is too much for memory
}

func (c *changed) close() {
	if c.large != nil {
		c.large.Close()
	}
}

// Transformer changes the messages of a stream as rules say.
type Transformer struct {
	rules        *transform.Rules
	allowRewrite bool // of keys
	begin        *stream.Begin
	recipe       headerkey.Recipe
	scanner      *headerkey.Scanner
}

// What errors of this package come of, where it is something that users can change.
var (
	ErrChangesKey = errors.New("the rules change the key of messages")
	ErrNoBodies   = errors.New("the plan has no bodies")
)

// NewTransformer makes a Transformer. It refuses a plan whose keys the rules are
// sure to change.
func NewTransformer(rules *transform.Rules, begin *stream.Begin, recipe headerkey.Recipe,
	allowRewrite bool) (*Transformer, error) {
	if begin.Plan && !allowRewrite && rules.Any() {
		fields := rules.Fields()
		if i := slices.IndexFunc(fields, recipe.Counts); i >= 0 {
			return nil, fault.Errorf(fault.Usage, "the field %s is part of the key that messages are known by (%s): "+
				"the next run would not know again what this one appends", fields[i], recipe).
				Because(ErrChangesKey)
		}
	}
	scanner := headerkey.NewScanner(recipe)
	return &Transformer{rules: rules, allowRewrite: allowRewrite, begin: begin, recipe: recipe, scanner: scanner}, nil
}

// Apply returns what is sent in place of a message. The error may be a
// *transform.Refusal.
func (t *Transformer) Apply(ctx context.Context, m *Message) (*Message, error) {
	o, err := t.rules.Apply(ctx, &transform.Message{Octets: m, Size: m.Size, Origin: transform.Origin{
		User: t.begin.User, Host: t.begin.Host, Folder: m.Folder, Target: m.Target,
		UIDValidity: m.UIDValidity, UID: m.UID, InternalDate: m.InternalDate,
	}})
	if err != nil || len(o.Changes) == 0 {
		return m, err
	}
	sent := *m
	sent.changed = &changed{was: m, changes: o.Changes, breaks: o.Breaks}
	sent.file, sent.spooled, sent.Loose = nil, nil, nil
	sent.InternalDate = o.InternalDate
	err = sent.take(o)
	if err == nil && o.Altered {
		sent.Key, err = t.keyOf(&sent)
	}
	if err != nil {
		sent.changed.close()
		return nil, err
	}
	return &sent, nil
}

// take takes over what a transform made of the message's content.
func (m *Message) take(o *transform.Outcome) error {
	m.Size = o.Size
	if o.Size > stream.PartSize {
		m.content, m.changed.large = nil, o
	} else {
		defer o.Close()
		m.content = make([]byte, o.Size)
		if _, err := o.Octets.ReadAt(m.content, 0); err != nil && err != io.EOF {
			return unreadable(err)
		}
		m.Oddity = oddityOf(m.content)
	}
	if !o.Altered {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(m, 0, m.Size)); err != nil {
		return unreadable(err)
	}
	m.changed.sum = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func unreadable(err error) error { return fault.Errorf(fault.IO, "message to append: %w", err) }

// keyOf is the key of what is sent, which has to be that of the message unless
// the user has said otherwise.
func (t *Transformer) keyOf(m *Message) (string, error) {
	before, err := t.identify(m.changed.was)
	if err != nil {
		return "", err
	}
	after, err := t.identify(m)
	switch {
	case err != nil:
		return "", err
	case before == after:
		return m.changed.was.Key, nil
	case t.begin.Plan && !t.allowRewrite:
		return "", &transform.Refusal{Reason: "key-changed", Cause: ErrChangesKey, Text: "what it is known by (" + t.recipe.String() +
			") would be changed by " + strings.Join(m.changed.changes, ", ") +
			", and the next run would append it again"}
	}
	return after, nil
}

// keyPiece is how much of a message is read at a time for its key, in bytes.
const keyPiece = 32 << 10

// identify computes a key from content.
func (t *Transformer) identify(m *Message) (string, error) {
	s := t.scanner
	s.Reset()
	buf := make([]byte, min(m.Size, keyPiece))
	for at := int64(0); at < m.Size && (!s.HeaderDone() || s.NeedsBody()); {
		n, err := m.ReadAt(buf[:min(int64(len(buf)), m.Size-at)], at)
		if err != nil && err != io.EOF {
			return "", unreadable(err)
		}
		s.Write(buf[:n])
		at += int64(n)
	}
	return s.Sum().Key, nil
}
