package push

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// altered is what else there is to a message that is sent other than it is. The
// message itself is then what is sent: its octets, size, date and key.
type altered struct {
	was     *message // as it is at the source
	changes []string
	breaks  bool
	sum     string             // sha256 of the octets where they differ, or ""
	large   *transform.Outcome // its octets, where they are too many for memory
}

func (a *altered) close() {
	if a.large != nil {
		a.large.Close()
	}
}

// source is the message as it is at the source.
func (m *message) source() *message {
	if m.altered != nil {
		return m.altered.was
	}
	return m
}

// receipt begins the receipt of a message.
func (m *message) receipt(target string, result receipt.Result) receipt.Receipt {
	x := of(&m.source().Message, target, result)
	x.Copied = m.copied && result == receipt.Appended
	if a := m.altered; a != nil && (result == receipt.Appended || result == receipt.Rejected) {
		x.Transforms, x.SentSHA256, x.BreaksSignature = a.changes, a.sum, a.breaks
		if m.Key != x.Key {
			x.SentKey = m.Key
		}
	}
	return x
}

// unknown are the items of a message that is appended which nobody knows: not its
// date where it gets another.
func (m *message) unknown() (items []string) {
	for _, item := range m.Unknown {
		if item != stream.ItemSize && (item != stream.ItemDate || m.InternalDate == "") && !m.copied {
			items = append(items, item)
		}
	}
	return items
}

// examine notes what may be the reason that a message was refused.
func (m *message) examine(x *receipt.Receipt) error {
	x.Octets = m.Size
	if m.copied {
		return nil
	}
	var err error
	x.Odd, x.LongestLine, err = transform.Odd(&transform.Message{Octets: m, Size: m.Size})
	return err
}

// mayRewrite refuses a plan whose keys the rules are sure to change.
func (p *pusher) mayRewrite(b *stream.Begin, recipe headerkey.Recipe) error {
	if !b.Plan || p.opt.AllowRewrite || !p.opt.Transform.Any() {
		return nil
	}
	if i := slices.IndexFunc(p.opt.Transform.Fields(), recipe.Counts); i >= 0 {
		return exit.Errorf(exit.Usage, "the field %s is part of the key that messages are known by (%s): the next run would not know again what this one appends", p.opt.Transform.Fields()[i], recipe).
			WithHint("use another key (imap-fetch --key), or give --allow rewrite, and from then on imap-diff --receipts")
	}
	return nil
}

// transform changes the messages of a batch as the rules say, and returns those
// that are to be sent. The others get receipts.
func (p *pusher) transform(t *target, w *work) ([]*message, error) {
	if !p.opt.Transform.Any() {
		return w.messages, nil
	}
	var out []*message
	began := time.Now()
	for i, m := range w.messages {
		if p.halt != nil {
			_, err := p.leave(w.messages[i:])
			return out, err
		}
		if time.Since(began) > keepAlive {
			p.desk.keep()
			began = time.Now()
		}
		made, err := p.alter(m)
		switch refusal, no := transform.IsRefusal(err); {
		case no && refusal.Skip:
			err = p.refuseAll(w.messages[i:i+1], receipt.Skipped, refusal.Reason, refusal.Text)
		case no:
			err = p.refuseAll(w.messages[i:i+1], receipt.Rejected, refusal.Reason, refusal.Text)
		case err == nil:
			w.messages[i] = made // so that it is closed with the others
			out = append(out, made)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// alter makes of a message what is sent in its place.
func (p *pusher) alter(m *message) (*message, error) {
	o, err := p.opt.Transform.Apply(p.ctx, &transform.Message{Octets: m, Size: m.Size, Origin: transform.Origin{
		User: p.begin.User, Host: p.begin.Host, Folder: m.Folder, Target: m.Target, UIDValidity: m.UIDValidity, UID: m.UID, InternalDate: m.InternalDate,
	}})
	if err != nil || len(o.Changes) == 0 {
		return m, err
	}
	sent := *m
	sent.altered = &altered{was: m, changes: o.Changes, breaks: o.Breaks}
	sent.file, sent.spooled, sent.loose = nil, nil, nil
	sent.InternalDate = o.InternalDate
	err = sent.take(o)
	if err == nil && o.Altered {
		sent.Key, err = p.keyOf(&sent)
	}
	if err != nil {
		sent.altered.close()
		return nil, err
	}
	return &sent, nil
}

// take takes over what a transform made of the message's octets.
func (m *message) take(o *transform.Outcome) error {
	m.Size = o.Size
	if o.Size > stream.PartSize {
		m.octets, m.altered.large = nil, o
	} else {
		defer o.Close()
		m.octets = make([]byte, o.Size)
		if _, err := o.Octets.ReadAt(m.octets, 0); err != nil && err != io.EOF {
			return exit.Errorf(exit.IO, "message to append: %w", err)
		}
		m.odd = oddityOf(m.octets)
	}
	if !o.Altered {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(m, 0, m.Size)); err != nil {
		return exit.Errorf(exit.IO, "message to append: %w", err)
	}
	m.altered.sum = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// keyOf is the key of what is sent, which has to be that of the message unless
// the user has said otherwise.
func (p *pusher) keyOf(m *message) (string, error) {
	before, err := p.identify(m.altered.was)
	if err != nil {
		return "", err
	}
	after, err := p.identify(m)
	switch {
	case err != nil:
		return "", err
	case before == after:
		return m.altered.was.Key, nil
	case p.begin.Plan && !p.opt.AllowRewrite:
		return "", &transform.Refusal{Reason: "key-changed", Text: "what it is known by (" + p.desk.recipe.String() + ") would be changed by " + strings.Join(m.altered.changes, ", ") +
			", and the next run would append it again: use --allow rewrite, and from then on imap-diff --receipts"}
	}
	return after, nil
}

// identify computes a key from octets.
func (p *pusher) identify(m *message) (string, error) {
	if p.scanner == nil {
		p.scanner = headerkey.NewScanner(p.desk.recipe)
	}
	s := p.scanner
	s.Reset()
	buf := make([]byte, min(m.Size, keyPiece))
	for at := int64(0); at < m.Size && (!s.HeaderDone() || s.NeedsBody()); {
		n, err := m.ReadAt(buf[:min(int64(len(buf)), m.Size-at)], at)
		if err != nil && err != io.EOF {
			return "", exit.Errorf(exit.IO, "message to append: %w", err)
		}
		s.Write(buf[:n])
		at += int64(n)
	}
	return s.Sum().Key, nil
}

// keyPiece is how much of a message is read at a time for its key, in octets.
const keyPiece = 32 << 10
