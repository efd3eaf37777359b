// Command imap-push appends to an IMAP account what a plan says is missing.
package main

import (
	"os"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:     "imap-push",
		Summary:  "append to an IMAP account what a plan says is missing",
		Operands: []string{"PLAN"},
		Examples: []cli.Example{
			{Line: "imap-diff --host new.example --user joe joe.imap.zst | imap-push --host new.example --user joe >> receipts.ndjson", Does: "import an archive"},
			{Line: "imap-push --dry-run --host new.example --user joe plan.zst", Does: "check names, flags, limits and quota, and write nothing"},
		},
		Notes: []string{
			"Receipts go to stdout, one for every record of the plan; the last line on stderr adds them up.",
			"The same plan may be pushed twice: what arrived since it was made is found and not appended again.",
		},
		Flags:    slices.Concat(flags(), cli.FlagPolicyFlags(), transformFlags(), cli.LimitFlags(), cli.ConnectionFlags()),
		Action:   run,
		GivesWay: map[string][]string{"flags-keep": {"flags-drop"}},
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "dry-run", Usage: "write nothing; say in the receipts what would become of each message"},
		&ucli.BoolFlag{Name: "unconditional", Usage: "append a stream that has not been through imap-diff, whatever the account holds"},
		&ucli.StringSliceFlag{Name: "allow", Usage: "`delete|full-expunge|rewrite`: remove the messages and folders that the plan says are to be removed, once all of it was read; with delete, also where the server has no UIDPLUS; go on where the server, or an option, changes what messages are known by (see imap-diff --receipts); repeatable"},
		&ucli.StringFlag{Name: "max-delete", Value: defaultMaxDelete, Usage: "`N|N%`: remove nothing if the plan would remove more messages than that, or more per cent of all in the account"},
		&ucli.StringFlag{Name: "subscribe", Value: string(push.SubscribeSource), Usage: "`source|all|none`: subscribe what is subscribed at the source, all that the plan names, or nothing"},
		&ucli.BoolFlag{Name: "acl", Usage: "add the rights that the plan's folders have (imap-fetch --acl) to those at the destination; none are taken away"},
		&ucli.BoolFlag{Name: "gmail-labels", Usage: "add the labels that the plan's messages have at Gmail, where the destination is Gmail too"},
		&ucli.StringFlag{Name: "rejects", Usage: "`FILE`: a plan of the messages that were not appended, to mend and push again"},
		&ucli.BoolFlag{Name: "edited", Usage: "take a plan that was filtered on the way"},
	}
}

// defaultMaxDelete is far below what a mistake would remove.
const defaultMaxDelete = "10%"

// allow reads what may be destroyed.
func allow(c *ucli.Context, opt *push.Options) (err error) {
	for _, what := range c.StringSlice("allow") {
		switch what {
		case "delete":
			opt.AllowDelete = true
		case "full-expunge":
			opt.FullExpunge = true
		case "rewrite":
			opt.AllowRewrite = true
		default:
			return exit.Errorf(exit.Usage, "--allow %s: what can be allowed is delete, full-expunge and rewrite", cli.Safe(what))
		}
	}
	if opt.FullExpunge && !opt.AllowDelete {
		return exit.Errorf(exit.Usage, "--allow full-expunge goes with --allow delete")
	}
	if opt.MaxDelete, err = limit.ParseShare(c.String("max-delete")); err != nil {
		return exit.Errorf(exit.Usage, "--max-delete: %w", err)
	}
	return nil
}

func run(c *ucli.Context) error {
	conn, err := cli.Connection(c)
	if err != nil {
		return err
	}
	var opt push.Options
	if err := allow(c, &opt); err != nil {
		return err
	}
	rules, err := transformRules(c)
	if err != nil {
		return err
	}
	limits, err := cli.Limits(c)
	if err != nil {
		return err
	}
	policy, err := cli.FlagPolicy(c)
	if err != nil {
		return err
	}
	subscribe := push.Subscription(c.String("subscribe"))
	switch subscribe {
	case push.SubscribeSource, push.SubscribeAll, push.SubscribeNone:
	default:
		return exit.Errorf(exit.Usage, "--subscribe is source, all or none, not %s", cli.Safe(string(subscribe)))
	}
	in, err := cli.OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	receipts, err := cli.NewOutput(c.Context, "-", cli.OutputOptions{})
	if err != nil {
		return err
	}
	defer receipts.Abort()
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	talk := cli.TalkOf(c)
	opt.Tool, opt.DryRun, opt.Unconditional, opt.Edited = cli.Tool(c.App.Name), c.Bool("dry-run"), c.Bool("unconditional"), c.Bool("edited")
	opt.Subscribe, opt.ACL, opt.Limits, opt.Flags, opt.Failures = subscribe, c.Bool("acl"), limits, policy, &failure.Classes{}
	opt.Warn, opt.Say, opt.Progress = talk.Warn, talk.Say, progress
	opt.Transform, opt.GmailLabels = rules, c.Bool("gmail-labels")
	reader := stream.NewReader(in, opt.Edited)
	defer reader.Close()
	carryOut := func() error {
		outcome, err := push.Run(c.Context, conn, opt, reader, receipts)
		progress.Stop()
		talk.WarnSkipped(reader)
		if err == nil {
			err = receipts.Commit()
		}
		talk.Failures(opt.Failures)
		if outcome.Begun {
			talk.Say("%s", outcome)
		}
		return err
	}
	if !cli.Given(c, "rejects") {
		return carryOut()
	}
	rejects, err := cli.OpenStreamFile(c, c.String("rejects"), &stream.Begin{Tool: opt.Tool, Content: stream.Full, Plan: true}, false)
	if err != nil {
		return err
	}
	opt.Rejects = rejects.Writer
	return rejects.Finish(carryOut())
}
