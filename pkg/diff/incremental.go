package diff

import (
	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A delta without its base brings, with a new message, all of the same key in
// the same folder, and no other. So whoever counts across folders would take
// for the new one what is there of an old one in another folder.

// noteBase remembers whether the first stream of an account is whole.
func (c *Comparison) noteBase(b *stream.Begin) {
	if c.firstWhole == nil {
		c.firstWhole = map[account.Account]bool{}
	}
	of := b.Account()
	if _, known := c.firstWhole[of]; !known {
		c.firstWhole[of] = b.Base == ""
	}
}

// checkDelta refuses a delta alone where folders are not compared one by one.
func (c *Comparison) checkDelta() error {
	if c.opt.FoldersOnly || c.firstWhole[c.Begin.Account()] {
		return nil
	}
	why := ""
	switch {
	case c.opt.Account:
		why = "what a folder lacks is looked for in all others"
	case c.merges():
		why = "folders become one"
	default:
		return nil
	}
	return fault.Errorf(fault.Usage,
		"the source is a delta without its base, and %s: what its base has in other folders must be known",
		why).WithHint("give imap-diff a file of both")
}
