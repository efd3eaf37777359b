// Package push carries out a plan: it appends the messages that imap-diff found
// missing, and answers for each of them with a receipt. It is the only verb
// that writes to a server.
package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Options say how to carry out a plan.
type Options struct {
	Tool          string
	DryRun        bool           // check, and write nothing to the server
	Unconditional bool           // take a stream that has not been through imap-diff
	Edited        bool           // the plan was filtered on purpose: its counts say nothing
	AllowDelete   bool           // remove what the plan says is to be removed
	Rejects       *stream.Writer // gets what was not appended, or nil
	Subscribe     Subscription   // which folders; "": SubscribeSource
	ACL           bool           // add the plan's access control lists to the destination's
	// Limits bound what is sent. Once one is reached nothing more is tried: what
	// is left of the plan gets receipts, and the error is a *limit.ReachedError.
	Limits   limit.Limits
	Failures *failure.Classes // counts what was not carried over; may be nil

	Warn     func(format string, args ...any)
	Say      func(format string, args ...any) // what is good to know; may be nil
	Progress progress.Counter

	sleep func(context.Context, time.Duration) error // nil: as long as it takes
}

// Outcome is what a run has done.
type Outcome struct {
	Sums
	Source, Destination string // user@host
	Begun               bool   // there was a plan to carry out
	Whole               bool   // and it was read to a good end
}

// String is the sum of a run: what was listed is what became of it.
func (o *Outcome) String() string {
	s := fmt.Sprintf("%s -> %s: %s listed = %s present + %s appended + %s rejected", o.Source, o.Destination, thousands(o.Listed), thousands(o.Present), thousands(o.Appended), thousands(o.Rejected))
	for _, more := range []struct {
		n    int64
		name string
	}{{o.Gone, "gone"}, {o.Failed, "failed"}, {o.Skipped, "skipped"}} {
		if more.n > 0 {
			s += fmt.Sprintf(" + %s %s", thousands(more.n), more.name)
		}
	}
	if !o.Whole {
		s += " (the plan was not read to its end)"
	}
	return s
}

// thousands prints n with commas.
func thousands(n int64) string { return text.Thousands(n) }

// Run carries out a plan and writes receipts to out. Messages that were not
// appended make the error exit.Partial; what was whole in a damaged plan has
// been acted on when the error is returned.
func Run(ctx context.Context, conn imapconn.Options, opt Options, in *stream.Reader, out io.Writer) (*Outcome, error) {
	conn.Patience = ctx
	p := &pusher{
		ctx: ctx, opt: &opt, receipts: newReceipts(out, opt.Failures), in: newAssembler(in, !opt.DryRun), restraint: newRestraint(opt.Limits),
		// What is on its way when the run is interrupted is finished first.
		desk:       &desk{ctx: context.WithoutCancel(ctx), conn: conn, targets: map[string]*target{}},
		subscribed: map[string]bool{}, rights: map[string]string{}, warned: map[string]bool{},
	}
	if opt.sleep == nil {
		opt.sleep = sleep
	}
	if opt.Rejects != nil {
		p.rejects = &rejects{w: opt.Rejects}
	}
	defer p.desk.close()
	err := p.run()
	return p.finish(err)
}

// pusher is one run.
type pusher struct {
	ctx      context.Context
	opt      *Options
	in       *assembler
	desk     *desk
	receipts *receipts
	rejects  *rejects

	begin    *stream.Begin
	toc      []*stream.Folder
	hash     hash.Hash         // of begin and the table of contents
	settled  bool              // the table of contents is complete
	begun    bool              // receipts have begun
	later    []stream.Record   // folders to create and subscribe before the first message
	removals []*stream.Rmdir   // folders to remove once all of the plan has been read
	filtered bool              // since it was made, so that nothing may be removed
	kept     int64             // folders that should have been removed
	where    map[string]string // source folder -> target, for what is no plan
	planned  string            // the plan's own hash
	listed   int64             // what the plan says was listed
	ended    bool
	aborted  *stream.Abort
	unfit    error // why this is no plan to carry out; an abort may excuse it
	damaged  bool
	taken    oddity // that the server was seen to take
	full     error  // a quota root of the destination takes no more
	quota    rooms
	restraint
	standing
	deadly  int           // messages at which the connection ends
	slowest time.Duration // of the answers to a batch

	dressed    bool              // folders have their subscriptions and access control lists
	subscribed map[string]bool   // targets that somebody asked to subscribe
	rights     map[string]string // letters that the destination knows, by identifier
	warned     map[string]bool
}

