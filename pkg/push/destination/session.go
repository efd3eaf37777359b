// Package destination knows the folders of the account that a plan is carried out
// in: which there are, what came to each since the plan was made, and which of it
// are messages of the plan.
package destination

import (
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// Session is the destination as one connection at a time sees it: the current one.
// Others may hold batches whose turn comes later, see Stage. What is learned of folders
// is in the Directory.
//
// It has a method for each step that the parts of a run take at the destination, which
// is why they are many.
type Session struct {
	*Directory
	*Connection
	Ctx    context.Context // of all commands: they are seen through
	Conn   imapconn.Options
	Recipe headerkey.Recipe // of the plan's keys

	source *Source // the folder that messages are copied from, or nil
	others others
}

// Connection is one connection to the destination.
type Connection struct {
	IMAP *imapconn.Session // nil until Connect
	Box  *imapconn.Selected

	open     *Folder // that Box is of, or nil
	expunged int     // messages since it was opened, as far as its Arrivals have heard
}

// NewSession makes a Session that is not connected. It may use as many connections
// as most says.
func NewSession(ctx context.Context, conn imapconn.Options, directory *Directory, most int) *Session {
	s := &Session{Directory: directory, Connection: &Connection{}, Ctx: ctx, Conn: conn}
	s.others.limit(most)
	return s
}

// Connect logs in when there is something to do for the first time.
func (s *Session) Connect() error {
	if s.IMAP != nil {
		return nil
	}
	session, err := imapconn.Open(s.Ctx, s.Conn)
	if err != nil {
		return err
	}
	s.IMAP = session
	return s.List(0)
}

// Close ends all connections.
func (s *Session) Close() {
	s.others.close()
	if s.IMAP != nil {
		s.IMAP.Close()
	}
}

// Keep tells the server that we are still here. A connection that died meanwhile is
// made anew when it is needed.
func (s *Session) Keep() {
	if s.IMAP != nil {
		_ = s.IMAP.Noop(s.Ctx)
	}
}

// List learns which folders there are.
func (s *Session) List(spaces folder.Spaces) error {
	boxes, err := s.IMAP.List(s.Ctx, spaces)
	if err != nil {
		return err
	}
	s.Directory.set(boxes)
	return nil
}

// Open opens a folder if it is not open.
func (s *Session) Open(f *Folder) error {
	if s.open == f {
		return nil
	}
	return s.Reopen(f)
}

// Leave is called before another folder than a Folder is opened.
func (s *Session) Leave() { s.open = nil }

// Reopen opens a folder anew. One that claims to be empty is asked what it shows:
// what it holds must not be appended again.
func (s *Session) Reopen(f *Folder) error {
	box, err := s.selectAndLook(f)
	if err != nil {
		return err
	}
	if f.Shown == 0 {
		f.Shown = box.UIDValidity
	}
	if box.UIDValidity != f.Shown {
		s.Leave()
		return fault.Errorf(fault.Partial, "%s was deleted and made again, or renamed, while messages were appended: "+
			"its UIDVALIDITY was %d and is %d: make a new plan", folder.Quote(f.Name), f.Shown, box.UIDValidity)
	}
	s.use(f, box)
	s.expunged = 0
	return nil
}

func (s *Session) use(f *Folder, box *imapconn.Selected) { s.Box, s.open = box, f }

// selectAndLook takes one round trip where the folder is expected to be empty, or is
// not empty.
func (s *Session) selectAndLook(f *Folder) (*imapconn.Selected, error) {
	if f.Next <= 1 && f.Arrivals.expected == 0 {
		return s.IMAP.SelectEmpty(s.Ctx, f.Wire)
	}
	box, err := s.IMAP.Select(s.Ctx, f.Wire)
	if err == nil {
		err = box.CheckEmpty(s.Ctx)
	}
	return box, err
}

// FlagsOf reads flags of messages of the open folder. Those in unknown are there, and
// the server does not tell their flags.
func (s *Session) FlagsOf(uids []uint64) (have map[uint64][]string, unknown map[uint64]bool, err error) {
	have, unknown = make(map[uint64][]string, len(uids)), map[uint64]bool{}
	err = s.Box.Fetch(s.Ctx, uids, imapconn.Items{Flags: true}, 0, func(m *imapconn.Message) error {
		switch {
		case m.State != imapconn.Have:
		case m.Unknown.Has(imapconn.UnknownFlags):
			unknown[m.UID] = true
		default:
			have[m.UID] = slices.Clone(m.Flags)
		}
		return nil
	})
	return have, unknown, err
}

// Refused reports whether an error is a server's NO to one thing, or a folder at
// which the connection ends each time: it does not end the run.
func Refused(err error) bool {
	return imapconn.IsRefused(err) || imapconn.IsFolder(err)
}

// Words returns the text of a server's NO, or of another error.
func Words(err error) string {
	var no *imap.Error
	if errors.As(err, &no) {
		return no.Text
	}
	return err.Error()
}

// OfFolder reports whether an error is about a folder, so that it does not end the
// run.
func OfFolder(err error) bool { return Refused(err) || fault.KindOf(err) == fault.Partial }
