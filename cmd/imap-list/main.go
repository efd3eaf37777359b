// Command imap-list lists the folders of an IMAP account.
package main

import (
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
		Summary: "list the folders of an IMAP account",
		Examples: []cli.Example{
			{Line: "imap-list --host mail.example --user joe", Does: "a table on a terminal, NDJSON elsewhere"},
			{Line: "imap-list --host mail.example --user joe | jq -r 'select(.messages > 0).name'", Does: "names of the folders that hold mail"},
		},
		Notes:  []string{"Nothing is printed before the listing is complete, and nothing is changed in the account."},
		Flags:  slices.Concat(flags(), cli.FolderFlags(), cli.ConnectionFlags()),
		Action: run,
	}), os.Args))
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "sizes", Usage: "the octets of each folder too, which some servers count slowly"},
		&ucli.StringFlag{Name: "format", Usage: "`ndjson|table`: a record a line, or a table (default: table on a terminal)"},
	}
}

func run(c *ucli.Context) error {
	conn, err := cli.Connection(c)
	if err != nil {
		return err
	}
	choice, _, err := cli.Folders(c)
	if err != nil {
		return err
	}
	out, err := cli.NewOutput(c.Context, "-", cli.OutputOptions{})
	if err != nil {
		return err
	}
	defer out.Abort()
	format := c.String("format")
	if format != "" && format != "ndjson" && format != "table" {
		return exit.Errorf(exit.Usage, "--format is ndjson or table, not %s", cli.Safe(format))
	}
	err = list.Run(c.Context, conn, list.Options{
		Folders: choice,
		Sizes:   c.Bool("sizes"),
		Table:   format == "table" || format == "" && out.IsTerminal(),
		Safe:    cli.Safe,
		Warn:    cli.TalkOf(c).Warn,
	}, out)
	if err != nil {
		return err
	}
	return out.Commit()
}
