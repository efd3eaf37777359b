package push

import (
	"crypto/sha256"
	"errors"
	"hash"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// plan is what has been read of the plan, or of the last of several.
type plan struct {
	begin   *stream.Begin
	toc     []*stream.Folder
	hash    hash.Hash         // of begin and the table of contents
	started bool              // the table of contents is complete
	where   map[string]string // source folder -> target, for what is no plan
	unfit   error             // why this is no plan to carry out; an abort may excuse it

	filtered bool   // since it was made, so that nothing may be removed
	planned  string // the hash in its end record
	listed   int64  // messages, as the plans say
	untold   int64  // messages that have failed, which keeps nothing else from being removed
	damaged  bool
	aborted  *stream.Abort
	ended    bool
	read     bool // to its end, after the run had to stop
}

// open takes the first record of a plan.
func (p *plan) open(b *stream.Begin) {
	p.begin, p.toc, p.started, p.ended, p.hash = b, nil, false, false, sha256.New()
	p.filtered = p.filtered || slices.Contains(b.Filters, "edited") || slices.Contains(b.Filters, "rejects")
	p.digest(b)
}

// add takes a record of the table of contents.
func (p *plan) add(f *stream.Folder) {
	p.toc = append(p.toc, f)
	p.digest(f)
}

func (p *plan) digest(r stream.Record) { p.hash.Write(stream.Line(r)) }

// otherAccount says for whom the plan was made if it was not for this account. Its
// UIDs are those of other messages there.
func (p *plan) otherAccount(this account.Account) (why string) {
	if !p.begin.Plan {
		return ""
	}
	return p.begin.NotFor(this)
}

// targetOf names the folder of the destination that a source folder goes to, or "".
func (p *plan) targetOf(f *stream.Folder) string {
	if p.begin.Plan {
		return f.Target
	}
	return p.where[f.Name]
}

// direct gives messages of what is no plan their target.
func (p *plan) direct(ms []*batch.Message) {
	if p.where == nil {
		return
	}
	for _, m := range ms {
		m.Target = p.where[m.Folder]
	}
}

// targets returns where the source folders go, by name.
func (p *plan) targets() map[string]string {
	names := map[string]string{}
	for _, f := range p.toc {
		names[f.Name] = p.targetOf(f)
	}
	return names
}

// What errors of Run come of, where it is something that users can change.
var (
	ErrNoPlan       = errors.New("the stream is no plan")
	ErrOtherAccount = errors.New("the plan is of another account")
	ErrCopiesListed = errors.New("the plan lists messages of a folder that it copies to")
	ErrDoubled      = errors.New("messages may be twice at the destination")

	ErrCopyUnconditional = errors.New("a copy cannot be unconditional")
	ErrCopyChanges       = errors.New("a copy changes nothing in messages")
	ErrCopyFlags         = errors.New("a copy leaves flags as they are")
	ErrLate              = errors.New("the server has stored messages after all")
	ErrRekeyed           = errors.New("messages have another key at the destination")
)

// mayCopy refuses a plan whose messages are not in this account.
func mayCopy(b *stream.Begin, conn *imapconn.Options) error {
	if b.Account() == conn.Account() && b.TargetAccount() == conn.Account() {
		return nil
	}
	return fault.Errorf(fault.Usage, "the server copies within one account: the plan is from %s to %s, and this is "+
		"%s", b.Account().Words(), b.TargetAccount().Words(), conn.Account().Words()).
		Because(ErrOtherAccount)
}

// mayCopyFolders refuses a plan that copies messages to a folder whose own it is
// about, too: the next would take the copies for mail that is to be copied.
func (p *plan) mayCopyFolders() error {
	listed := map[string]bool{}
	for _, f := range p.toc {
		listed[f.Name] = f.Messages > 0
	}
	for _, f := range p.toc {
		if f.Messages > 0 && f.Target != f.Name && listed[f.Target] {
			return fault.Errorf(fault.Usage, "the plan copies %s to %s, and lists the messages of both: each run "+
				"would copy again", folder.Quote(f.Name), folder.Quote(f.Target)).
				Because(ErrCopiesListed)
		}
	}
	return nil
}
