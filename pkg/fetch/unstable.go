package fetch

import (
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// recognize reports whether the folder that was just opened is the one that was
// listed as f. One whose UIDVALIDITY is another at each look is: s.unstable
// says so, and its messages are recognized by their keys.
func (s *source) recognize(f *stream.Folder) (bool, error) {
	s.unstable = f.Unstable
	if s.box.UIDValidity == f.UIDValidity || s.unstable {
		return true, nil
	}
	var err error
	if s.unstable, err = s.box.Unstable(s.ctx); s.unstable {
		s.opt.Warn("%s", list.UnstableNote(f.Name))
	}
	return s.unstable, err
}

// goesOn reports whether a folder that an earlier run began can be continued
// by UID. The last message that was written has to be the same by its key; else
// the folder has failed. Where its UIDVALIDITY tells, that message may be gone.
func (s *source) goesOn(f *stream.Folder, done stream.Progress) (bool, error) {
	if done.LastUID == 0 || !s.unstable && done.LastKey == "" {
		return true, nil
	}
	same, other := false, false
	err := keys.Of(s.ctx, s.box, []uint64{done.LastUID}, s.recipe,
		func(_ *imapconn.Message, id *headerkey.Identity) error {
			same = id != nil && done.LastKey != "" && id.Key == done.LastKey
			other = id != nil && !same
			return nil
		})
	if err != nil || same || !s.unstable && !other {
		return err == nil, err
	}
	return false, s.replaced(f,
		"its messages have other UIDs than when the output file was begun; export with --restart")
}

// doubtGone makes failures of selected messages that are not there: in a folder
// whose UIDVALIDITY does not tell, each may have another UID now.
func (b *batch) doubtGone() {
	for i := range b.items {
		if it := &b.items[i]; it.kind == itemGone && it.base != nil {
			it.kind, it.reason, it.text = itemFailed, stream.ReasonUIDValidity,
				"no message has this UID now, and the UIDs of the folder may be others"
		}
	}
}
