// Command imap-list lists the folders of an IMAP account.
package main

import (
	"io"
	"os"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/list"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:    "imap-list",
		Summary: "list the folders of an IMAP account or of an archive",
		Examples: []cli.Example{
			{Line: "imap-list --host mail.example --user joe", Does: "a table on a terminal, NDJSON elsewhere"},
			{Line: "imap-list --host mail.example --user joe | jq -r 'select(.messages > 0).name'", Does: "names of the folders that hold mail"},
			{Line: "imap-list --source joe.imap.zst --sizes", Does: "what an archive holds"},
			{Line: "imap-list --source joe.imap.zst --check", Does: "whether it is whole"},
		},
		Notes:  []string{"Nothing is printed before the listing is complete, and nothing is changed in the account."},
		Flags:  slices.Concat(flags(), cli.FolderFlags(), cli.ConnectionFlags()),
		Action: run,
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "source", Usage: "`FILE|-`: an archive, or several joined, in place of an account"},
		&ucli.BoolFlag{Name: "check", Usage: "of --source: read and hash everything, and name what is lost"},
		&ucli.BoolFlag{Name: "edited", Usage: "take a --source that was filtered on the way"},
		&ucli.BoolFlag{Name: "sizes", Usage: "the octets of each folder too, which some servers count slowly"},
		&ucli.StringFlag{Name: "format", Usage: "`ndjson|table`: a record a line, or a table (default: table on a terminal)"},
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
	out, err := cli.NewOutput(c.Context, "-", cli.OutputOptions{})
	if err != nil {
		return err
	}
	defer out.Abort()
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	defer progress.Stop()
	opt := list.Options{
		Folders: choice,
		Sizes:   c.Bool("sizes"),
		Table:   format == "table" || format == "" && out.IsTerminal(),
		Safe:    cli.Safe,
		Warn:    cli.TalkOf(c).Warn,

		Progress: progress,
	}
	work := account
	if cli.Given(c, "source") {
		work = archive
	}
	if err := work(c, opt, progress.Until(out)); err != nil {
		return err
	}
	return out.Commit()
}

// account lists the folders of an account.
func account(c *ucli.Context, opt list.Options, out io.Writer) error {
	for _, name := range []string{"check", "edited"} {
		if cli.Given(c, name) {
			return exit.Errorf(exit.Usage, "--%s goes with --source", name)
		}
	}
	conn, err := cli.Connection(c)
	if err != nil {
		return err
	}
	return list.Run(c.Context, conn, opt, out)
}
