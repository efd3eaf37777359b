package imapconn

import (
	"context"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"
)

// KnowsChanges reports whether Changed can be asked of this mailbox: its server has
// CONDSTORE (RFC 7162), and the mailbox keeps mod-sequences.
func (x *Selected) KnowsChanges() bool {
	return x.HighestModSeq > 0 && (x.s.Has(imap.CapCondStore) || x.s.Has(imap.CapQResync))
}

// Changed returns the flags of the messages with UIDs from 1 to last whose
// mod-sequence is above since (RFC 7162 section 3.1.4.1), by UID, and in unsaid
// those of which the server does not say the flags. Others may
// be among them. It resumes. A refusal by the server holds an *imap.Error.
func (x *Selected) Changed(ctx context.Context, last uint64,
	since uint64) (changed map[uint64][]string, unsaid []uint64, err error) {
	_, err = x.collect(ctx, "look for changes in", func(c *conn, f *found) error {
		changed, unsaid = map[uint64][]string{}, nil
		lists := map[string][]string{} // few are different
		want := wanted{Items: Items{Flags: true}}
		command := c.command("UID FETCH " + rangeText(1, last)).
			text(" (UID FLAGS) (CHANGEDSINCE " + strconv.FormatUint(since, 10) + ")")
		_, err := c.run(command, func(resp *response) error {
			if resp.typ != "FETCH" {
				return nil
			}
			var m fetched
			if err := c.fetch.read(&m, &want); err != nil {
				return err
			}
			if m.got&gotUID == 0 || m.UID > last {
				return nil
			}
			if m.got&gotFlags == 0 {
				unsaid = append(unsaid, m.UID)
				return c.tooMany(len(unsaid))
			}
			if _, again := changed[m.UID]; !again {
				c.progress()
			}
			changed[m.UID] = intern(lists, m.Flags)
			return c.tooMany(len(changed))
		})
		return err
	})
	return changed, unsaid, err
}

// intern returns a copy of a list that stays, the same for equal ones.
func intern(lists map[string][]string, list []string) []string {
	var key []byte
	for _, s := range list {
		key = append(append(key, s...), 0)
	}
	kept, ok := lists[string(key)]
	if !ok {
		kept = slices.Clone(list)
		lists[string(key)] = kept
	}
	return kept
}
