package main

import (
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/extract"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// sourced exports what the options choose, or another stream names, of the
// archive --source.
func sourced(c *ucli.Context, opt fetch.Options) error {
	if err := checkSource(c); err != nil {
		return err
	}
	if !cli.IsSet(c, "namespace") {
		opt.Folders.Spaces = folder.AllSpaces // what is in an archive was chosen once
	}
	var s *selection
	if cli.IsSet(c, "select") {
		var err error
		if s, err = openSelection(c, &opt); err != nil {
			return err
		}
		defer s.close()
	}
	in, err := files.OpenInputs(c.Context, c.StringSlice("source"))
	if err != nil {
		return err
	}
	defer in.Close()
	return produce(c, opt.Begin(account.Account{}), &opt, false, func(out *files.StreamOutput) error {
		reader, err := in.Stream(opt.Edited)
		if err != nil {
			return err
		}
		defer reader.Close()
		defer func() { cli.MessagesOf(c).WarnSkipped(reader) }()
		source := &extract.Archive{In: reader, Again: in.Again(opt.Edited)}
		if s != nil && s.reader != nil {
			defer func() { cli.MessagesOf(c).WarnSkipped(s.reader) }()
			return extract.RunSelect(source, opt.Options, s.reader, out.Writer)
		}
		return extract.Run(source, opt.Options, out.Writer)
	})
}

// checkSource refuses what has no meaning beside --source.
func checkSource(c *ucli.Context) error {
	if slices.Contains(c.StringSlice("source"), "-") &&
		(c.String("select") == "-" || cli.IsSet(c, "select") && c.String("select") == "") {
		return exit.Errorf(exit.Usage, "stdin cannot be both --select and --source")
	}
	return nil
}
