package destination

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// Folder is a folder that messages go to.
type Folder struct {
	Name, Wire string
	Exists     bool
	sought     bool   // LIST leaves it out, and it was asked for by its name
	Validity   uint64 // UIDVALIDITY that the plan saw, 0: it did not exist
	Next       uint64 // UIDNEXT that the plan saw
	Sources    int    // folders of plans that go there
	Refused    error  // why nothing can be appended, or nil

	Opened   bool
	Shown    uint64          // UIDVALIDITY of the folder when it was opened first, 0: it was not
	Flags    []string        // PERMANENTFLAGS (RFC 9051 section 7.1)
	AnyFlag  bool            // and keywords that are new to the folder
	Unclear  map[string]bool // keys of what is there in a folder that settled, see lookAnew
	Arrivals *Arrivals
}

// errNoUIDNext is why a folder cannot be looked at.
var errNoUIDNext = errors.New("the plan does not say which of its messages imap-diff has seen: make a new plan")

// Prepare makes sure that the folder is there and, if look is set, looks at what came
// to it since the plan was made. What speaks against the folder stays with it. After
// an error it has to be prepared again: nobody knows all that has come to it.
func (s *Session) Prepare(f *Folder, look bool) error {
	if f.Opened || f.Refused != nil {
		return nil
	}
	err := s.prepare(f, look)
	if err != nil {
		f.Opened = false
	}
	return err
}

func (s *Session) prepare(f *Folder, look bool) error {
	if err := s.make(f); err != nil || f.Refused != nil {
		return err
	}
	told, err := s.toldBefore(f)
	if err == nil {
		err = s.Reopen(f)
	}
	if err != nil {
		return f.Refuse(err)
	}
	f.Opened, f.Flags, f.AnyFlag = true, s.Box.PermanentFlags, s.Box.AnyKeyword
	settled, err := s.settled(f, told)
	switch {
	case err != nil:
		return f.Refuse(err)
	case settled && look:
		return f.Refuse(s.lookAnew(f))
	case f.replaced(s.Box):
		f.Refused = f.CheckValidity(s.Box)
		return nil
	case !look:
		f.Arrivals.begin(max(s.Box.UIDNext, 1), s.Box.Messages)
		return nil
	case f.Validity != 0 && f.Next == 0:
		f.Refused = errNoUIDNext
		return nil
	}
	f.Arrivals.begin(max(f.Next, 1), 0)
	return f.Refuse(f.Arrivals.Look(s))
}

// make creates a folder that does not exist.
func (s *Session) make(f *Folder) error {
	if !f.Exists {
		if err := s.Seek([]*Folder{f}); err != nil {
			return err
		}
	}
	if !f.Exists {
		if err := s.Create(f); err != nil && !errors.Is(err, imapconn.ErrExists) {
			return f.Refuse(err)
		}
	}
	return nil
}

// replaced reports whether a folder is not the one that the plan saw: it has
// another UIDVALIDITY. In one that was empty then (UIDNEXT 1) no UID of the plan
// means anything, and all that is there now is looked at as arrivals: some
// servers settle the UIDVALIDITY of a folder only when it is first selected.
func (f *Folder) replaced(box *imapconn.Selected) bool {
	return f.Validity != 0 && f.Validity != box.UIDValidity && f.Next != 1
}

// CheckValidity returns why a folder is not the one that the plan saw, nil if it is.
func (f *Folder) CheckValidity(box *imapconn.Selected) error {
	if !f.replaced(box) {
		return nil
	}
	return fmt.Errorf("its UIDVALIDITY was %d when the plan was made and is %d now: "+
		"make a new plan (run the same pipeline again)", f.Validity, box.UIDValidity)
}

// Refuse keeps a server's NO with the folder; what ends the run is returned.
func (f *Folder) Refuse(err error) error {
	if OfFolder(err) {
		f.Refused = err
		return nil
	}
	return err
}

// Recreated is called when the folder is another one than before, and empty.
func (f *Folder) Recreated(s *Session) {
	f.Arrivals.uidNext, f.Shown = 1, 0
	s.Leave()
}

// Allowed splits flags into those that the folder keeps and those it does not.
func (f *Folder) Allowed(flags []string) (keep, drop []string) {
	for _, flag := range flags {
		same := func(p string) bool { return strings.EqualFold(p, flag) }
		if f.AnyFlag && !strings.HasPrefix(flag, `\`) || slices.ContainsFunc(f.Flags, same) {
			keep = append(keep, flag)
		} else {
			drop = append(drop, flag)
		}
	}
	return keep, drop
}