// run goes through the plan until it ends or cannot go on.
func (p *pusher) run() error {
	go p.in.run()
	defer close(p.in.stop)
	for {
		w := p.in.next(p.desk.keep)
		err := w.err
		switch {
		case p.ctx.Err() != nil:
			err = context.Cause(p.ctx)
		case w.record != nil:
			err = p.record(w.record)
		case err == nil:
			err = p.messages(w)
		}
		if err == io.EOF {
			p.suspect()
			return p.conclude()
		}
		if err != nil {
			return err
		}
		p.in.done(w)
	}
}

// verdict is the outcome of a plan that was read to its end.
func (p *pusher) verdict() error {
	s := &p.receipts.sums
	short := p.rehearseQuota()
	switch sum := s.total(); {
	case p.aborted != nil:
		return exit.Errorf(exit.Code(p.aborted.Exit), "%s stopped early: %s", p.aborted.Command, p.aborted.Text)
	case sum != p.listed && !p.opt.Edited && p.begin.Plan:
		return exit.Errorf(exit.Bug, "the plan lists %s messages, and the receipts account for %s", thousands(p.listed), thousands(sum))
	case p.full != nil:
		return p.full
	case p.halt != nil:
		return p.halt
	case p.damaged:
		return exit.Errorf(exit.Data, "messages in the plan are damaged; the receipts name them")
	case short != nil:
		return short
	case s.Rejected+s.Failed+s.Skipped+s.Folders > 0 && !p.opt.DryRun, s.Rejected+s.Failed+s.Folders > 0:
		return exit.Errorf(exit.Partial, "%s messages and %s folders were not carried over; the receipts name them", thousands(s.Rejected+s.Failed+s.Skipped), thousands(s.Folders))
	}
	return nil
}

// finish ends the receipts and the rejects.
func (p *pusher) finish(err error) (*Outcome, error) {
	if skipErr := p.skipRemovals("not-whole", "the plan was not read to a good end"); err == nil {
		err = skipErr
	}
	o := &Outcome{Sums: p.receipts.sums, Begun: p.begun, Whole: p.ended && p.aborted == nil, Destination: p.desk.conn.User + "@" + p.desk.conn.Host, Source: "?"}
	if p.begin != nil {
		o.Source = p.begin.User + "@" + p.begin.Host
	}
	s := &o.Sums
	s.Listed = s.total()
	if p.begun {
		end := receiptsEnd{Type: "end", Sums: *s, Plan: p.planned, Exit: int(exit.CodeOf(err)), Time: p.receipts.time()}
		if err != nil {
			end.Text = err.Error()
		}
		addErr := p.receipts.add(end)
		if addErr == nil {
			addErr = p.receipts.flush()
		}
		if err == nil {
			err = addErr
		}
	}
	if p.rejects != nil && p.rejects.begin != nil && (err == nil || exit.CodeOf(err) != exit.IO) {
		if rejErr := p.rejects.end(); err == nil {
			err = rejErr
		}
	}
	return o, err
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
		return p.start()
	}
	if err := p.start(); err != nil {
		return err
	}
	switch r := rec.(type) {
	case *stream.Create, *stream.Subscribe:
		p.later = append(p.later, r)
		return nil
	case *stream.Rmdir:
		p.removals = append(p.removals, r)
		return nil
	case *stream.End:
		return p.close(r)
	case *duplicate:
		p.listed--
	case *damage:
		p.damaged = true
		x := of(r.m, r.m.Target, Failed)
		x.Reason, x.Text = "damaged", r.err.Error()
		return p.tell(x)
	case *stream.Failed:
		x := Receipt{Result: Failed, Folder: r.Folder, UIDValidity: r.UIDValidity, UID: r.UID, Reason: string(r.Reason), Text: r.Text}
		if r.UID == 0 {
			return p.tellFolder(x)
		}
		return p.tell(x)
	case *stream.Gone:
		return p.tell(Receipt{Result: Gone, Folder: r.Folder, UIDValidity: r.UIDValidity, UID: r.UID})
	case *stream.Skipped: // on purpose, and before anything was listed
		return p.tellFolder(Receipt{Result: Skipped, Folder: r.Folder, UIDValidity: r.UIDValidity, UID: r.UID, Reason: string(r.Reason), Text: r.Text})
	case *stream.Unknown:
		return p.tellFolder(Receipt{Result: Failed, Reason: "unknown-record", Text: fmt.Sprintf("this version cannot carry out a %q record", r.Type)})
	}
	return nil
}

