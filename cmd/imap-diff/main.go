// Command imap-diff compares a stream with an account or another stream, and
// plans what is missing there.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:     "imap-diff",
		Summary:  "compare a stream with an account or another stream, and plan what is missing",
		Operands: []string{"SOURCE", "AGAINST"},
		Examples: []cli.Example{
			{Line: "imap-diff --host new.example --user joe joe.imap.zst | imap-push …",
				Does: "append what the account lacks of an archive"},
			{Line: "imap-diff --report --exit-code --host new.example --user joe joe.imap.zst",
				Does: "an audit: nothing is written anywhere"},
			{Line: "imap-diff --report monday.zst friday.zst", Does: "compare two archives"},
			{Line: "imap-diff --folders-only --report --automap --map 'Old Mail=Archive' --host new.example --user " +
				"joe joe.imap.zst", Does: "see where folders would go"},
		},
		Notes: slices.Concat([]string{
			"SOURCE is a stream, stdin by default; the destination is the stream AGAINST, or the account that the " +
				"connection options name.",
			"Messages are matched by key, and counted: three equal messages here and one there make two missing.",
		}, mappingNotes),
		Flags: slices.Concat(flags(), identityFlags(), mappingFlags(), deletionFlags(), cli.FlagPolicyFlags(),
			cli.StreamFlags(), connect.Flags()),
		Before:   connect.UseSources,
		Action:   run,
		Hints:    slices.Concat(hints, connect.Hints),
		GivesWay: map[string][]string{"flags-keep": {"flags-drop"}},
		Modes:    modes(), Conflicts: conflicts, Requires: needs,
		Stream: func(args []string) bool {
			return !slices.ContainsFunc(args, func(a string) bool {
				return a == "--report" || a == "--extra" ||
					a == "--duplicates"
			}) && !slices.ContainsFunc(args,
				func(a string) bool { return strings.HasPrefix(a, "--write-map") }) && !cli.WritesFile(args)
		},
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "report", Usage: "tell what differs, and write no plan"},
		&ucli.StringFlag{Name: "format", Value: "text", Usage: "`text|ndjson`: of the report"},
		&ucli.BoolFlag{Name: "exit-code",
			Usage: "exit 1 where messages are missing, or altered (which --verify finds, or two streams with bodies)"},
		&ucli.BoolFlag{Name: "equal", Usage: "exit 1 where anything differs (with --report)"},
		&ucli.StringFlag{Name: "sync-flags", Value: string(plan.SyncOff),
			Usage: "`off|add|exact`: plan to set, on messages that are there, the flags that they have here; exact " +
				"also takes away all others"},
		&ucli.BoolFlag{Name: "verify",
			Usage: "with --report: read every message there, and tell whose octets are not those of the source, " +
				"which must have bodies or hashes"},
		&ucli.BoolFlag{Name: "edited", Usage: "take a source that was filtered on the way"},
	}
}

func run(c *ucli.Context) error {
	if f := c.String("format"); f != "text" && f != "ndjson" {
		return exit.Errorf(exit.Usage, "--format is text or ndjson, not %s", cli.Safe(f))
	}
	messages := cli.MessagesOf(c)
	opt := plan.Options{Options: diff.Options{Tool: cli.Tool(c.App.Name), Edited: c.Bool("edited"), Warn: messages.Warn,
		Say: messages.Info}}
	if err := syncFlags(c, &opt); err != nil {
		return err
	}
	if err := rules(c, &opt); err != nil {
		return err
	}
	if err := identify(c, &opt); err != nil {
		return err
	}
	switch mode := cli.ModeOf(c); mode {
	case "delete-source":
		return planSource(c, opt.Options)
	case "duplicates", "delete-duplicates", "move", "undo", "empty-folders":
		return cleanUp(c, opt.Options, mode)
	}
	closeProofs, err := extra(c, &opt)
	defer closeProofs()
	if err != nil {
		return err
	}
	in, err := files.OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	dest, release, err := destination(c)
	if err != nil {
		return err
	}
	defer release()
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	defer progress.Stop()
	opt.Progress = progress
	if c.Bool("report") && !opt.FoldersOnly {
		if opt.Repeats, err = repeatsIn(in, opt.Edited); err != nil {
			return err
		}
	}
	switch {
	case cli.ModeOf(c) == "delete-present":
		return planPresent(c, opt.Options, in, dest)
	case cli.IsSet(c, "write-map"), c.Bool("report"), c.Bool("extra"):
		return tell(c, opt, in, dest)
	}
	done, err := writeReceipts(c, &opt)
	if err != nil {
		return err
	}
	return errors.Join(planMissing(c, opt, in, dest), done())
}

