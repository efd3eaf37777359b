package fetch

import (
	"context"
	"errors"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/keys"
	"github.com/imap-pipe/imap-pipe/pkg/runs"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// planner lists the folders of an account and divides what is to be read of them
// into windows.
type planner struct {
	*connection
	opt    *Options
	search *searcher // nil: all messages are taken
}

func newPlanner(opt *Options, c *connection) *planner {
	p := &planner{connection: c, opt: opt}
	if !opt.Messages.IsZero() {
		p.search = &searcher{filter: &opt.Messages, warn: opt.Warn}
	}
	return p
}

// plan is what is to be exported of one folder.
type plan struct {
	folder  *stream.Folder
	records []stream.Record // need nothing from the server; they come before the windows
	windows []window

	listed   int64 // messages in the windows and the records
	excluded int64 // messages that are known to be left out
}

// plan lists a folder, as far as an earlier run has not done it. What concerns the
// folder alone becomes its record.
func (p *planner) plan(ctx context.Context, f *stream.Folder, done stream.Progress) (*plan, error) {
	pl := &plan{folder: f, listed: done.Messages}
	earlier := p.opt.Base.Of(f)
	switch {
	case earlier != nil && p.unchanged(f, earlier):
		p.opt.Progress.Skip(int64(f.Messages), 0)
		return pl, nil
	case earlier == nil && isDone(f, done):
		pl.excluded = p.excluded(done, int64(f.Messages))
		return pl, nil
	}
	err := p.open(ctx, f, f.UIDValidity)
	switch {
	case err != nil:
	case earlier != nil:
		err = p.update(ctx, pl, earlier, done)
	default:
		err = p.messages(ctx, pl, done)
	}
	if reason := folderReason(err); reason != "" {
		if replaced := (*replacedError)(nil); errors.As(err, &replaced) && replaced.cause != nil {
			p.warn("folder %s: %v", f.Name, replaced)
		}
		pl.records = append(pl.records, pl.failure(reason, err))
		return pl, nil
	}
	return pl, err
}

// isDone reports whether an earlier run has exported all of a folder.
func isDone(f *stream.Folder, done stream.Progress) bool {
	return f.Messages == 0 || f.UIDNext > 0 && done.LastUID >= f.UIDNext-1 && done.Messages >= int64(f.Messages)
}

// excluded returns how many of the messages that were there an earlier run has left
// out.
func (p *planner) excluded(done stream.Progress, there int64) int64 {
	if p.search == nil {
		return 0
	}
	return done.Excluded(there)
}

// failure is the record of a folder that cannot be read.
func (pl *plan) failure(reason stream.Reason, err error) *stream.Failed {
	return &stream.Failed{Folder: pl.folder.Name, UIDValidity: pl.folder.UIDValidity, Reason: reason, Text: err.Error()}
}

// messages plans the messages of the open folder that an earlier run has not done.
func (p *planner) messages(ctx context.Context, pl *plan, done stream.Progress) error {
	if err := p.checkResume(ctx, done); err != nil {
		return err
	}
	l := &listing{connection: p.connection, search: p.search}
	wants, err := l.messages(ctx, pl.folder.UIDNext) // those that are done count for who looks like whom
	if err != nil {
		return err
	}
	pl.contradict(l, done)
	from := slices.IndexFunc(wants, func(w want) bool { return w.uid > done.LastUID })
	if from < 0 {
		from = len(wants)
	}
	pl.excluded += p.excluded(done, int64(from))
	p.export(pl, wants[from:], itemsOf(p.opt.Content), l.judge)
	return nil
}

// checkResume fails if a folder that an earlier run began cannot be continued by
// UID. The last message that was written has to be the same by its key. Where the
// UIDVALIDITY tells, that message may be gone.
func (p *planner) checkResume(ctx context.Context, done stream.Progress) error {
	if done.LastUID == 0 || !p.unstable && done.LastKey == "" {
		return nil
	}
	same, other := false, false
	err := keys.Of(ctx, p.box, []uint64{done.LastUID}, p.opt.Recipe,
		func(_ *imapconn.Message, id *headerkey.Identity) error {
			same = id != nil && done.LastKey != "" && id.Key == done.LastKey
			other = id != nil && !same
			return nil
		})
	if err != nil || same || !p.unstable && !other {
		return err
	}
	return &replacedError{"its messages have other UIDs than when the output file was begun", ErrBegunReplaced}
}

// update plans what is new or changed of the open folder since the base, as far as
// an earlier run has not done it.
func (p *planner) update(ctx context.Context, pl *plan, earlier *base.Folder, done stream.Progress) error {
	c := &comparison{listing: listing{connection: p.connection, search: p.search}, opt: p.opt, earlier: earlier}
	all, err := c.news(ctx)
	pl.contradict(&c.listing, done)
	if err != nil {
		return err
	}
	p.opt.Progress.Skip(max(0, int64(pl.folder.Messages)-int64(len(all))), 0)
	from := slices.IndexFunc(all, func(n news) bool { return n.uid > done.LastUID })
	if from < 0 {
		from = len(all)
	}
	pl.excluded += p.excludedNews(done, all[:from])
	all = all[from:]
	for alike := range runs.Of(all, func(a, b news) bool { return a.items == b.items }) {
		wants := make([]want, len(alike))
		for i, n := range alike {
			wants[i] = n.want
		}
		p.export(pl, wants, alike[0].items, c.judge)
	}
	return nil
}

// excludedNews returns how many of the news an earlier run excluded. Where bytes
// decided that, it is an estimate: flags may have changed since.
func (p *planner) excludedNews(done stream.Progress, all []news) int64 {
	var there, left, open int64
	for i := range all {
		n := &all[i]
		if n.items != nothing {
			there++
		}
		switch {
		case n.left:
			left++
		case n.open:
			open++
		}
	}
	return min(max(p.excluded(done, there), left), left+open)
}

// unchanged reports whether the listing of the account shows that a folder is as
// the base has it.
func (p *planner) unchanged(f *stream.Folder, earlier *base.Folder) bool {
	same := earlier.Whole && !earlier.Doubted && earlier.LooksUnchanged(f)
	if p.search != nil {
		return same && slices.Equal(p.opt.Filters, p.opt.Base.Filters)
	}
	return same && int(f.Messages) == len(earlier.Messages)
}

// export plans messages, without those that are left out.
func (p *planner) export(pl *plan, wants []want, what items, judge *judge) {
	n := len(wants)
	wants = slices.DeleteFunc(wants, func(w want) bool { return w.left })
	left := int64(n - len(wants))
	p.opt.Progress.Add(left, 0)
	pl.listed += int64(len(wants))
	pl.excluded += left
	w := window{folder: pl.folder, validity: pl.folder.UIDValidity, wants: wants, items: what, judge: judge}
	pl.windows = slices.AppendSeq(pl.windows, w.divide())
}

// contradict adds the failures of a folder about which the server contradicts
// itself, as far as an earlier run has not written them.
func (pl *plan) contradict(l *listing, done stream.Progress) {
	failed := l.contradictions(done.LastUID)
	pl.records = append(pl.records, failed...)
	pl.listed += int64(max(0, len(failed)-1)) // the first is about the folder
}
