package main

import (
	"errors"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// transformFlags are the options that change messages. They are about nothing
// unless they are given.
func transformFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "fix",
			Usage: "`NAME`: mend what servers refuse: mbox-from=drop|rename, nul=strip|skip, bare-lf, header-fold, " +
				"header-colon, header-8bit=encode|mask, message-id, long-lines, final-crlf; repeatable"},
		&ucli.StringFlag{Name: "max-line",
			Usage: "`N=skip|wrap`: leave out messages with lines of more than N octets, or wrap such lines of text"},
		&ucli.StringSliceFlag{Name: "header-delete", Usage: "`FIELD`: take header fields of this name out; repeatable"},
		&ucli.StringSliceFlag{Name: "header-rename", Usage: "`OLD=NEW`: rename header fields; repeatable"},
		&ucli.BoolFlag{Name: "disarm-read-receipts", Usage: "rename the header fields that ask for a return receipt"},
		&ucli.StringSliceFlag{Name: "header-set", Usage: "`FIELD: VALUE`: give a header field this value; repeatable"},
		&ucli.StringSliceFlag{Name: "header-add",
			Usage: "`FIELD: VALUE`: add a header field; in a value {folder} {target} {uid} {date} {internaldate} " +
				"{user} {host} stand for the message's own; repeatable"},
		&ucli.StringFlag{Name: "pipe",
			Usage: "`COMMAND`: append what this shell command makes of each message (stdin to stdout); what it " +
				"refuses or empties is not appended"},
		&ucli.DurationFlag{Name: "pipe-timeout", Value: transform.PipeTime,
			Usage: "`DURATION`: how long the command of --pipe may take for one message"},
		&ucli.StringFlag{Name: "internaldate", Value: string(transform.DateOfSource),
			Usage: "`source|header|received|now`: take the arrival date from the source, the Date field, the newest " +
				"Received field or the destination's clock"},
	}
}

func transformRules(c *ucli.Context) (*transform.Rules, error) {
	if c.Duration("pipe-timeout") <= 0 {
		return nil, exit.Errorf(exit.Usage, "--pipe-timeout is more than nothing, as in 90s or 5m")
	}
	if cli.IsSet(c, "pipe") && c.String("pipe") == "" {
		return nil, exit.Errorf(exit.Usage, "--pipe is empty")
	}
	rules, err := transform.ParseRules(transform.Options{
		Fixes: c.StringSlice("fix"), MaxLine: c.String("max-line"),
		Delete: c.StringSlice("header-delete"), Rename: c.StringSlice("header-rename"),
		DisarmReceipts: c.Bool("disarm-read-receipts"),
		Set:            c.StringSlice("header-set"), Add: c.StringSlice("header-add"),
		Pipe: c.String("pipe"), PipeTimeout: c.Duration("pipe-timeout"), Date: c.String("internaldate"),
	})
	if bad := (*transform.RuleError)(nil); errors.As(err, &bad) {
		return nil, cli.InOption(bad.Rule, bad.Unwrap())
	}
	return rules, err
}