// tell writes what is no plan.
func tell(c *ucli.Context, opt plan.Options, in *files.Input, dest diff.Destination) error {
	reader, err := in.Stream(opt.Edited)
	if err != nil {
		return err
	}
	defer reader.Close()
	switch {
	case cli.IsSet(c, "write-map"):
		return preview(c, opt, reader, dest, c.String("write-map"), (*plan.Preview).Map)
	case c.Bool("report") && opt.FoldersOnly && c.String("format") == "ndjson":
		return preview(c, opt, reader, dest, c.String("output"), (*plan.Preview).NDJSON)
	case c.Bool("report") && opt.FoldersOnly:
		return preview(c, opt, reader, dest, c.String("output"),
			func(p *plan.Preview, out io.Writer) error { return p.Text(out, cli.Safe) })
	}
	return writeReport(c, opt.Options, reader, dest)
}

// syncFlags reads what is to become of flags.
func syncFlags(c *ucli.Context, opt *plan.Options) (err error) {
	opt.Flags, err = cli.FlagPolicy(c)
	if err != nil {
		return err
	}
	switch opt.SyncFlags = plan.SyncFlags(c.String("sync-flags")); opt.SyncFlags {
	case plan.SyncOff, plan.SyncAdd, plan.SyncExact:
	default:
		return exit.Errorf(exit.Usage, "--sync-flags is off, add or exact, not %s", cli.Safe(string(opt.SyncFlags)))
	}
	if opt.SyncFlags == plan.SyncExact && opt.Edited {
		return exit.Errorf(exit.Usage, "--sync-flags exact cannot be combined with --edited: it takes flags away").
			WithHint("give --sync-flags add")
	}
	return nil
}

// preview writes where folders go.
func preview(c *ucli.Context, opt plan.Options, reader *stream.Reader, dest diff.Destination, file string,
	print func(*plan.Preview, io.Writer) error) error {
	replaces := files.Reports
	if cli.IsSet(c, "write-map") {
		replaces = files.Nothing
	}
	out, err := cli.OpenReport(c, file, replaces)
	if err != nil {
		return err
	}
	defer out.Abort()
	p, err := plan.PreviewFolders(c.Context, opt, reader, dest)
	if err != nil {
		return err
	}
	if err := print(p, out); err != nil {
		return exit.Wrap(exit.IO, err)
	}
	return out.Commit()
}

// destination is the stream AGAINST or the account.
func destination(c *ucli.Context) (dest diff.Destination, release func(), err error) {
	if c.NArg() < 2 {
		conn, err := connect.Options(c)
		if err != nil {
			return nil, nil, err
		}
		account := diff.NewAccount(c.Context, conn)
		if c.Bool("report") || c.Bool("extra") {
			account.ReadNewest()
		}
		return account, account.Close, nil
	}
	if name := connect.FirstSet(c); name != "" {
		return nil, nil, exit.Errorf(exit.Usage, "%s cannot be combined with AGAINST", name)
	}
	if c.Args().Get(1) == "-" && (c.Args().First() == "-" || c.Args().First() == "") {
		return nil, nil, exit.Errorf(exit.Usage, "stdin cannot be both streams")
	}
	in, err := files.OpenInput(c.Context, c.Args().Get(1))
	if err != nil {
		return nil, nil, err
	}
	repeats, err := repeatsIn(in, false)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	reader, err := in.Stream(false)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	archive := diff.NewArchive(reader, repeats)
	if !c.Bool("report") && !c.Bool("extra") {
		archive.DoubtFailed()
	}
	return archive, func() { reader.Close(); in.Close() }, nil
}

