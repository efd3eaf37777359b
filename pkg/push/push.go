// Package push carries out a plan: it appends the messages that imap-diff found
// missing, and answers for each of them with a receipt. It is the only verb
// that writes to a server.
package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/deletion"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/folders"
	"github.com/imap-pipe/imap-pipe/pkg/push/quota"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// Options say how to carry out a plan.
type Options struct {
	Tool          string
	DryRun        bool // check, and write nothing to the server
	Unconditional bool // take a stream that has not been through imap-diff
	Edited        bool // the plan was filtered on purpose: its counts say nothing
	// ServerCopy has the server copy the messages itself (UID COPY): the plan's
	// source must be this account, and nothing in the messages may change.
	ServerCopy  bool
	AllowDelete bool                 // remove what the plan says is to be removed
	FullExpunge bool                 // also where the server can only remove all that is marked, if nobody else has marked any
	MaxDelete   limit.Share          // of the messages in the account may be removed
	Rejects     *stream.Writer       // gets what was not appended, or nil
	Subscribe   folders.Subscription // which folders; "": folders.SubscribeSource
	ACL         bool                 // add the plan's access control lists to the destination's
	GmailLabels bool                 // add the labels of the plan's messages
	// Transform says what is changed in messages on their way; nil: nothing. What
	// changes the key of a message is refused unless AllowRewrite.
	Transform *transform.Rules
	// AllowRewrite goes on where what messages are known by is changed, by
	// Transform or by the server.
	AllowRewrite bool
	// Limits bound what is sent. Once one is reached nothing more is tried: what
	// is left of the plan gets receipts, and the error is a *limit.ReachedError.
	Limits   limit.Limits
	Flags    flags.Policy     // which flags are carried over, and how they are named
	Failures *failure.Classes // counts what was not carried over; may be nil

	Warn     func(format string, args ...any)
	Say      func(format string, args ...any) // what is good to know; may be nil
	Progress progress.Counter

	sleep func(context.Context, time.Duration) error // nil: as long as it takes
}

// Run carries out a plan and writes receipts to out. Messages that were not
// appended make the error exit.Partial; what was whole in a damaged plan has
// been acted on when the error is returned.
func Run(ctx context.Context, conn imapconn.Options, opt Options, in *stream.Reader, out io.Writer) (*Outcome, error) {
	conn.RetryContext = ctx
	p := &pusher{
		ctx: ctx, opt: &opt, receipts: receipts.New(out, opt.Failures), in: batch.NewBatcher(in, opt.content()), restraint: newRestraint(opt.Limits),
		// What is on its way when the run is interrupted is finished first.
		session: destination.NewSession(context.WithoutCancel(ctx), conn, destination.NewDirectory()),
		quota:   quota.NewGuard(opt.Warn), would: wouldAppends{},
		warned:     map[string]bool{},
		concurrent: concurrent{begins: true},
	}
	if opt.sleep == nil {
		opt.sleep = sleep
	}
	p.proof = p.newProof()
	p.keeper = setflags.NewKeeper(p.receipts, &opt.Flags, conn.Host, opt.Warn)
	p.changer = setflags.NewChanger(p.session, p.keeper, !opt.Unconditional, opt.DryRun)
	p.retries = folders.NewRetries(p.receipts)
	p.creator = folders.NewCreator(p.session, p.receipts, opt.DryRun)
	p.subscriber = folders.NewSubscriber(p.session, p.retries, opt.Subscribe, opt.DryRun)
	p.acl = folders.NewACLSetter(p.session, p.retries, p.warnOnce, opt.DryRun)
	p.remover = deletion.New(ctx, p.session, p.receipts, deletion.Options{
		Allow: opt.AllowDelete, FullExpunge: opt.FullExpunge, Max: opt.MaxDelete, DryRun: opt.DryRun, WarnOnce: p.warnOnce,
	})
	if opt.Rejects != nil {
		p.rejects = &rejects{w: opt.Rejects, bare: opt.ServerCopy}
	}
	defer p.session.Close()
	defer p.ties.spool.Close()
	err := opt.checkCopy()
	if err == nil {
		err = opt.Transform.Check(ctx)
	}
	if err == nil {
		err = p.run()
	}
	return p.finish(err)
}

// content says where the content of messages comes from.
func (o *Options) content() batch.Content {
	switch {
	case o.ServerCopy:
		return batch.AtServer
	case o.DryRun:
		return batch.Nowhere
	}
	return batch.InPlan
}

