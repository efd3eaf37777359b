// Command imap-fetch exports the messages of an IMAP account as a stream.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:    "imap-fetch",
		Summary: "export the messages of an IMAP account, or of an archive, as a stream",
		Examples: []cli.Example{
			{Line: "imap-fetch --host old.example --user joe -o joe.imap.zst",
				Does: "the whole account into a file; the same again goes on after a cut"},
			{Line: "imap-fetch --headers --host old.example --user joe | imap-diff …",
				Does: "without bodies, to find out what is missing"},
			{Line: "imap-fetch --base monday.zst --host old.example --user joe -o tuesday.zst",
				Does: "what is new or changed since monday; cat monday.zst tuesday.zst is the whole"},
			{Line: "… imap-diff … | imap-fetch --select - --host old.example --user joe | imap-push …",
				Does: "the bodies of what a plan names"},
			{Line: "imap-fetch --search 'UNSEEN FROM ann' --since 2026-01-01 --host old.example --user joe -o some.zst",
				Does: "some of its messages"},
			{Line: "imap-fetch --source joe.imap.zst --folder-rec Archive | imap-diff … | imap-push …",
				Does: "a part of an archive"},
			{Line: "imap-fetch --hash --host old.example --user joe -o monday.zst",
				Does: "a manifest, for imap-diff --report to compare with others"},
			{Line: "imap-list … | jq -c 'select(.messages < 1000)' | imap-fetch --select - …",
				Does: "the folders that a list names"},
		},
		Notes: []string{"The account is only looked at: no flag changes, no message is marked as read."},
		Flags: slices.Concat(flags(), cli.FolderFlags(), messageFlags(), cli.StreamFlags(), cli.LimitFlags(),
			connect.Flags()),
		Before: connect.UseSources,
		Action: run,
		Hints:  slices.Concat(hints, connect.Hints),
		GivesWay: map[string][]string{
			"select":     {"folder-first", "folder-last", "advice"},
			"folder":     {"exclude"}, // what is named is wanted
			"folder-rec": {"exclude"},
			"include":    {"exclude"},
		},
		Conflicts: map[string][]string{
			"headers": {"rate", "max-bytes"}, // they count message bodies that an account gives
			"source": append(cli.Names(connect.Flags()),
				"rate", "max-bytes", "folder-first", "folder-last", "acl", "key", "base"),
			"select": append(cli.Names(slices.Concat(cli.FolderFlags(), messageFlags())), "base"),
		},
		Stream: func(args []string) bool { return !cli.WritesFile(args) },
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "source",
			Usage: "`FILE|-`: an archive, or several joined, in place of an account; repeatable, read in that order"},
		&ucli.BoolFlag{Name: "headers", Usage: "no bodies"},
		&ucli.BoolFlag{Name: "hash", Usage: "a manifest: bodies are read for their sha256, and not kept"},
		&ucli.BoolFlag{Name: "acl", Usage: "who may do what with each folder goes along, for imap-push --acl"},
		&ucli.StringFlag{Name: "select",
			Usage: "`FILE|-`: what this stream names: messages where it begins with a begin record, else the folders " +
				"of imap-list"},
		&ucli.StringFlag{Name: "base",
			Usage: "`FILE|-`: an earlier export of the account: only what is new or changed since"},
		&ucli.StringSliceFlag{Name: "folder-first",
			Usage: "`NAME`: this folder and those below it before all others; repeatable, in this order"},
		&ucli.StringSliceFlag{Name: "folder-last", Usage: "`NAME`: behind all others"},
		&ucli.StringFlag{Name: "key", Value: headerkey.Default,
			Usage: "`RECIPE`: the header fields that tell messages apart: names with commas (message-id-local is " +
				"without its domain), or ALL, or ALL,-X-*"},
		&ucli.BoolFlag{Name: "edited",
			Usage: "take a --select, --source or --base stream that was filtered on the way"},
		&ucli.BoolFlag{Name: "restart", Usage: "begin anew where --output was cut before"},
	}
}

