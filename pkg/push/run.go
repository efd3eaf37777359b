package push

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/deletion"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/labels"
	"github.com/imap-pipe/imap-pipe/pkg/push/quota"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/rejects"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Run carries out a plan and writes receipts to out. Messages that were not
// appended make the error fault.Partial; what was whole in a damaged plan has
// been acted on when the error is returned.
func Run(ctx context.Context, conn imapconn.Options, opt Options, in *stream.Reader, out io.Writer) (*Outcome, error) {
	conn.Retry.Context = ctx
	if opt.sleep == nil {
		opt.sleep = sleep
	}
	// What is on its way when the run is interrupted is finished first.
	session := destination.NewSession(context.WithoutCancel(ctx), conn, destination.NewDirectory(),
		conn.Network.Most())
	r := newRun(ctx, &opt, session, receipts.New(out, opt.Failures))
	r.in = batch.NewBatcher(in, opt.content(), max(0, conn.Network.Most()-1))
	r.appender.ahead = &ahead{appender: r.appender, in: r.in, plan: &r.plan,
		on:     conn.Network.Most() > 1 && !opt.DryRun && !opt.ServerCopy && !opt.Transform.Any(),
		staged: map[*batch.Message]stagedBatch{}}
	defer session.Close()
	defer r.appender.ahead.dropAll()
	defer r.appender.ties.spool.Close()
	err := opt.checkCopy()
	if err == nil {
		err = opt.Transform.Check(ctx)
	}
	if err == nil {
		err = r.carryOut()
	}
	return r.finish(err)
}

// run is one run. It owns the order in which a plan is carried out: folders, then
// messages and flags that are added as they come, and what takes away at the end.
type run struct {
	ctx      context.Context
	opt      *Options
	in       *batch.Batcher
	session  *destination.Session
	receipts *receipts.Writer
	plan     plan

	answers   *answers
	folders   *folderSetup
	appender  *appender
	rehearsal *rehearsal
	changer   *setflags.Changer
	remover   *deletion.Remover
	doubled   int64 // messages of this run that are there twice, or may be
}

func newRun(ctx context.Context, opt *Options, session *destination.Session, writer *receipts.Writer) *run {
	r := &run{ctx: ctx, opt: opt, session: session, receipts: writer}
	warnOnce := opt.warner()
	keeper := setflags.NewKeeper(writer, &opt.Flags, session.Conn.Host, opt.Warn)
	r.answers = &answers{
		receipts: writer, progress: &position{Counter: opt.Progress}, limiter: newLimiter(opt.Limits), keeper: keeper,
		quota: quota.NewGuard(opt.Warn), rewrite: rewrite.New(opt.readsBack()), warnOnce: warnOnce,
		server: &serverRecord{doubts: map[*destination.Folder]*doubt{}},
	}
	if opt.Rejects != nil {
		r.answers.rejects = rejects.New(opt.Rejects, opt.ServerCopy)
	}
	if opt.GmailLabels {
		r.answers.labeler = labels.New(writer, warnOnce)
	}
	r.folders = newFolderSetup(ctx, opt, session, writer, warnOnce)
	r.appender = newAppender(ctx, opt, session, r.answers)
	r.rehearsal = newRehearsal(session, r.answers, r.appender.copier)
	r.changer = setflags.NewChanger(session, keeper, !opt.Unconditional, opt.DryRun)
	r.remover = deletion.New(ctx, session, writer, deletion.Options{
		Allow: opt.AllowDelete, FullExpunge: opt.FullExpunge, Max: opt.MaxDelete, DryRun: opt.DryRun,
		WarnOnce: warnOnce,
	})
	return r
}

// carryOut goes through the plan until it ends or cannot go on.
func (r *run) carryOut() error {
	go r.in.Run()
	defer r.in.Stop()
	for {
		item := r.in.Next(r.session.Keep, nil)
		err := item.Err
		switch {
		case r.ctx.Err() != nil:
			err = context.Cause(r.ctx)
		case item.Record != nil:
			err = r.record(item.Record)
		case err == nil:
			err = r.messages(item)
		}
		if item.Err != nil && fault.KindOf(item.Err) == fault.Data { // what came whole is acted on
			if failed := r.endMessages(); failed != nil {
				return failed
			}
		}
		if err == io.EOF {
			return r.end()
		}
		if err != nil {
			return r.skipRest(item, err)
		}
		r.appender.ahead.drop(item)
		r.in.Done(item)
	}
}