func (p *pusher) tell(x Receipt) error {
	p.count(0)
	if err := p.receipts.message(x, 0); err != nil {
		return err
	}
	return p.receipts.flush()
}

func (p *pusher) tellFolder(x Receipt) error {
	if err := p.receipts.folder(x); err != nil {
		return err
	}
	return p.receipts.flush()
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
	conn := &p.desk.conn
	if b.Plan && (b.TargetUser != conn.User || b.TargetHost != conn.Host) {
		p.opt.Warn("the plan was made for %s at %s, and goes to %s at %s", b.TargetUser, b.TargetHost, conn.User, conn.Host)
	}
	p.begin, p.toc, p.settled, p.ended, p.later, p.hash = b, nil, false, false, nil, sha256.New()
	p.filtered = p.filtered || slices.Contains(b.Filters, "edited") || slices.Contains(b.Filters, "rejects")
	p.dressed, p.quota.surveyed = false, false
	p.desk.recipe = recipe
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
	p.expect()
	if p.rejects != nil && p.rejects.begin == nil {
		p.rejects.begin, p.rejects.toc = p.begin, p.toc
	}
	if p.begun {
		return p.targets() // a further stream of a concatenation
	}
	p.begun = true
	conn := &p.desk.conn
	err := p.receipts.add(receiptsBegin{
		Type: "begin", Format: ReceiptsFormat, Version: 1, Tool: p.opt.Tool, DryRun: p.opt.DryRun,
		Source: account{p.begin.User, p.begin.Host}, Destination: account{conn.User, conn.Host},
		Plan: hex.EncodeToString(p.hash.Sum(nil)), Time: p.receipts.time(),
	})
	if err == nil {
		err = p.receipts.flush()
	}
	if err == nil {
		err = p.targets()
	}
	return err
}

// targets notes what the plan saw of each folder, or, for a stream that is no
// plan, where each folder goes.
func (p *pusher) targets() error {
	if !p.begin.Plan {
		return p.translate()
	}
	for _, f := range p.toc {
		if f.Target != "" {
			t := p.desk.target(f.Target)
			if !t.opened {
				t.validity, t.next = f.TargetUIDValidity, f.TargetUIDNext
			}
		}
	}
	return nil
}

// translate finds the targets of a stream that has not been through imap-diff.
func (p *pusher) translate() error {
	if err := p.desk.connect(); err != nil {
		return err
	}
	var sources []folder.Source
	for _, f := range p.toc {
		sources = append(sources, folder.Source{Name: f.Name, Delimiter: f.Delimiter, Level: !f.HoldsMessages()})
	}
	to := folder.Destination{Namespace: p.desk.session.Namespace()}
	for name := range p.desk.boxes {
		to.Folders = append(to.Folders, folder.Existing{Name: name})
	}
	table, err := (&folder.Rules{}).Map(sources, p.begin.Prefix, to)
	if err != nil {
		return err
	}
	p.where = map[string]string{}
	for _, m := range table.Mappings {
		if m.Note != "" {
			p.opt.Warn("%s", m.Note)
		}
		p.where[m.Source] = m.Target
		if t := p.desk.target(m.Target); !t.exists {
			p.later = append(p.later, &stream.Create{Target: m.Target, Folder: m.Source})
		}
	}
	return nil
}

