// Command imap-push appends to an IMAP account what a plan says is missing.
package main

import (
	"os"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/push"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:     "imap-push",
		Summary:  "append to an IMAP account what a plan says is missing",
		Operands: []string{"PLAN"},
		Examples: []cli.Example{
			{Line: "imap-diff --host new.example --user joe joe.imap.zst | imap-push --host new.example --user joe " +
				">> receipts.ndjson", Does: "import an archive"},
			{Line: "imap-push --dry-run --host new.example --user joe plan.zst",
				Does: "check names, flags, limits and quota, and write nothing"},
		},
		Notes: []string{
			"Receipts go to stdout, one for every record of the plan; the last line on stderr adds them up.",
			"The same plan may be pushed twice: what arrived since it was made is found and not appended again.",
		},
		Flags: slices.Concat(flags(), cli.FlagPolicyFlags(), transformFlags(), cli.LimitFlags(),
			connect.Flags()),
		Before:   connect.UseSources,
		Action:   run,
		Hints:    slices.Concat(hints, connect.Hints),
		GivesWay: map[string][]string{"flags-keep": {"flags-drop"}, "server-copy": changing},
	}), os.Args))
}

func run(c *ucli.Context) error {
	conn, err := connect.Options(c)
	if err != nil {
		return err
	}
	opt, err := options(c)
	if err != nil {
		return err
	}
	in, err := files.OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	receipts, err := files.NewOutput(c.Context, "-", files.OutputOptions{})
	if err != nil {
		return err
	}
	defer receipts.Abort()
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	messages := cli.MessagesOf(c)
	opt.Warn, opt.Say, opt.Progress = messages.Warn, messages.Info, progress
	reader := stream.NewReader(in, opt.Edited)
	defer reader.Close()
	carryOut := func() error {
		outcome, err := push.Run(c.Context, conn, opt, reader, receipts)
		progress.Stop()
		messages.WarnSkipped(reader)
		if err == nil {
			err = receipts.Commit()
		}
		messages.Failures(opt.Failures)
		if outcome.Begun {
			messages.Info("%s", outcome)
		}
		return err
	}
	if !cli.IsSet(c, "rejects") {
		return carryOut()
	}
	begin := &stream.Begin{Tool: opt.Tool, Content: stream.Full, Plan: true, Filters: []string{"rejects"}}
	begin.SetTarget(conn.Account())
	rejects, err := cli.OpenStreamFile(c, c.String("rejects"), begin, false)
	if err != nil {
		return err
	}
	opt.Rejects = rejects.Writer
	return rejects.Finish(carryOut())
}
