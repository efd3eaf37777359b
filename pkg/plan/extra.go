package plan

import (
	"errors"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// sayFolders are the filters that choose whole folders.
var sayFolders = []string{"folder", "folders", "folder-rec", "include", "exclude", "subscribed", "namespace"}

// choosesFolders tells a filter that leaves whole folders out from one that
// exclude messages.
func choosesFolders(filter string) bool {
	name, _, _ := strings.Cut(filter, "=")
	return slices.Contains(sayFolders, name)
}

// ErrDeleteForPart is that a source leaves something out: no message may be deleted for it.
var ErrDeleteForPart = errors.New("messages are to be deleted for a part of an account")

// checkDeletions refuses a source on whose word nothing may be deleted.
func (p *planner) checkDeletions(b *stream.Begin) error {
	how := p.opt.Delete
	if how == nil {
		return nil
	}
	switch {
	case p.opt.Edited:
		return fault.Errorf(fault.Usage, "no message may be deleted for what is not in an edited source")
	case b.Base != "":
		return fault.Errorf(fault.Usage,
			"the source is a delta: what is not in it may not be deleted for that").WithHint("give the whole account")
	case p.opened != nil:
		return fault.Errorf(fault.Usage,
			"the source is several streams, and messages may be deleted on the word of one whole stream alone")
	case how.All && b.Account() == p.dest.Account():
		return fault.Errorf(fault.Usage,
			"the source and the destination are one account: a mirror of itself would lose what arrives meanwhile")
	}
	for _, f := range b.Filters {
		if how.All || !choosesFolders(f) {
			return fault.Errorf(fault.Usage, "the source leaves out %s: what is not in it may not be deleted for that",
				folder.Quote(f)).Because(ErrDeleteForPart)
		}
	}
	return nil
}

// deletions writes a stream of its own with the messages to delete, once the
// source was read to a good end and nothing of it failed.
func (p *planner) deletions() error {
	d := p.deleter
	if d == nil || p.opened == nil {
		return nil
	}
	if p.last.Folders+p.last.Failed > 0 || p.w.Failures() > 0 {
		d.Counts = cleanup.ExtraCounts{}
		p.opt.Warn("no message is to be deleted, since some of the source could not be had")
		return nil
	}
	p.opt.Say("%d to delete", d.Counts.Deleted)
	if d.Counts.Unproven > 0 {
		p.opt.Warn("%s: nothing proves that %s came from it", lacked(d.Counts.Unproven),
			text.Either(d.Counts.Unproven, "it", "they"))
	}
	if d.Counts.Ambiguous > 0 {
		p.opt.Warn("%s: %s cannot be told from others of the same key", lacked(d.Counts.Ambiguous),
			text.Either(d.Counts.Ambiguous, "it", "they"))
	}
	if d.Counts.Moved > 0 {
		p.opt.Warn("%s: the receipts tell that %s moved here", lacked(d.Counts.Moved),
			text.Either(d.Counts.Moved, "it was", "they were"))
	}
	if len(d.Found) == 0 {
		return nil
	}
	if err := p.w.Write(p.opened); err != nil {
		return err
	}
	for i := range d.Found {
		if err := p.w.Write(d.Found[i].Record()); err != nil {
			return err
		}
	}
	return p.w.End(&stream.End{Plan: true})
}

// lacked says that messages which the source lacks are not deleted.
func lacked(n int) string {
	return text.Count(n, "message") + " that the source lacks " + text.Either(n, "stays", "stay")
}
