// Package list tells which folders an account has, and what kind of server it
// is on. Nothing is changed there.
package list

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Options say which folders to list and how.
type Options struct {
	Request
	Table    bool // for people: all folders, with why some are left out
	Terminal bool // records may be seen by a person: nothing in them may act
	Warn     func(format string, args ...any)
}

// Run writes a record for each folder that is taken, plain NDJSON, or a table of
// all, once all are known. Folders that fail, or that were asked for and are not
// there, are told to Warn and make the error fault.Partial.
func Run(ctx context.Context, conn imapconn.Options, opt Options, out io.Writer) error {
	session, err := imapconn.Open(ctx, conn)
	if err != nil {
		return err
	}
	defer session.Close()
	contents, err := Read(ctx, session, opt.Request)
	if err != nil {
		return err
	}
	if !opt.Sizes { // else each was counted when it was measured
		for _, f := range contents.Folders() {
			opt.Progress.Folder(f.Name)
			opt.Progress.Add(int64(f.Messages), 0)
		}
	}
	for _, f := range contents.Failed {
		opt.Warn("%s: %s", text.Safe(f.Folder), f.Text)
	}
	for _, note := range contents.Notes {
		opt.Warn("%s", note)
	}
	if err := write(out, contents.Entries, opt); err != nil {
		return err
	}
	if n := len(contents.Failed); n > 0 {
		return fault.Errorf(fault.Partial, "some folders could not be listed: %d", n)
	}
	return nil
}

// write prints folders once all are known.
func write(out io.Writer, entries []Entry, opt Options) error {
	w := bufio.NewWriter(out)
	var err error
	if opt.Table {
		err = writeTable(w, entries, opt.Request)
	} else {
		err = writeRecords(w, (&Contents{Entries: entries}).Folders(), opt.Terminal)
	}
	if err == nil {
		err = w.Flush()
	}
	return fault.Wrap(fault.IO, err)
}

func writeRecords(w io.Writer, folders []stream.Folder, terminal bool) error {
	if !terminal {
		return stream.WriteFolders(w, folders)
	}
	var lines strings.Builder
	if err := stream.WriteFolders(&lines, folders); err != nil {
		return err
	}
	for line := range strings.Lines(lines.String()) {
		if _, err := io.WriteString(w, text.SafeJSON(strings.TrimSuffix(line, "\n"))+"\n"); err != nil {
			return err
		}
	}
	return nil
}
