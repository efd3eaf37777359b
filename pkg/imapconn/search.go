package imapconn

import (
	"context"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Search returns the UIDs of the messages that meet criteria, in the grammar of
// RFC 3501 6.4.4, sorted. It resumes.
func (x *Selected) Search(ctx context.Context, criteria string) ([]uint32, error) {
	if !isPrintASCII(criteria) {
		return nil, exit.Errorf(exit.Usage, "search %s: only ASCII can be searched for", quote(criteria))
	}
	var uids []uint32
	err := x.s.do(ctx, func(*conn) error {
		changed, err := x.ready(ctx)
		if err != nil || changed {
			return validityError(changed, err)
		}
		c := x.s.c
		defer c.watch(ctx)()
		uids = uids[:0]
		c.wide = true
		defer func() { c.wide = false }()
		_, err = c.run(c.command("UID SEARCH "+criteria), func(resp *response) error {
			if resp.typ == "SEARCH" {
				before := len(uids)
				c.searchNumbers(func(uid uint32) { uids = append(uids, uid) })
				if len(uids) > before {
					c.progress()
				}
			}
			if len(uids) > maxFound {
				return &limitError{"too many search results"}
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, refused(err, exit.Protocol, "search folder %s", quote(mailboxName(x.Wire)))
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// maxFound bounds the results of a search.
const maxFound = 1 << 24

// searchNumbers reads what follows "* SEARCH": numbers, several blanks between
// them, and what else there may be. 0 is no UID.
func (c *conn) searchNumbers(found func(uint32)) {
	for {
		c.blanks()
		n, ok := c.number32()
		if !ok {
			return
		}
		if n != 0 {
			found(n)
		}
	}
}

// validityError is about a mailbox that was replaced by another of its name.
func validityError(changed bool, err error) error {
	if err == nil && changed {
		return exit.Errorf(exit.Partial, "the folder was replaced while it was read: its UIDVALIDITY changed")
	}
	return err
}
