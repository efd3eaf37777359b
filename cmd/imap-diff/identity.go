package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
)

const identity = "Message matching (by key, as a multiset; see imap-fetch --key)"

// identityFlags are the options that say when two messages are one; identify
// reads them.
func identityFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "key", Category: identity,
			Usage: "`RECIPE`: as in imap-fetch; by default that of SOURCE, whose bodies are read for another one"},
		&ucli.StringFlag{Name: "match", Category: identity, Value: "folder",
			Usage: "`folder|account`: with account, a message that was moved to another folder there is present"},
		&ucli.BoolFlag{Name: "strict", Category: identity,
			Usage: "count a message as missing where only the key agrees: not size, Received lines or arrival"},
		&ucli.StringSliceFlag{Name: "dedup", Category: identity,
			Usage: "`folder|account`: folder: keep the first of several copies of a message in a folder; account: " +
				"keep a message that several folders have in the first of them only (see imap-fetch --folder-first " +
				"and --folder-last); repeatable"},
		&ucli.BoolFlag{Name: "explain", Category: identity,
			Usage: "with --report: show beside a missing message what looks like it there, and the fields of both keys"},
		&ucli.StringSliceFlag{Name: "receipts", Category: identity,
			Usage: "`FILE`: receipts of earlier runs: a message listed there counts as present while it exists, even " +
				"if the server rewrote it; repeatable, oldest first"},
		&ucli.StringFlag{Name: "write-receipts", Category: identity,
			Usage: "`FILE`: add receipts of what is present already, for --receipts of later runs"},
	}
}

// identify reads the options of identityFlags.
func identify(c *ucli.Context, opt *plan.Options) error {
	if cli.IsSet(c, "key") {
		recipe, err := headerkey.ParseRecipe(c.String("key"))
		if err != nil {
			return err
		}
		opt.Key = &recipe
	}
	match := c.String("match")
	if match != "folder" && match != "account" {
		return exit.Errorf(exit.Usage, "--match is folder or account, not %s", cli.Safe(match))
	}
	opt.Account = match == "account"
	for _, scope := range c.StringSlice("dedup") {
		switch scope {
		case "folder":
			opt.Unique = true
		case "account":
			opt.Once = true
		default:
			return exit.Errorf(exit.Usage, "invalid --dedup %s: must be folder or account", cli.Safe(scope))
		}
	}
	opt.Strict = c.Bool("strict")
	return receipts(c, &opt.Options)
}

// writeReceipts opens the file of --write-receipts.
func writeReceipts(c *ucli.Context, opt *plan.Options) (release func() error, err error) {
	if !cli.IsSet(c, "write-receipts") {
		return func() error { return nil }, nil
	}
	out, err := files.OpenAppend("write-receipts", c.String("write-receipts"))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewWriter(out)
	opt.WriteReceipts = lines
	return func() error { return exit.Wrap(exit.IO, errors.Join(lines.Flush(), out.Close())) }, nil
}

// receipts reads --receipts.
func receipts(c *ucli.Context, opt *diff.Options) error {
	if !cli.IsSet(c, "receipts") {
		return nil
	}
	names := c.StringSlice("receipts")
	for _, name := range names {
		switch in, err := os.Stat(name); {
		case err != nil:
			return noReceipts(err)
		case in.IsDir():
			return exit.Errorf(exit.NoInput, "--receipts: %s is a directory", cli.Safe(name))
		}
	}
	opt.Receipts = &diff.Receipts{Open: func() (io.ReadCloser, error) { return openAll(names) }}
	return nil
}

// noReceipts is the error of a file of receipts that cannot be opened.
func noReceipts(err error) error {
	return exit.Errorf(exit.NoInput, "--receipts: %w", err).WithHint("before the first run, touch the file")
}

// joined are files that are read one after the other.
type joined struct {
	io.Reader
	files []*os.File
}

func openAll(names []string) (*joined, error) {
	j := &joined{}
	var readers []io.Reader
	for _, name := range names {
		in, err := os.Open(name)
		if err != nil {
			j.Close()
			return nil, noReceipts(err)
		}
		j.files, readers = append(j.files, in), append(readers, in)
	}
	j.Reader = io.MultiReader(readers...)
	return j, nil
}

func (j *joined) Close() (err error) {
	for _, in := range j.files {
		err = errors.Join(err, in.Close())
	}
	return err
}
