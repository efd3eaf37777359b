package diff

import (
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/match"
)

// Destination is what a stream is compared with: an account or another
// stream. It is only read.
type Destination interface {
	// Open learns which folders there are, for streams with the given key.
	Open(recipe headerkey.Recipe) error
	// Account returns whose messages it holds.
	Account() account.Account
	Namespace() folder.Namespace
	// Folders returns the folders that can hold messages.
	Folders() []*Target
	// Levels returns folders that cannot hold messages, as far as Folders does
	// not.
	Levels() []*Target
	// Seek asks for folders that Folders lacks, by their names, and adds those that
	// can be opened. It reports whether it has added any.
	Seek(names []string) (bool, error)
	// FoldsCase reports whether names that differ in case alone are one folder
	// there.
	FoldsCase() (folder.CaseSense, error)
	// Load reads the messages of a folder below its UIDNext. An *Unreadable
	// concerns this folder alone. The prover may be nil.
	Load(t *Target, add func(match.Message)) (match.EvidenceReader, error)
	Close()
}

// Target is a destination folder as it was when the comparison began, with what is known
// of the messages that go to it. Each mode looks at both, so that they are one type.
type Target struct {
	Name        string
	Wire        string // the server's own spelling
	UIDValidity uint64 // 0: it does not exist yet
	unstable    bool   // it is another at each look
	UIDNext     uint64 // messages at or above it are not looked at
	Messages    uint32
	Attributes  []string
	Subscribed  bool
	Unreadable  string // why it cannot be compared, or ""
	ShowsMore   bool   // it shows more messages than it counts

	sources int  // source folders that land here and have not ended
	shared  bool // messages of several source folders go here
	Unsure  bool // one of them has failed: nothing is taken away here
	Matcher *match.Matcher
	entries *match.Store // of all folders of the destination, or nil

	reserved map[uint64]*match.Entry // by UID: what receipts name, nil where it is gone
	// reservedIn is the last stream for whose messages that was done, from 1 on.
	reservedIn int
}

// Exists tells a folder from one that is to be made.
func (t *Target) Exists() bool { return t.UIDValidity != 0 || t.Unreadable != "" }

// Load reads the messages of a folder and keeps them, if nobody has. Where that
// cannot be done, Unreadable says why, and Matcher stays nil.
func (t *Target) Load(dest Destination) (err error) {
	t.Matcher, err = t.Read(dest)
	return err
}

// Read returns the messages of a folder. They are nil where the folder cannot be
// compared: Unreadable says why.
func (t *Target) Read(dest Destination) (*match.Matcher, error) {
	if t.Matcher != nil || t.Unreadable != "" {
		return t.Matcher, nil
	}
	matcher := match.NewMatcher(t.entries)
	reader, err := dest.Load(t, func(m match.Message) { matcher.Add(m) })
	var no *Unreadable
	switch {
	case errors.As(err, &no):
		t.Unreadable = no.Text
		return nil, nil
	case err != nil:
		return nil, err
	}
	matcher.Reader = reader
	return matcher, nil
}

// Unreadable says why a destination folder cannot be compared.
type Unreadable struct{ Text string }

func (e *Unreadable) Error() string { return e.Text }