// pusher is one run.
type pusher struct {
	ctx      context.Context
	opt      *Options
	in       *batch.Batcher
	session  *destination.Session
	receipts *receipts.Writer
	rejects  *rejects
	remover  *deletion.Remover

	begin      *stream.Begin
	toc        []*stream.Folder
	hash       hash.Hash // of begin and the table of contents
	settled    bool      // the table of contents is complete
	retries    *folders.Retries
	creator    *folders.Creator
	subscriber *folders.Subscriber
	acl        *folders.ACLSetter
	filtered   bool              // since it was made, so that nothing may be removed
	untold     int64             // messages that have failed, which keeps nothing else from being removed
	where      map[string]string // source folder -> target, for what is no plan
	planned    string            // the plan's own hash
	listed     int64             // what the plan says was listed
	ended      bool
	read       bool // to its end, after the run had to stop
	aborted    *stream.Abort
	unfit      error // why this is no plan to carry out; an abort may excuse it
	damaged    bool
	taken      batch.Oddity // that the server was seen to take
	quota      *quota.Guard
	would      wouldAppends
	keeper     *setflags.Keeper
	changer    *setflags.Changer
	proof      proof
	last       lastBatch
	ties       ties
	concurrent
	refusals
	restraint
	standing
	transformer *batch.Transformer
	deadly      int           // messages at which the connection ends
	slowest     time.Duration // of the answers to a batch

	foldersDone bool // they have their subscriptions and access control lists
	warned      map[string]bool
	labels      struct {
		names   map[string]string // of the source's folders at the destination
		waiting []labelled        // of the target that is filled
		seen    bool              // a message of the plan has some, or is known to have none
	}
}

// run goes through the plan until it ends or cannot go on.
func (p *pusher) run() error {
	go p.in.Run()
	defer p.in.Stop()
	for {
		w := p.in.Next(p.session.Keep, nil)
		err := w.Err
		switch {
		case p.ctx.Err() != nil:
			err = context.Cause(p.ctx)
		case w.Record != nil:
			err = p.record(w.Record)
		case err == nil:
			err = p.messages(w)
		}
		if w.Err != nil && exit.CodeOf(w.Err) == exit.Data { // what came whole is acted on
			if failed := p.endTies(); failed != nil {
				return failed
			}
			if failed := p.changer.Flush(); failed != nil {
				return failed
			}
			if failed := p.keeper.SetRefused(p.session); failed != nil {
				return failed
			}
		}
		if err == io.EOF {
			if failed := p.endTies(); failed != nil {
				return failed
			}
			if failed := p.keeper.SetRefused(p.session); failed != nil {
				return failed
			}
			p.suspect()
			if p.opt.GmailLabels && !p.labels.seen && p.receipts.Sums.Appended > 0 {
				p.opt.Warn("--gmail-labels: the plan has no labels; imap-fetch finds them at Gmail")
			}
			return p.complete()
		}
		if err != nil {
			return p.answerRest(w, err)
		}
		p.in.Done(w)
	}
}

func (p *pusher) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		p.unfit = p.open(r)
		return nil
	case *stream.Folder:
		if p.unfit != nil {
			return p.unfit
		}
		p.toc = append(p.toc, r)
		p.digest(r)
		return nil
	case *stream.Abort:
		p.aborted = r
		if p.unfit != nil {
			return nil // whoever aborted before it had a plan
		}
		if err := p.start(); err != nil {
			return err
		}
		return p.changer.Flush()
	}
	if err := p.start(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Create:
		p.creator.Add(r)
		return nil
	case *stream.Subscribe:
		p.subscriber.Add(r)
		return nil
	case *stream.Delete:
		return p.remover.Add(p.begin, r)
	case *stream.DeleteFolder:
		p.remover.AddFolder(r)
		return nil
	case *stream.FlagChange:
		return p.changer.Add(r)
	case *stream.End:
		return p.close(r)
	case *batch.Duplicate:
		p.listed--
	case *batch.Damaged:
		p.damaged = true
		x := receipts.Of(r.Message, r.Message.Target, receipt.Failed)
		x.Reason, x.Text = "damaged", r.Err.Error()
		return p.tell(x)
	case *stream.Failed:
		x := receipt.Receipt{Result: receipt.Failed, Folder: r.Folder, UIDValidity: jsonnum.Uint64(r.UIDValidity), UID: jsonnum.Uint64(r.UID), Reason: string(r.Reason), Text: r.Text}
		if r.UID == 0 {
			p.distrust(r.Folder)
			return p.receipts.Folder(x)
		}
		if r.Reason == stream.ReasonUntold {
			p.untold++
		}
		return p.tell(x)
	case *stream.Expunged:
		return p.tell(receipt.Receipt{Result: receipt.Expunged, Folder: r.Folder, UIDValidity: jsonnum.Uint64(r.UIDValidity), UID: jsonnum.Uint64(r.UID)})
	case *stream.Skipped: // on purpose, and before anything was listed
		return p.receipts.Folder(receipt.Receipt{Result: receipt.Skipped, Folder: r.Folder, UIDValidity: jsonnum.Uint64(r.UIDValidity), UID: jsonnum.Uint64(r.UID), Reason: string(r.Reason), Text: r.Text})
	case *stream.Unknown:
		return p.receipts.Folder(receipt.Receipt{Result: receipt.Failed, Reason: "unknown-record", Text: fmt.Sprintf("this version cannot carry out a %q record", r.Type)})
	}
	return nil
}

