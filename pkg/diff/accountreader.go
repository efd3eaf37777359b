package diff

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/match"
)

// AccountReader reads more of the messages in one folder.
type AccountReader struct {
	a      *Account
	t      *Target
	loaded *imapconn.Selected // that the entries were read from
	box    *imapconn.Selected

	lost bool // the folder is not there any more, or is another
}

// bodyLimit is the largest body that is read in one piece, in bytes.
const bodyLimit = 4 << 20

func (p *AccountReader) ReadReceived(entries []*match.Entry) error {
	scan := headerkey.NewScanner(p.a.recipe)
	items := imapconn.Items{Fields: []string{"RECEIVED"}}
	return p.fetch(entries, func(d *match.Entry) bool { return d.Has(match.ReceivedRead) }, items,
		func(d *match.Entry, m *imapconn.Message) error {
			scan.Reset()
			scan.Write(m.Header)
			d.SetReceived(scan.Received())
			d.Known |= match.ReceivedRead
			return nil
		})
}

func (p *AccountReader) ReadDigests(entries []*match.Entry) error {
	var large []*match.Entry
	err := p.fetch(entries, func(d *match.Entry) bool { return d.Has(match.KnownSHA) }, imapconn.Items{Body: true},
		func(d *match.Entry, m *imapconn.Message) error {
			if m.Body == nil && m.Literal > 0 {
				large = append(large, d)
				return nil
			}
			d.SetDigest(sha256.Sum256(m.Body))
			return nil
		})
	for _, d := range large {
		if err == nil {
			err = p.digestLarge(d)
		}
	}
	return err
}

func (p *AccountReader) ReadLoose(d *match.Entry) (*headerkey.Loose, error) {
	h := headerkey.NewLooseHasher()
	read, err := p.read(d, h)
	if err != nil || !read {
		return nil, err
	}
	return h.Sum(), nil
}

// read writes the bytes of a message, in pieces. What cannot be read proves
// nothing, and is no error.
func (p *AccountReader) read(d *match.Entry, to io.Writer) (bool, error) {
	if known, err := p.open([]*match.Entry{d}); err != nil || len(known) == 0 {
		return false, err
	}
	p.box.Expect(d.UID(), int64(d.Size))
	err := p.box.ReadParts(p.a.ctx, d.UID(), bodyLimit, func(piece []byte) bool {
		to.Write(piece)
		return false
	})
	var one *imapconn.PartError
	if errors.As(err, &one) {
		return false, nil
	}
	return err == nil, p.lose(err)
}

// open makes sure that the folder is the open one: another may have been looked at
// meanwhile. It returns those of the entries that can be asked for by their UIDs,
// nil where the folder is not there any more, or is another: what cannot be read
// proves nothing.
func (p *AccountReader) open(entries []*match.Entry) ([]*match.Entry, error) {
	if p.lost {
		return nil, nil
	}
	if p.t.unstable && p.loaded.Current() {
		return entries, nil
	}
	box, err := p.a.session.Examine(p.a.ctx, p.t.Wire)
	if err == nil && box.UIDValidity != p.t.UIDValidity && !p.t.unstable {
		err = replaced()
	}
	if err != nil {
		return nil, p.lose(err)
	}
	if p.box = box; !p.t.unstable {
		return entries, nil
	}
	return p.recognized(entries)
}

// recognized returns those of the entries whose UIDs have the keys that they had.
// The UIDVALIDITY of the folder is another at each look, so that it does not tell
// whether the UIDs are those of the same messages.
func (p *AccountReader) recognized(entries []*match.Entry) (known []*match.Entry, err error) {
	byUID := map[uint64]*match.Entry{}
	for _, d := range entries {
		byUID[d.UID()] = d
	}
	err = keys.Of(p.a.ctx, p.box, sortedUIDs(byUID), p.a.recipe,
		func(m *imapconn.Message, id *headerkey.Identity) error {
			if id == nil {
				return nil
			}
			var seen match.Evidence
			seen.SetKey(id.Key)
			if d := byUID[m.UID]; d.Key == seen.Key && d.Rung == seen.Rung {
				known = append(known, d)
			}
			return nil
		})
	if err != nil {
		return nil, p.lose(err)
	}
	return known, nil
}

// lose notes that the folder cannot be read any more, if err is about this folder
// alone. Any other error is returned.
func (p *AccountReader) lose(err error) error {
	err = p.a.unreadable(err)
	var no *Unreadable
	if !errors.As(err, &no) {
		return err
	}
	if p.lost = true; p.a.Conn.Warn != nil {
		p.a.Conn.Warn(fmt.Sprintf("%s cannot be read any more, "+
			"and what looks alike in it is told apart by what was read before: %s", folder.Quote(p.t.Name), no.Text))
	}
	return nil
}

func (p *AccountReader) digestLarge(d *match.Entry) error {
	h := sha256.New()
	read, err := p.read(d, h)
	if read {
		d.SetDigest([sha256.Size]byte(h.Sum(nil)))
	}
	return err
}

// fetch asks for items of those entries that are not known yet.
func (p *AccountReader) fetch(entries []*match.Entry, known func(*match.Entry) bool, items imapconn.Items,
	fn func(*match.Entry, *imapconn.Message) error) error {
	entries = slices.DeleteFunc(slices.Clone(entries), known)
	if len(entries) == 0 {
		return nil
	}
	entries, err := p.open(entries)
	if err != nil || len(entries) == 0 {
		return err
	}
	byUID := map[uint64]*match.Entry{}
	for _, d := range entries {
		byUID[d.UID()] = d
	}
	items.Listed = func(uid uint64) int64 { return int64(byUID[uid].Size) }
	return p.lose(p.box.Fetch(p.a.ctx, sortedUIDs(byUID), items, bodyLimit, func(m *imapconn.Message) error {
		if d := byUID[m.UID]; d != nil && m.State == imapconn.Have {
			return fn(d, m)
		}
		return nil
	}))
}

// FullDigests reads messages for the sha256 of their bytes, by UID. One that cannot be
// read has none.
func (p *AccountReader) FullDigests(entries []*match.Entry) (map[uint64][sha256.Size]byte, error) {
	sums := make(map[uint64][sha256.Size]byte, len(entries))
	var large []*match.Entry
	err := p.fetch(entries, func(*match.Entry) bool { return false }, imapconn.Items{Body: true},
		func(e *match.Entry, m *imapconn.Message) error {
			if m.Body == nil && m.Literal > 0 {
				large = append(large, e)
				return nil
			}
			sums[e.UID()] = sha256.Sum256(m.Body)
			return nil
		})
	h := sha256.New()
	for _, e := range large {
		if err != nil {
			break
		}
		h.Reset()
		var read bool
		if read, err = p.read(e, h); read {
			sums[e.UID()] = [sha256.Size]byte(h.Sum(nil))
		}
	}
	return sums, err
}

// Explain reads the header fields of the key, or the whole header.
func (p *AccountReader) Explain(e *match.Entry) (key string, fields []headerkey.Field, err error) {
	scan := headerkey.NewScanner(p.a.recipe)
	none := func(*match.Entry) bool { return false }
	err = p.fetch([]*match.Entry{e}, none, keys.Items(p.a.recipe, "MESSAGE-ID", "DATE", "FROM", "SUBJECT"),
		func(_ *match.Entry, m *imapconn.Message) error {
			scan.Reset()
			scan.Write(m.Header)
			key, fields = scan.Sum().Key, scan.Header()
			return nil
		})
	return key, fields, err
}