func run(c *ucli.Context) error {
	opt, err := options(c)
	if err != nil {
		return err
	}
	if cli.IsSet(c, "source") {
		return sourced(c, opt)
	}
	conn, err := connect.Options(c)
	if err != nil {
		return err
	}
	if err := readBase(c, conn, &opt); err != nil {
		return err
	}
	if !cli.IsSet(c, "select") {
		return fromAccount(c, conn, opt)
	}
	return selected(c, conn, opt)
}

func options(c *ucli.Context) (opt fetch.Options, err error) {
	opt.ACL = c.Bool("acl")
	opt.Options = export.Options{
		Tool: cli.Tool(c.App.Name), Content: stream.Full, Edited: c.Bool("edited"), Warn: cli.MessagesOf(c).Warn,
	}
	switch headers, hash := c.Bool("headers"), c.Bool("hash"); {
	case headers && hash:
		return opt, exit.Errorf(exit.Usage, "--headers and --hash: a manifest needs the bodies")
	case headers:
		opt.Content = stream.Headers
	case hash:
		opt.Content = stream.Hashes
	}
	if opt.Recipe, err = headerkey.ParseRecipe(c.String("key")); err != nil {
		return opt, err
	}
	if opt.Labels, err = cli.Labels(c); err != nil {
		return opt, err
	}
	if err := limits(c, &opt); err != nil {
		return opt, err
	}
	opt.First, opt.Last = c.StringSlice("folder-first"), c.StringSlice("folder-last")
	if opt.Folders, opt.Filters, err = cli.Folders(c); err != nil {
		return opt, err
	}
	choice, filters, err := messages(c, time.Now())
	opt.Messages, opt.Filters = choice, append(opt.Filters, filters...)
	return opt, err
}

// adopt makes the choice of messages the one of the run that is continued: its
// ages count from then.
func adopt(c *ucli.Context, opt *fetch.Options, begin *stream.Begin) (err error) {
	for _, f := range begin.Filters {
		if _, then, ok := stream.CutFilterAt(f); ok {
			opt.Messages, _, err = messages(c, then)
		}
	}
	return err
}

// limits reads what bounds the run: message bodies that an account gives, so
// there must be such.
func limits(c *ucli.Context, opt *fetch.Options) (err error) {
	opt.Failures = &failure.Classes{}
	if opt.Limits, err = cli.Limits(c); err != nil {
		return err
	}
	return nil
}

// fromAccount exports what the options choose.
func fromAccount(c *ucli.Context, conn imapconn.Options, opt fetch.Options) error {
	if opt.Limits.Octets > 0 && !cli.IsSet(c, "output") {
		cli.MessagesOf(c).
			Warn("--max-bytes into a pipe begins with the same messages each time: put it at imap-fetch --select - " +
				"or imap-push, or write to a file with -o")
	}
	return produce(c, opt.Begin(conn.Account()), &opt, !c.Bool("restart"), func(out *files.StreamOutput) error {
		if out.From != nil && out.From.Ended {
			return nil // it was whole but for its name
		}
		if out.From != nil {
			if err := adopt(c, &opt, out.From.Begin); err != nil {
				return err
			}
		}
		return fetch.Run(c.Context, conn, opt, out.Writer, out.From)
	})
}

// selected exports what another stream names.
func selected(c *ucli.Context, conn imapconn.Options, opt fetch.Options) error {
	s, err := openSelection(c, &opt)
	if err != nil {
		return err
	}
	defer s.close()
	if s.reader == nil {
		return fromAccount(c, conn, opt)
	}
	defer func() { cli.MessagesOf(c).WarnSkipped(s.reader) }()
	return produce(c, opt.Begin(conn.Account()), &opt, false, func(out *files.StreamOutput) error {
		return fetch.RunSelect(c.Context, conn, opt, s.reader, out.Writer)
	})
}

// selection is the stream --select. Where that is a list of folders, these are
// among the options, and there is no reader.
type selection struct {
	in     *files.Input
	reader *stream.Reader
}