func (p *pusher) tell(x receipt.Receipt) error {
	p.count(0)
	if err := p.receipts.Message(x, 0); err != nil {
		return err
	}
	return p.receipts.Flush()
}

// open takes the plan's first record.
func (p *pusher) open(b *stream.Begin) error {
	if !b.Plan && !p.opt.Unconditional {
		return exit.Errorf(exit.Usage, "the stream has not been through imap-diff: it is no plan").WithHint("put imap-diff before imap-push, or give --unconditional to append everything")
	}
	recipe, err := headerkey.ParseRecipe(b.Key)
	if err != nil {
		return exit.Errorf(exit.Data, "the plan's key recipe: %w", err)
	}
	conn := &p.session.Conn
	if b.Plan && b.TargetAccount() != conn.Account() {
		p.opt.Warn("the plan was made for %s, and goes to %s", b.TargetAccount().Words(), conn.Account().Words())
	}
	if p.transformer, err = batch.NewTransformer(p.opt.Transform, b, recipe, p.opt.AllowRewrite); err != nil {
		return err
	}
	if err := p.mayCopy(b); err != nil {
		return err
	}
	p.begin, p.toc, p.settled, p.ended, p.hash = b, nil, false, false, sha256.New()
	p.filtered = p.filtered || slices.Contains(b.Filters, "edited") || slices.Contains(b.Filters, "rejects")
	p.foldersDone, p.labels.names = false, nil
	p.quota.Restart()
	p.session.Recipe = recipe
	p.digest(b)
	return nil
}

func (p *pusher) digest(r stream.Record) {
	p.hash.Write(stream.Line(r))
}

// start begins the receipts once the table of contents is complete.
func (p *pusher) start() error {
	if p.unfit != nil {
		return p.unfit
	}
	if p.settled || p.begin == nil {
		return nil
	}
	p.settled = true
	if p.unfit = p.mayCopyFolders(); p.unfit != nil {
		return p.unfit
	}
	p.expect()
	if p.rejects != nil && p.rejects.begin == nil {
		p.rejects.begin, p.rejects.toc = p.begin, p.toc
	}
	if err := p.beginReceipts(); err != nil {
		return err
	}
	return p.targets()
}

// beginReceipts says where the messages of the receipts that follow come from:
// at the first stream, and at each of a concatenation that is of another source
// or has another key.
func (p *pusher) beginReceipts() error {
	switch b := p.receipts.Begun(); {
	case b == nil:
	case b.Source == p.begin.Account() && b.Key == p.begin.Key:
		return nil
	default: // what is still to be said of messages of the one before comes first
		if err := p.endTies(); err != nil {
			return err
		}
		if err := p.keeper.SetRefused(p.session); err != nil {
			return err
		}
	}
	return p.receipts.Begin(receipt.Begin{
		Tool: p.opt.Tool, DryRun: p.opt.DryRun, Source: p.begin.Account(), Destination: p.session.Conn.Account(),
		Plan: hex.EncodeToString(p.hash.Sum(nil)), Key: p.begin.Key,
	})
}

// messages carries out a batch, after the folders that the plan asks for.
func (p *pusher) messages(w *batch.Item) error {
	if err := p.start(); err != nil {
		return err
	}
	if err := p.setUpFolders(); err != nil {
		return err
	}
	if p.where != nil {
		for _, m := range w.Messages {
			m.Target = p.where[m.Folder]
		}
	}
	if w.Messages[0].Target == "" {
		return p.refuseAll(w.Messages, receipt.Failed, "no-target", "the record names no destination folder")
	}
	p.enter(w.Messages[0].Folder)
	if err := p.session.Connect(); err != nil {
		return err
	}
	if err := p.survey(); err != nil {
		return err
	}
	if p.opt.DryRun {
		return p.rehearse(w.Messages)
	}
	return p.batch(w)
}
