package main

import (
	"io"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// archive lists or verifies the stream --source.
func archive(c *ucli.Context, opt list.Options, out io.Writer) error {
	if !cli.IsSet(c, "namespace") {
		opt.Folders.Spaces = folder.AllSpaces // what is in an archive was chosen once
	}
	in, err := files.OpenInputs(c.Context, c.StringSlice("source"))
	if err != nil {
		return err
	}
	defer in.Close()
	if c.Bool("verify") {
		return verify(c, in, opt, out)
	}
	reader, err := in.Stream(c.Bool("edited"))
	if err != nil {
		return err
	}
	defer reader.Close()
	return list.RunArchive(reader, opt, out)
}

// verify checks every record of an archive, those too that a later delta takes
// back.
func verify(c *ucli.Context, in *files.Input, opt list.Options, out io.Writer) error {
	reader := stream.NewReader(in, c.Bool("edited"))
	defer reader.Close()
	reader.PassDeltas()
	return list.Check(reader, list.CheckOptions{Text: opt.Table, Safe: cli.Safe, Progress: opt.Progress,
		ExitCode: exit.NumberOf}, out)
}
