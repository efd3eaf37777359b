package plan

import (
	"errors"
	"regexp"

	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Prune says which destination folders are to be removed when no source folder
// goes to them.
type Prune struct {
	Names *regexp.Regexp // matched anywhere in the name
	Full  bool           // also folders that hold messages
}

// ErrPrunePart is that a source leaves something out: no folder may be removed for it.
var ErrPrunePart = errors.New("folders are to be removed for a part of an account")

// checkPrune refuses a source that does not hold its account whole.
func (p *planner) checkPrune(b *stream.Begin) error {
	if p.opt.Prune != nil && p.opt.Edited {
		return fault.Errorf(fault.Usage, "no folder may be removed for what is not in an edited source")
	}
	if p.opt.Prune != nil && len(b.Filters) > 0 {
		return fault.Errorf(fault.Usage, "the source leaves out %s: what is not in it may not be removed for that",
			folder.Quote(b.Filters[0])).Because(ErrPrunePart)
	}
	return nil
}

// prune writes a stream of its own with the folders to remove, once the source
// was read to a good end.
func (p *planner) prune() error {
	if p.opt.Prune == nil || p.opened == nil {
		return nil
	}
	if p.last.Folders > 0 {
		p.opt.Warn("no folder is to be removed, since some of the source could not be had")
		return nil
	}
	removals := p.removals()
	if len(removals) == 0 {
		return nil
	}
	if err := p.w.Write(p.opened); err != nil {
		return err
	}
	for _, r := range removals {
		if err := p.w.Write(r); err != nil {
			return err
		}
	}
	return p.w.End(&stream.End{Plan: true})
}

// removals are the folders that can go. With a subfolder all that is not below
// it stays.
func (p *planner) removals() []*stream.DeleteFolder {
	return cleanup.RemovableFolders(p.dest, p.prunes, p.wanted)
}

// prunes reports whether a folder may go by itself.
func (p *planner) prunes(t *diff.Target) bool {
	o := p.opt.Prune
	switch {
	case folder.IsInbox(t.Name) || t.Unreadable != "" || !p.opt.Mapping.Covers(t.Name, p.dest.Namespace()):
		return false
	case t.Messages > 0 && !o.Full:
		return false
	}
	return o.Names.MatchString(t.Name) || o.Names.MatchString(folder.Plain(t.Name))
}