// endMessages carries out what has waited for more messages of the plan.
func (r *run) endMessages() error {
	if err := r.appender.endTies(); err != nil {
		return err
	}
	if err := r.changer.Flush(); err != nil {
		return err
	}
	return r.answers.keeper.SetRefused(r.session)
}

// record carries out a record that is no message.
func (r *run) record(rec stream.Record) error {
	p := &r.plan
	switch rec := rec.(type) {
	case *stream.Begin:
		p.unfit = r.open(rec)
		return nil
	case *stream.Folder:
		if p.unfit != nil {
			return p.unfit
		}
		p.add(rec)
		return nil
	case *stream.Abort:
		p.aborted = rec
		if p.unfit != nil {
			return nil // whoever aborted before it had a plan
		}
		if err := r.start(); err != nil {
			return err
		}
		return r.changer.Flush()
	}
	if err := r.start(); err != nil {
		return err
	}
	switch rec := rec.(type) {
	case *stream.Create:
		r.folders.creator.Add(rec)
	case *stream.Subscribe:
		r.folders.subscriber.Add(rec)
	case *stream.Delete:
		return r.remover.Add(p.begin, rec)
	case *stream.DeleteFolder:
		r.remover.AddFolder(rec)
	case *stream.FlagChange:
		if why := r.plan.otherAccount(r.session.Conn.Account()); why != "" {
			return r.changer.Refuse(rec, "other-account", why)
		}
		return r.changer.Add(rec)
	case *stream.End:
		return r.endPlan(rec)
	case *batch.Duplicate:
		p.listed--
	default:
		return r.answer(rec)
	}
	return nil
}

// answer writes the receipt of a record that says what could not be planned.
func (r *run) answer(rec stream.Record) error {
	p := &r.plan
	switch rec := rec.(type) {
	case *batch.Damaged:
		p.damaged = true
		x := receipts.Of(rec.Message, rec.Message.Target, receipt.Failed)
		x.Reason, x.Text = "damaged", rec.Err.Error()
		return r.answers.single(x)
	case *stream.Failed:
		x := about(receipt.Failed, rec.Folder, rec.UIDValidity, rec.UID)
		x.Reason, x.Text = string(rec.Reason), rec.Text
		if rec.UID == 0 {
			r.distrust(rec.Folder)
			return r.receipts.Folder(x)
		}
		if rec.Reason == stream.ReasonUntold {
			p.untold++
		}
		return r.answers.single(x)
	case *stream.Expunged:
		return r.answers.single(about(receipt.Expunged, rec.Folder, rec.UIDValidity, rec.UID))
	case *stream.Skipped: // on purpose, and before anything was listed
		x := about(receipt.Skipped, rec.Folder, rec.UIDValidity, rec.UID)
		x.Reason, x.Text = string(rec.Reason), rec.Text
		return r.receipts.Folder(x)
	case *stream.Unknown:
		return r.receipts.Folder(receipt.Receipt{
			Result: receipt.Failed, Reason: "unknown-record",
			Text: fmt.Sprintf("this version cannot carry out a %q record", rec.Type),
		})
	}
	return nil
}

// about begins the receipt of a folder or message of the source.
func about(result receipt.Result, folder string, validity, uid uint64) receipt.Receipt {
	return receipt.Receipt{Result: result, Folder: folder, UIDValidity: jsonnum.Uint64(validity),
		UID: jsonnum.Uint64(uid)}
}

// distrust notes that a source folder has failed: no flag is taken away where it
// goes.
func (r *run) distrust(name string) {
	for _, f := range r.plan.toc {
		if f.Name == name {
			r.changer.Distrust(r.plan.targetOf(f))
		}
	}
}

