// Package list tells which folders an account has.
package list

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Options say which folders to list and how.
type Options struct {
	Folders folder.Selection
	Sizes   bool // ask for octets too, which may cost the server a while
	Table   bool // for people
	Safe    func(string) string
	// Progress counts the messages of the folders as these are told.
	Progress progress.Counter
	Warn     func(format string, args ...any)
}

// Run writes a record for each folder, plain NDJSON, once all are known.
// Folders that fail, or that were asked for and are not there, are told to
// Warn and make the error exit.Partial.
func Run(ctx context.Context, conn imapconn.Options, opt Options, out io.Writer) error {
	session, err := imapconn.Open(ctx, conn)
	if err != nil {
		return err
	}
	defer session.Close()
	toc, failed, err := Contents(ctx, session, opt.Folders, opt.Sizes)
	if err != nil {
		return err
	}
	for i := range toc {
		opt.Progress.Folder(toc[i].Name)
		opt.Progress.Add(int64(toc[i].Messages), max(toc[i].Octets, 0))
	}
	for _, f := range failed {
		opt.Warn("%s: %s", opt.Safe(f.Folder), opt.Safe(f.Text))
	}
	if err := write(out, toc, opt); err != nil {
		return err
	}
	if len(failed) > 0 {
		return exit.Errorf(exit.Partial, "some folders could not be listed: %d", len(failed))
	}
	return nil
}

// write prints folders once all are known.
func write(out io.Writer, toc []stream.Folder, opt Options) error {
	w := bufio.NewWriter(out)
	var err error
	if opt.Table {
		err = table(w, toc, opt)
	} else {
		err = stream.WriteFolders(w, toc)
	}
	if err == nil {
		err = w.Flush()
	}
	return exit.Wrap(exit.IO, err)
}

func table(out io.Writer, toc []stream.Folder, opt Options) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	head := "messages\t"
	if opt.Sizes {
		head += "octets\t"
	}
	fmt.Fprintf(w, "%s  folder\n", head)
	for _, f := range toc {
		fmt.Fprintf(w, "%d\t", f.Messages)
		if opt.Sizes {
			fmt.Fprintf(w, "%d\t", max(f.Octets, 0))
		}
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(opt.Safe(f.Name)+"  "+opt.Safe(strings.Join(f.Attributes, " "))))
	}
	return w.Flush()
}