func openSelection(c *ucli.Context, opt *fetch.Options) (*selection, error) {
	in, err := files.OpenInput(c.Context, c.String("select"))
	if err != nil {
		return nil, err
	}
	s := &selection{in: in}
	buffered := bufio.NewReaderSize(in, 256<<10)
	_, empty := buffered.Peek(1)
	switch {
	case empty != nil || stream.HasFolders(buffered):
		err = listed(opt, in.Name(), buffered)
	case c.Bool("headers"):
		err = exit.Errorf(exit.Usage,
			"--headers cannot be combined with a --select stream, whose messages get their bodies")
	case c.Bool("hash"):
		err = exit.Errorf(exit.Usage,
			"--hash cannot be combined with a --select stream, whose messages get their bodies")
	case c.Bool("acl"):
		err = exit.Errorf(exit.Usage,
			"--acl cannot be combined with a --select stream, whose folders pass as they are").
			WithHint("give it where the stream begins")
	case cli.IsSet(c, "folder-first"), cli.IsSet(c, "folder-last"):
		err = exit.Errorf(exit.Usage,
			"--folder-first and --folder-last cannot be combined with a --select stream, which has its order")
	default:
		s.reader = stream.NewReader(buffered, opt.Edited)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *selection) close() {
	if s.reader != nil {
		s.reader.Close()
	}
	s.in.Close()
}

// listed chooses the folders that a list of imap-list names.
func listed(opt *fetch.Options, name string, in *bufio.Reader) error {
	folders, err := stream.ReadFolders(in)
	if err != nil {
		return err
	}
	if len(folders) == 0 {
		return exit.Errorf(exit.NoInput, "the selection %s names nothing", cli.Safe(name)).
			WithHint("a filter let no folder through, or what should write the selection did not run")
	}
	opt.Folders.Spaces = folder.AllSpaces // the list says whose
	names := make([]string, len(folders))
	for i, f := range folders {
		names[i] = f.Name
	}
	opt.Folders.Names = append(opt.Folders.Names, names...)
	opt.Filters = append(opt.Filters, folderFilters(names)...)
	return nil
}

// maxFolderFilters is how many folders a stream's begin names one by one: it has to fit
// into one line.
const maxFolderFilters = 1000

// folderFilters says in a stream's begin which folders were chosen. Where they are many,
// a hash of their names stands for these.
func folderFilters(names []string) []string {
	if len(names) > maxFolderFilters {
		hash := sha256.Sum256([]byte(strings.Join(names, "\n")))
		return []string{fmt.Sprintf("folders=%d, sha256=%x", len(names), hash)}
	}
	filters := make([]string, len(names))
	for i, name := range names {
		filters[i] = "folder=" + name
	}
	return filters
}

// produce runs work with the output and the progress that the options ask for.
func produce(c *ucli.Context, begin *stream.Begin, opt *fetch.Options, resume bool,
	work func(*files.StreamOutput) error) error {
	out, err := cli.OpenStream(c, begin, resume)
	if err != nil {
		return err
	}
	progress, err := cli.NewProgress(c)
	if err != nil {
		return out.Finish(err)
	}
	defer progress.Stop()
	opt.Progress = progress
	if n := out.Recovered(); n > 0 {
		cli.MessagesOf(c).Info("going on after %s of an earlier run", text.Count(n, "message"))
	}
	err = out.Finish(work(out))
	progress.Stop()
	messages := cli.MessagesOf(c)
	if all, skipped := out.Excluded(); all > 0 && !opt.Messages.IsZero() {
		said := text.Count(all, "message") + " left out"
		if skipped > 0 {
			said += fmt.Sprintf(", %d of them by --exclude-raw; the stream's skipped records name them", skipped)
		}
		messages.Info("%s", said)
	}
	unknown, sizes := out.Doubts()
	if unknown > 0 {
		messages.Info("messages whose flags, date or labels the server does not tell: %d; see their field unknown",
			unknown)
	}
	if sizes > 0 {
		messages.Info("messages with another size than the server says: %d; see their field rfc822_size", sizes)
	}
	messages.Failures(opt.Failures)
	var limit *limit.ReachedError
	switch {
	case !cli.IsSet(c, "output"):
	case err == nil, exit.CodeOf(err) == exit.Partial:
		messages.Info("%s: %s, %s", out.Name(), text.Count(out.Messages(), "message"),
			text.Count(out.Octets(), "octet"))
	case errors.As(err, &limit) && out.Unfinished() != "":
		messages.Info("what was fetched is in %s, and the same command goes on there", out.Unfinished())
	}
	return err
}