// messages carries out a batch, after the folders that the plan asks for.
func (p *pusher) messages(w *work) error {
	if err := p.start(); err != nil {
		return err
	}
	if err := p.folders(); err != nil {
		return err
	}
	if p.where != nil {
		for _, m := range w.messages {
			m.Target = p.where[m.Folder]
		}
	}
	if w.messages[0].Target == "" {
		return p.refuseAll(w.messages, Failed, "no-target", "the record names no destination folder")
	}
	p.enter(w.messages[0].Folder)
	if err := p.desk.connect(); err != nil {
		return err
	}
	if err := p.survey(); err != nil {
		return err
	}
	if p.opt.DryRun {
		return p.rehearse(w.messages)
	}
	return p.batch(w)
}

// close takes the plan's end record.
func (p *pusher) close(e *stream.End) error {
	if err := p.folders(); err != nil {
		return err
	}
	p.ended, p.planned = true, e.Hash
	p.pass(p.total)
	p.listed += e.Listed
	// What imap-diff found present has no record of its own, unless it is one
	// of several that are told apart here.
	p.receipts.sums.Present += e.Present - e.Spare
	return nil
}

// folders creates and subscribes what the plan asks for. It is put off until
// the first message, so that a plan without bodies changes nothing.
func (p *pusher) folders() error {
	later := p.later
	p.later = nil
	for _, r := range later {
		if err := p.desk.connect(); err != nil {
			return err
		}
		var x Receipt
		var err error
		switch r := r.(type) {
		case *stream.Create:
			x, err = p.create(r)
		case *stream.Subscribe:
			x, err = p.subscribe(r)
		}
		if err == nil {
			err = p.tellFolder(x)
		}
		if err != nil {
			return err
		}
	}
	return p.dress()
}

// dress gives the folders their subscriptions and access control lists, as far
// as the plan has no record for that.
func (p *pusher) dress() error {
	if p.dressed || !p.opt.ACL && p.begin.Plan && p.opt.Subscribe != SubscribeAll {
		return nil
	}
	p.dressed = true
	if err := p.desk.connect(); err != nil {
		return err
	}
	for _, r := range p.subscriptions() {
		x, err := p.subscribe(r)
		if err == nil {
			err = p.tellFolder(x)
		}
		if err != nil {
			return err
		}
	}
	return p.grants()
}

func (p *pusher) create(r *stream.Create) (Receipt, error) {
	x := Receipt{Result: Created, Folder: r.Folder, Target: r.Target}
	t := p.desk.target(r.Target)
	switch {
	case t.exists:
		x.Result = Present
		return x, nil
	case p.opt.DryRun:
		return p.rehearseName(x)
	}
	err := p.desk.create(t)
	switch {
	case errors.Is(err, imapconn.ErrExists) && t.refused != nil:
		x.Result, x.Reason, x.Text = Rejected, "collides", t.refused.Error()
	case errors.Is(err, imapconn.ErrExists):
		x.Result = Present
	case refused(err):
		t.refused = err
		x.Result, x.Reason, x.Text = Rejected, "create", err.Error()
	default:
		return x, err
	}
	return x, nil
}

func (p *pusher) subscribe(r *stream.Subscribe) (Receipt, error) {
	x := Receipt{Result: Subscribed, Folder: r.Folder, Target: r.Target}
	p.subscribed[r.Target] = true
	switch {
	case p.opt.Subscribe == SubscribeNone:
		x.Result, x.Reason = Skipped, "subscribe-none"
		return x, nil
	case p.opt.DryRun:
		x.Result, x.Reason = Skipped, "dry-run"
		return x, nil
	}
	wire, err := p.desk.spelling(p.desk.target(r.Target))
	if err == nil {
		err = p.desk.session.Subscribe(p.desk.ctx, wire)
	}
	if refused(err) {
		x.Result, x.Reason, x.Text = Rejected, "subscribe", err.Error()
		return x, nil
	}
	return x, err
}
