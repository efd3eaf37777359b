// Package base keeps what an earlier export of an account holds, by UID. A new
// export then has only what changed since.
package base

import (
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Base is what an earlier export of the account holds: a stream, or several one
// after the other, whether incremental or not. It takes 24 bytes a message. The
// nil Base holds nothing.
type Base struct {
	Key     string   // the recipe of its keys
	Hash    string   // of the last stream
	Filters []string // of the last stream

	account account.Account
	folders map[string]*Folder
}

// Why a base is refused, where users can change it.
var (
	ErrIsPlan    = errors.New("the base is a plan")
	ErrOfAnother = errors.New("the base is of another account")
)

// Fits refuses the base of another account.
func (b *Base) Fits(of account.Account) error {
	if b == nil || b.account == of {
		return nil
	}
	return fault.Errorf(fault.Usage, "the base is of %s, not of %s", b.account.Words(), of.Words()).
		Because(ErrOfAnother)
}

// At returns what the base has of a folder, nil if that is nothing or of another
// UIDVALIDITY.
func (b *Base) At(name string, validity uint64) *Folder {
	if b == nil {
		return nil
	}
	f := b.folders[name]
	if f == nil || f.Entry.UIDValidity != validity {
		return nil
	}
	return f
}

// Of returns what the base has of a folder that is still the same, or nil.
func (b *Base) Of(now *stream.Folder) *Folder {
	if b == nil {
		return nil
	}
	if f := b.folders[now.Name]; f != nil && f.Continues(now) {
		return f
	}
	return nil
}
