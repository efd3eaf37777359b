// Command imap-list lists the folders of an IMAP account.
package main

import (
	"io"
	"os"
	"slices"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/preset"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:    "imap-list",
		Summary: "list the folders of an IMAP account or of an archive, or tell what a server is",
		Examples: []cli.Example{
			{Line: "imap-list --host mail.example --user joe", Does: "a table on a terminal, NDJSON elsewhere"},
			{Line: "imap-list --host mail.example --user joe | jq -r 'select(.messages > 0).name'",
				Does: "names of the folders that hold mail"},
			{Line: "imap-list --sizes --format table --exclude '(?i)spam' --host mail.example --user joe",
				Does: "what that choice takes, and why it leaves out the rest"},
			{Line: "imap-list --check --host mail.example --user joe", Does: "encryption, capabilities, quota, limits"},
			{Line: "imap-list --source joe.imap.zst --sizes", Does: "what an archive holds"},
			{Line: "imap-list --source joe.imap.zst --verify", Does: "whether it is whole"},
		},
		Notes:  []string{"Nothing is printed before the listing is complete, and nothing is changed in the account."},
		Flags:  slices.Concat(flags(), cli.FolderFlags(), connect.Flags()),
		Before: connect.UseSources,
		Hints:  connect.Hints,
		Action: run,
		GivesWay: map[string][]string{
			"folder":     {"exclude"}, // what is named is wanted
			"folder-rec": {"exclude"},
			"include":    {"exclude"},
		},
		Conflicts: map[string][]string{
			"source": append(cli.Names(connect.Flags()), "check"),
			"check":  append(cli.Names(cli.FolderFlags()), "sizes", "acl"),
			// nobody would know what of the rest is lost
			"verify": append(cli.Names(cli.FolderFlags()), "sizes", "acl"),
		},
		Requires: map[string][]string{"edited": {"source"}, "verify": {"source"}},
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "source",
			Usage: "`FILE|-`: an archive, or several joined, in place of an account; repeatable, read in that order"},
		&ucli.BoolFlag{Name: "check",
			Usage: "check the server instead of listing folders: encryption, login, capabilities, quota, limits"},
		&ucli.BoolFlag{Name: "verify", Usage: "read and hash everything in the archive, and name what is lost"},
		&ucli.BoolFlag{Name: "edited", Usage: "take a --source that was filtered on the way"},
		&ucli.BoolFlag{Name: "sizes",
			Usage: "the octets of each folder too, its largest message, and when its mail arrived: every message is " +
				"asked for its size"},
		&ucli.BoolFlag{Name: "acl", Usage: "who may do what with each folder too"},
		&ucli.BoolFlag{Name: "list-presets",
			Usage: "print what --preset knows of kinds of servers, and connect to none"},
		&ucli.StringFlag{Name: "format",
			Usage: "`ndjson|table`: a record a line, or a table of all folders, skipped ones too (default: table on " +
				"a terminal)"},
	}
}

func run(c *ucli.Context) error {
	choice, _, err := cli.Folders(c)
	if err != nil {
		return err
	}
	format := c.String("format")
	if format != "" && format != "ndjson" && format != "table" {
		return exit.Errorf(exit.Usage, "--format is ndjson or table, not %s", cli.Safe(format))
	}
	out, err := files.NewOutput(c.Context, "-", files.OutputOptions{})
	if err != nil {
		return err
	}
	defer out.Abort()
	if c.Bool("list-presets") {
		if _, err := io.WriteString(out, preset.Text()); err != nil {
			return err
		}
		return out.Commit()
	}
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	defer progress.Stop()
	opt := list.Options{
		Request:  list.Request{Folders: choice, Sizes: c.Bool("sizes"), ACL: c.Bool("acl"), Progress: progress},
		Table:    format == "table" || format == "" && out.IsTerminal(),
		Terminal: out.IsTerminal(),
		Warn:     cli.MessagesOf(c).Warn,
	}
	work := account
	switch {
	case cli.IsSet(c, "source"):
		work = archive
	case c.Bool("check"):
		work = server
	}
	if err := work(c, opt, progress.Until(out)); err != nil {
		return err
	}
	return out.Commit()
}

// account lists the folders of an account.
func account(c *ucli.Context, opt list.Options, out io.Writer) error {
	conn, err := connect.Options(c)
	if err != nil {
		return err
	}
	return list.Run(c.Context, conn, opt, out)
}

// server tells what the server of an account is.
func server(c *ucli.Context, opt list.Options, out io.Writer) error {
	conn, err := connect.Options(c)
	if err != nil {
		return err
	}
	return list.CheckAccount(c.Context, conn, list.AccountOptions{NDJSON: c.String("format") == "ndjson",
		Warn: opt.Warn, Now: time.Now(), ExitCode: exit.NumberOf}, out)
}
