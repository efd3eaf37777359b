package main

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// readBase reads the stream --base, and takes over its key.
func readBase(c *ucli.Context, conn imapconn.Options, opt *fetch.Options) error {
	if !cli.IsSet(c, "base") {
		return nil
	}
	in, err := files.OpenInput(c.Context, c.String("base"))
	if err != nil {
		return err
	}
	defer in.Close()
	reader := stream.NewReader(in, opt.Edited)
	defer reader.Close()
	if opt.Base, err = base.Read(reader); err != nil {
		return exit.Errorf(exit.CodeOf(err), "--base %s: %w", cli.Safe(in.Name()), err).WithHint("%s", exit.HintOf(err))
	}
	if err := opt.Base.Fits(conn.Account()); err != nil {
		return err
	}
	if cli.IsSet(c, "key") && opt.Recipe.String() != opt.Base.Key {
		return exit.Errorf(exit.Usage, "--key %s is not that of the base, %s", cli.Safe(c.String("key")),
			cli.Safe(opt.Base.Key)).WithHint("leave --key out")
	}
	opt.Recipe, err = headerkey.ParseRecipe(opt.Base.Key)
	return err
}
