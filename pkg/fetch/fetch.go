// Package fetch writes the messages of an account as a stream. The account is
// only looked at: EXAMINE and BODY.PEEK leave no trace in it.
//
// One goroutine owns the connection and fills slabs of memory with what the
// server gives, window by window; another turns them into records. Between two
// commands, and nowhere else, the first waits for the second.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say what to export of an account.
type Options struct {
	export.Options
	First []string // folders that come before all others, each with what is below it
	Last  []string // folders that come after all others
	ACL   bool     // export who may do what with each folder
	Base  *Base    // export only what is new or changed since; or nil

	keepAlive time.Duration // see source.take; 0: a minute
}

// Begin is the first record of the stream that o describes, as far as it is
// known before the connection.
func (o *Options) Begin(of account.Account) *stream.Begin {
	b := o.Options.Begin(of)
	if o.Base != nil {
		b.Base = o.Base.hash
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
		Known: e.opt.Base.known(e.opt.Folders.Spaces)})
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
	vanished := e.opt.Base.compare(toc, contents, e.opt.Folders.Spaces)
	var total int64
	for i := range toc {
		if err := e.w.Write(&toc[i]); err != nil {
			return err
		}
		total += int64(toc[i].Messages)
	}
	for i := range vanished {
		if err := e.w.Write(&vanished[i]); err != nil {
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
	src := newSource(e.ctx, e.opt)
	src.session, src.gmail = e.session, e.session.HasGmail()
	if !e.opt.Messages.IsZero() {
		src.chooser = &chooser{source: src, choice: &e.opt.Messages}
	}
	emit := newEmitter(e.opt.Recipe, e.opt.Content, e.w, e.opt.Progress, e.failures)
	err := src.run(func() error {
		for i := range e.toc {
			f := &e.toc[i]
			done := e.done[f.Name]
			src.listed += done.Messages
			if base := e.opt.Base.of(f); base != nil {
				if err := src.update(f, base, done); err != nil {
					return err
				}
				continue
			}
			if f.Messages == 0 || f.UIDNext > 0 && done.LastUID >= f.UIDNext-1 && done.Messages >= int64(f.Messages) {
				if src.chooser != nil {
					src.leftOut += done.Excluded(int64(f.Messages))
				}
				continue
			}
			if err := src.visit(f, done); err != nil {
				return err
			}
		}
		return nil
	}, emit.batch)
	e.end.Listed, e.end.Excluded = src.listed, src.leftOut
	return err
}

// visit reads the messages of one folder that are not done. What concerns the
// folder alone becomes its record.
func (s *source) visit(f *stream.Folder, done stream.Progress) error {
	return s.examine(f, func() error {
		if goesOn, err := s.goesOn(f, done); err != nil || !goesOn {
			return err
		}
		return s.messages(f.UIDNext, done)
	})
}

// examine opens a folder that was listed and calls work.
func (s *source) examine(f *stream.Folder, work func() error) error {
	s.folder, s.claims, s.maybe = f, nil, nil
	wire, err := folder.ToWire(f.Name)
	if err != nil {
		return err
	}
	same := false
	if s.box, err = s.session.Examine(s.ctx, wire); err == nil {
		same, err = s.recognize(f)
	}
	switch {
	case err == nil && same:
		err = work()
	case err == nil:
		return s.replaced(f, fmt.Sprintf("it was %d and is %d now", f.UIDValidity, s.box.UIDValidity))
	}
	if reason := folderReason(err); reason != "" {
		return s.pass(&stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, Reason: reason, Text: err.Error()})
	}
	return err
}

// replaced hands over that a folder is not the one that was listed.
func (s *source) replaced(f *stream.Folder, text string) error {
	return s.pass(&stream.Failed{Folder: f.Name, UIDValidity: f.UIDValidity, Reason: stream.ReasonUIDValidity,
		Text: text})
}

// folderReason says why a folder cannot be read, or "" where err is about more
// than this folder.
func folderReason(err error) stream.Reason {
	switch {
	case refused(err):
		return stream.ReasonRefused
	case imapconn.IsFolder(err):
		return stream.ReasonUnreadable
	case imapconn.IsReplaced(err):
		return stream.ReasonUIDValidity
	}
	return ""
}

// refused tells a server's NO to one command from the end of a connection.
func refused(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !imapconn.IsBusy(err)
}
