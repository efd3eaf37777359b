package main

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/push"
	"github.com/imap-pipe/imap-pipe/pkg/push/folders"
)

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "dry-run", Aliases: []string{"n"},
			Usage: "write nothing to the server; the receipts say what would happen to each message"},
		&ucli.BoolFlag{Name: "unconditional",
			Usage: "append a stream that has not been through imap-diff, whatever the account holds"},
		&ucli.BoolFlag{Name: "server-copy",
			Usage: "have the server copy the messages itself (UID COPY), where the plan goes from this account to " +
				"itself: octets, flags and dates stay as they are, and the plan needs no bodies"},
		&ucli.StringSliceFlag{Name: "allow",
			Usage: "`delete|full-expunge|rewrite`: remove the messages and folders that the plan says are to be " +
				"removed, once all of it was read; with delete, also where the server has no UIDPLUS; go on where " +
				"the server, or an option, changes what messages are known by (see imap-diff --receipts); " +
				"repeatable"},
		&ucli.StringFlag{Name: "max-delete", Value: defaultMaxDelete,
			Usage: "`N|N%`: remove nothing if the plan would remove more messages than that, or more per cent of all " +
				"in the account"},
		&ucli.StringFlag{Name: "subscribe", Value: string(folders.SubscribeSource),
			Usage: "`source|all|none`: subscribe what is subscribed at the source, all that the plan names, or nothing"},
		&ucli.BoolFlag{Name: "acl",
			Usage: "add the rights that the plan's folders have (imap-fetch --acl) to those at the destination; none " +
				"are taken away"},
		&ucli.BoolFlag{Name: "gmail-labels",
			Usage: "add the labels that the plan's messages have at Gmail, where the destination is Gmail too"},
		&ucli.StringFlag{Name: "rejects",
			Usage: "`FILE`: a plan of the messages that were not appended, to mend and push again; replaces only the " +
				"rejects of an earlier run to the same account"},
		cli.OverwriteFlag(),
		&ucli.BoolFlag{Name: "edited", Usage: "take a plan that was filtered on the way"},
	}
}

// changing are the options that change messages, dates or flags. A COPY changes
// none of them.
var changing = []string{"fix", "max-line", "header-delete", "header-rename", "disarm-read-receipts", "header-set",
	"header-add", "pipe", "internaldate", "flag-map", "flags-keep", "flags-drop"}

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
			return exit.Errorf(exit.Usage, "--allow %s: what can be allowed is delete, full-expunge and rewrite",
				cli.Safe(what))
		}
	}
	if opt.FullExpunge && !opt.AllowDelete {
		return exit.Errorf(exit.Usage, "--allow full-expunge requires --allow delete")
	}
	if opt.MaxDelete, err = limit.ParseShare(c.String("max-delete")); err != nil {
		return cli.InOption("max-delete", err)
	}
	return nil
}

// options reads what flags and transformFlags describe, and what is shared with
// other commands.
func options(c *ucli.Context) (opt push.Options, err error) {
	opt = push.Options{
		Tool: cli.Tool(c.App.Name), DryRun: c.Bool("dry-run"), Unconditional: c.Bool("unconditional"),
		Edited: c.Bool("edited"),
		ACL:    c.Bool("acl"), GmailLabels: c.Bool("gmail-labels"), ServerCopy: c.Bool("server-copy"),
		Subscribe: folders.Subscription(c.String("subscribe")), Failures: &failure.Classes{},
		ExitCode: exit.NumberOf,
	}
	switch opt.Subscribe {
	case folders.SubscribeSource, folders.SubscribeAll, folders.SubscribeNone:
	default:
		return opt, exit.Errorf(exit.Usage, "--subscribe is source, all or none, not %s",
			cli.Safe(string(opt.Subscribe)))
	}
	if err := allow(c, &opt); err != nil {
		return opt, err
	}
	if opt.Transform, err = transformRules(c); err != nil {
		return opt, err
	}
	if opt.Limits, err = cli.Limits(c); err != nil {
		return opt, err
	}
	opt.Flags, err = cli.FlagPolicy(c)
	return opt, err
}