// repeatsIn reads a file that holds several streams for the messages that stand
// in it more than once. Of a pipe, which cannot be read again, the first flags
// of a message count.
func repeatsIn(in *files.Input, edited bool) (*diff.Repeats, error) {
	if several, err := in.Several(edited); err != nil || !several {
		return nil, err
	}
	reader, err := in.Stream(edited)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return diff.ReadRepeats(reader), nil
}

// writePlan writes a plan. It is begun before work reads its input: whoever
// reads the plan must find it cut if we are killed while we wait.
func writePlan(c *ucli.Context, opt diff.Options, work func(*stream.Writer) error) error {
	out, err := cli.OpenStream(c, &stream.Begin{Tool: opt.Tool, Content: stream.Headers, Plan: true,
		Labels: opt.Labels}, false)
	if err != nil {
		return err
	}
	return out.Finish(work(out.Writer))
}

// planMissing plans what the destination lacks.
func planMissing(c *ucli.Context, opt plan.Options, in *files.Input, dest diff.Destination) (err error) {
	if opt.Labels, err = cli.Labels(c); err != nil {
		return err
	}
	return writePlan(c, opt.Options, func(w *stream.Writer) error {
		reader, err := in.Stream(opt.Edited)
		if err != nil {
			return err
		}
		defer reader.Close()
		messages := cli.MessagesOf(c)
		end, err := plan.Run(c.Context, opt, reader, in.Again(opt.Edited), dest, w)
		messages.WarnSkipped(reader)
		if end == nil {
			return err
		}
		if !opt.FoldersOnly {
			sums := fmt.Sprintf("%d listed, %d present, %d missing, %d ambiguous, %d expunged, %d failed", end.Listed,
				end.Present, end.Missing, end.Ambiguous, end.Expunged, end.Failed)
			if end.PresentByKey > 0 {
				sums += fmt.Sprintf(", %d present by key alone", end.PresentByKey)
			}
			messages.Info("%s", sums)
		}
		if end.PresentByKey > 0 {
			messages.Warn("%d of those present agree in nothing but the key: --report names them, --strict copies them",
				end.PresentByKey)
		}
		if opt.SyncFlags != plan.SyncOff {
			messages.Info("flags of %s to be changed", text.Count(end.FlagChanges, "message"))
		}
		if err == nil && c.Bool("exit-code") && end.Missing > 0 {
			err = exit.Errorf(exit.Different, "%s %s missing", text.Count(end.Missing, "message"),
				text.Either(end.Missing, "is", "are"))
		}
		return err
	})
}

func writeReport(c *ucli.Context, opt diff.Options, reader *stream.Reader, dest diff.Destination) error {
	out, err := cli.OpenReport(c, c.String("output"), files.Reports)
	if err != nil {
		return err
	}
	defer out.Abort()
	to := printer(c, out)
	if c.Bool("extra") {
		to = report.Extras{Printer: to}
	}
	opt.CheckKeys = true
	sum, err := report.Run(c.Context, report.Options{Options: opt, Verify: c.Bool("verify"),
		Explain: c.Bool("explain")}, reader, dest, to)
	cli.MessagesOf(c).WarnSkipped(reader)
	if err != nil && exit.CodeOf(err) != exit.Partial {
		return err
	}
	if commitErr := out.Commit(); commitErr != nil {
		return commitErr
	}
	if c.Bool("extra") {
		cli.MessagesOf(c).Info("%d extra", sum.Extra)
	}
	different := c.Bool("equal") && !sum.Equal() || c.Bool("exit-code") && sum.Missing+sum.Altered > 0
	if err == nil && different {
		return exit.Errorf(exit.Different, "%s", fmt.Sprintf("%d missing, %d altered, %d extra, %d with other flags, "+
			"%d with another date", sum.Missing, sum.Altered, sum.Extra, sum.Flags, sum.Date))
	}
	return err
}