// open takes the plan's first record.
func (r *run) open(b *stream.Begin) error {
	if !b.Plan && !r.opt.Unconditional {
		return fault.Errorf(fault.Usage, "the stream has not been through imap-diff: it is no plan").
			Because(ErrNoPlan)
	}
	recipe, err := headerkey.ParseRecipe(b.Key)
	if err != nil {
		return fault.Errorf(fault.Data, "the plan's key recipe: %w", err)
	}
	conn := &r.session.Conn
	transformer, err := batch.NewTransformer(r.opt.Transform, b, recipe, r.opt.AllowRewrite)
	if err != nil {
		return err
	}
	if r.opt.ServerCopy {
		if err := mayCopy(b, conn); err != nil {
			return err
		}
	}
	r.plan.open(b)
	if why := r.plan.otherAccount(conn.Account()); why != "" {
		r.opt.Warn("%s: its changes of flags and its deletions are skipped", why)
	}
	r.appender.transformer, r.session.Recipe, r.folders.done = transformer, recipe, false
	r.answers.quota.Restart()
	return nil
}

// start begins the receipts once the table of contents is complete.
func (r *run) start() error {
	p := &r.plan
	if p.unfit != nil {
		return p.unfit
	}
	if p.started || p.begin == nil {
		return nil
	}
	p.started = true
	if r.opt.ServerCopy {
		if p.unfit = p.mayCopyFolders(); p.unfit != nil {
			return p.unfit
		}
	}
	r.answers.progress.expect(p.toc)
	r.answers.rejects.Open(p.begin, p.toc)
	if err := r.beginReceipts(); err != nil {
		return err
	}
	if err := r.folders.begin(p); err != nil {
		return err
	}
	r.answers.labeler.Begin(p.targets())
	return nil
}

// beginReceipts says where the messages of the receipts that follow come from:
// at the first stream, and at each of a concatenation that is of another source
// or has another key.
func (r *run) beginReceipts() error {
	begin := r.plan.begin
	switch b := r.receipts.Begun(); {
	case b == nil:
	case b.Source == begin.Account() && b.Key == begin.Key:
		return nil
	default: // what is still to be said of messages of the one before comes first
		if err := r.appender.endTies(); err != nil {
			return err
		}
		if err := r.answers.keeper.SetRefused(r.session); err != nil {
			return err
		}
	}
	return r.receipts.Begin(receipt.Begin{
		Tool: r.opt.Tool, DryRun: r.opt.DryRun, Source: begin.Account(), Destination: r.session.Conn.Account(),
		Plan: hex.EncodeToString(r.plan.hash.Sum(nil)), Key: begin.Key,
	})
}

// messages carries out a batch, after the folders that the plan asks for.
func (r *run) messages(item *batch.Item) error {
	if err := r.start(); err != nil {
		return err
	}
	if err := r.folders.run(&r.plan); err != nil {
		return err
	}
	r.plan.direct(item.Messages)
	if item.Messages[0].Target == "" {
		return r.answers.refuse(item.Messages, receipt.Failed, "no-target", "the record names no destination folder")
	}
	r.answers.progress.enter(item.Messages[0].Folder)
	if err := r.session.Connect(); err != nil {
		return err
	}
	if err := r.survey(); err != nil {
		return err
	}
	if r.opt.DryRun {
		return r.rehearsal.messages(item.Messages)
	}
	return r.appender.batch(item)
}

// survey asks for the quota roots of the folders that the plan appends to.
func (r *run) survey() error {
	guard := r.answers.quota
	if guard.Surveyed() {
		return nil
	}
	var boxes []imapconn.Mailbox
	sizes := map[string]int64{}
	for _, f := range r.plan.toc {
		name := r.plan.targetOf(f)
		if name == "" {
			continue
		}
		if t := r.session.Folder(name); t.Exists && f.Messages > 0 {
			boxes = append(boxes, imapconn.Mailbox{Name: t.Name, Wire: t.Wire})
		}
		if f.Octets > 0 {
			sizes[name] += f.Octets
		}
	}
	if err := guard.Survey(r.session.Ctx, r.session.IMAP, boxes); err != nil {
		return err
	}
	guard.Foresee(sizes)
	return nil
}
