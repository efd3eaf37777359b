// Package fetch writes the messages of an account as a stream. The account is
// only looked at: EXAMINE and BODY.PEEK leave no trace in it.
//
// A planner lists folder after folder and divides what is to be read into windows.
// A windowReader reads them over its connection into slabs of memory, and gives
// these to the sink, from which an emitter makes records on another goroutine.
// Between two commands, and nowhere else, the first waits for the second.
package fetch

import (
	"context"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say what to export of an account.
type Options struct {
	export.Options
	First []string   // folders that come before all others, each with what is below it
	Last  []string   // folders that come after all others
	ACL   bool       // export who may do what with each folder
	Base  *base.Base // export only what is new or changed since; or nil

	keepAlive time.Duration // how often a waiting connection says NOOP; 0: a minute
}

// Begin is the first record of the stream that o describes, as far as it is
// known before the connection.
func (o *Options) Begin(of account.Account) *stream.Begin {
	b := o.Options.Begin(of)
	if o.Base != nil {
		b.Base = o.Base.Hash
	}
	return b
}

// Run exports an account. The stream is begun and ended; what it returns then
// is nil or of the kind fault.Partial. With from it goes on where a cut stream
// stopped.
func Run(ctx context.Context, conn imapconn.Options, opt Options, w *stream.Writer, from *stream.Recovered) error {
	if err := opt.Base.Fits(conn.Account()); err != nil {
		return err
	}
	session, err := imapconn.Open(ctx, conn)
	if err != nil {
		return err
	}
	defer session.Close()
	e := &accountExport{ctx: ctx, session: session, opt: &opt, w: w, failures: export.NewFailures(&opt.Options)}
	if from == nil || from.Begin == nil {
		err = e.contents(opt.Begin(conn.Account()))
	} else {
		err = e.resume(from)
	}
	if err == nil {
		err = e.messages()
	}
	if err != nil {
		return err
	}
	return finish(w, &e.end, w.Failures())
}

// finish writes the end record and reports whether all went well.
func finish(w *stream.Writer, end *stream.End, failed int64) error {
	if err := w.End(end); err != nil {
		return err
	}
	return export.Partial(failed)
}

// accountExport is one run over an account.
type accountExport struct {
	ctx     context.Context
	session *imapconn.Session
	opt     *Options
	w       *stream.Writer
	end     stream.End

	failures *export.Failures
	toc      []stream.Folder
	done     map[string]stream.Progress
}

// contents writes begin and the table of contents.
func (e *accountExport) contents(begin *stream.Begin) error {
	contents, err := list.Read(e.ctx, e.session, list.Request{Folders: e.opt.Folders, ACL: e.opt.ACL,
		Known: e.opt.Base.Known(e.opt.Folders.Spaces)})
	if err != nil {
		return err
	}
	if err := e.lookBehind(contents); err != nil {
		return err
	}
	toc, failed := e.order(contents.Folders()), contents.Failed
	for _, note := range contents.Notes {
		e.opt.Warn("%s", note)
	}
	ns := e.session.Namespace() // known for certain once the folders are
	begin.Prefix, begin.Delimiter = ns.Prefix, ns.Delimiter
	if err := e.w.Write(begin); err != nil {
		return err
	}
	e.opt.Base.SetUIDs(toc)
	expunged := e.opt.Base.Expunged(contents, e.opt.Folders.Spaces)
	var total int64
	for i := range toc {
		if err := e.w.Write(&toc[i]); err != nil {
			return err
		}
		total += int64(toc[i].Messages)
	}
	for i := range expunged {
		if err := e.w.Write(&expunged[i]); err != nil {
			return err
		}
	}
	for i := range failed {
		e.opt.Warn("folder %s: %s", failed[i].Folder, failed[i].Text)
		if err := e.failures.Pass(e.w, &failed[i]); err != nil {
			return err
		}
	}
	e.toc = toc
	e.opt.Progress.Total(total, 0)
	return nil
}

// order puts the folders in the order that was asked for, and those that show
// what others hold behind these.
func (e *accountExport) order(toc []stream.Folder) []stream.Folder {
	slices.SortStableFunc(toc, func(a, b stream.Folder) int { return a.View() - b.View() })
	names := make([]string, len(toc))
	for i := range toc {
		names[i] = toc[i].Name
	}
	places, missing := folder.Order(names, e.session.Namespace().Delimiter, e.opt.First, e.opt.Last)
	for _, name := range missing {
		e.opt.Warn("there is no folder %q to put first or last", name)
	}
	ordered := make([]stream.Folder, len(toc))
	for i, place := range places {
		ordered[i] = toc[place]
	}
	return ordered
}

// resume takes the table of contents from the cut stream: a message that
// arrived after it was written belongs to the next run.
func (e *accountExport) resume(from *stream.Recovered) error {
	e.toc, e.done = from.Folders, from.Done
	var total, done int64
	for _, f := range e.toc {
		total += int64(f.Messages)
		done += e.done[f.Name].Messages
	}
	e.opt.Progress.Total(total, 0)
	e.opt.Progress.Skip(done, 0)
	return nil
}

// messages exports folder after folder.
func (e *accountExport) messages() error {
	c := &connection{session: e.session, warn: e.opt.Warn}
	out := newSink(e.opt)
	p, r := newPlanner(e.opt, c), newWindowReader(c, out, e.session.HasGmail())
	r.tellApart(e.opt.Recipe)
	emit := newEmitter(e.opt.Recipe, e.opt.Content, e.w, e.opt.Progress, e.failures)
	err := out.run(e.ctx, func(ctx context.Context) error {
		for i := range e.toc {
			if err := e.folder(ctx, p, r, &e.toc[i]); err != nil {
				return err
			}
		}
		return nil
	}, emit.batch)
	e.end.Listed, e.end.Excluded = out.listed, out.excluded
	return err
}

// folder exports one folder. What concerns the folder alone becomes its record.
func (e *accountExport) folder(ctx context.Context, p *planner, r *windowReader, f *stream.Folder) error {
	pl, err := p.plan(ctx, f, e.done[f.Name])
	r.sink.count(pl)
	for _, rec := range pl.records {
		if err := r.pass(ctx, f, rec); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	for _, w := range pl.windows {
		err := r.read(ctx, w)
		if reason := folderReason(err); reason != "" {
			return r.pass(ctx, f, pl.failure(reason, err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
