package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

const deleting = "Deletion (a plan deletes nothing unless imap-push is told --allow delete)"

// deletionFlags are the options that list, or plan to delete, what is there too
// much.
func deletionFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "extra", Category: deleting,
			Usage: "list the messages there that the source lacks, and write no plan"},
		&ucli.BoolFlag{Name: "duplicates", Category: deleting,
			Usage: "list the messages that a folder of the account holds twice, octet for octet; there is no SOURCE"},
		&ucli.BoolFlag{Name: "delete-duplicates", Category: deleting,
			Usage: "plan to delete these; the one with the lowest UID stays"},
		extraFlag{&ucli.GenericFlag{Name: "delete-extra", Category: deleting, Value: new(extraChoice),
			Usage: "plan to delete the messages there that the source lacks, if --proof shows that they came from " +
				"it; =all: all of them, a strict mirror"}},
		&ucli.StringSliceFlag{Name: "proof", Category: deleting,
			Usage: "`FILE`: receipts, or an earlier stream of the source: with --delete-extra, what came from the " +
				"source; repeatable"},
		&ucli.StringFlag{Name: "move", Category: deleting,
			Usage: "`RECEIPTS`: plan to delete at their source the messages that the account has acknowledged and " +
				"still holds; there is no SOURCE"},
		&ucli.BoolFlag{Name: "delete-source", Category: deleting,
			Usage: "plan to delete what SOURCE holds from the account that it was taken from; nothing is compared, " +
				"and no account is looked at"},
		&ucli.BoolFlag{Name: "delete-present", Category: deleting,
			Usage: "plan to delete from its own account what SOURCE holds and the account too, octet for octet; " +
				"SOURCE must have bodies"},
		&ucli.StringFlag{Name: "empty-folders", Category: deleting,
			Usage: "`RE`: plan to remove the folders of the account that match and hold nothing, as after a move; " +
				"there is no SOURCE"},
		&ucli.StringFlag{Name: "undo", Category: deleting,
			Usage: "`RECEIPTS`: plan to delete the messages that these runs have appended, and the folders that they " +
				"made; there is no SOURCE"},
	}
}

// extraFlag is --delete-extra, which needs no value.
type extraFlag struct{ *ucli.GenericFlag }

// TakesValue is about the word that follows.
func (extraFlag) TakesValue() bool { return false }

// extraChoice is its value.
type extraChoice string

const (
	extraProven extraChoice = "true" // what the library makes of no value
	extraAll    extraChoice = "all"
)

func (v *extraChoice) String() string   { return string(*v) }
func (v *extraChoice) IsBoolFlag() bool { return true }

// Set reads the value.
func (v *extraChoice) Set(text string) error {
	if *v = extraChoice(text); *v != extraProven && *v != extraAll {
		return fmt.Errorf("%q is not all", text)
	}
	return nil
}

// extra reads what --delete-extra asks for. release closes its files.
func extra(c *ucli.Context, opt *plan.Options) (release func(), err error) {
	release = func() {}
	choice, _ := c.Generic("delete-extra").(*extraChoice)
	proofs := c.StringSlice("proof")
	if choice == nil || *choice == "" {
		return release, nil
	}
	for _, name := range c.StringSlice("receipts") { // what counts as present came from the source
		if *choice == extraProven && !slices.Contains(proofs, name) {
			proofs = append(proofs, name)
		}
	}
	switch {
	case *choice == extraProven && len(proofs) == 0:
		return release,
			exit.Errorf(exit.Usage,
				"--delete-extra deletes what is proven to have come from the source: --proof is missing").
				WithHint("--delete-extra=all deletes whatever the source lacks")
	case *choice == extraAll && len(proofs) > 0:
		return release, exit.Errorf(exit.Usage, "--delete-extra=all cannot be combined with --proof")
	}
	opt.Delete = &cleanup.ExtraOptions{All: *choice == extraAll}
	var open []io.Closer
	release = func() {
		for _, o := range open {
			o.Close()
		}
	}
	for _, name := range proofs {
		in, err := files.OpenInput(c.Context, name)
		if err != nil {
			return release, err
		}
		open = append(open, in)
		if err := opt.Delete.AddProof(in); err != nil {
			return release, err
		}
	}
	return release, nil
}

// cleanUp carries out a mode that compares no source.
func cleanUp(c *ucli.Context, opt diff.Options, mode string) error {
	conn, err := connect.Options(c)
	if err != nil {
		return err
	}
	account := diff.NewAccount(c.Context, conn)
	defer account.Close()
	progress, err := cli.NewProgress(c)
	if err != nil {
		return err
	}
	defer progress.Stop()
	opt.Progress = progress
	if opt.Labels, err = cli.Labels(c); err != nil {
		return err
	}
	switch mode {
	case "duplicates":
		return listDuplicates(c, opt, account)
	case "delete-duplicates":
		return planDuplicates(c, opt, account)
	case "empty-folders":
		return planEmptyFolders(c, opt, account)
	case "move":
		return byReceipts(c, opt, account, "move", cleanup.Move, "%d acknowledged, %d to delete at the source",
			"stay at the source: the account does not show them")
	}
	return byReceipts(c, opt, account, "undo", cleanup.Undo, "%d appended, %d to delete",
		"stay: they are not there any more, nobody knows which they are, or they were moved and the source has "+
			"deleted them")
}

// planSource plans to delete what a stream holds.
func planSource(c *ucli.Context, opt diff.Options) (err error) {
	if opt.Labels, err = cli.Labels(c); err != nil {
		return err
	}
	in, err := files.OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	return writePlan(c, opt, func(w *stream.Writer) error {
		reader, err := in.Stream(false)
		if err != nil {
			return err
		}
		defer reader.Close()
		sum, err := cleanup.Source(opt, reader, w)
		cli.MessagesOf(c).Info("%d to delete", sum.Deleted)
		return err
	})
}

// planPresent plans to delete what both sides have.
func planPresent(c *ucli.Context, opt diff.Options, in *files.Input, dest diff.Destination) (err error) {
	account := dest.(*diff.Account) // the mode takes no AGAINST
	if opt.Labels, err = cli.Labels(c); err != nil {
		return err
	}
	return writePlan(c, opt, func(w *stream.Writer) error {
		reader, err := in.Stream(opt.Edited)
		if err != nil {
			return err
		}
		defer reader.Close()
		sum, err := cleanup.Present(c.Context, opt, reader, account, w)
		if err == nil {
			cli.MessagesOf(c).Info("%d listed, %d to delete at the source", sum.Listed, sum.Deleted)
		}
		return err
	})
}

// planEmptyFolders plans to remove folders that hold nothing.
func planEmptyFolders(c *ucli.Context, opt diff.Options, account *diff.Account) error {
	re, err := regexp.Compile(c.String("empty-folders"))
	switch {
	case err != nil:
		return cli.InOption("empty-folders", err)
	case c.String("empty-folders") == "":
		return exit.Errorf(exit.Usage, "--empty-folders is empty").WithHint("'.' is every folder")
	}
	return writePlan(c, opt, func(w *stream.Writer) error {
		sum, err := cleanup.EmptyFolders(opt, account, re, w)
		if err == nil {
			cli.MessagesOf(c).Info("%s to remove", text.Count(sum.Folders, "folder"))
		}
		return err
	})
}

func duplicates(opt diff.Options, account *diff.Account) (*cleanup.Duplicates, error) {
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	return cleanup.NewDuplicates(opt, account, recipe), err
}

// ended tells how a search for copies ended.
func ended(c *ucli.Context, found *cleanup.Duplicates, err error) error {
	if err == nil && found.Failed > 0 {
		err = exit.Errorf(exit.Partial, "%s cannot be read", text.Count(found.Failed, "folder"))
	}
	cli.MessagesOf(c).Info("%s", text.Count(found.Found, "copy"))
	return err
}

func listDuplicates(c *ucli.Context, opt diff.Options, account *diff.Account) error {
	out, err := cli.OpenReport(c, c.String("output"), files.Reports)
	if err != nil {
		return err
	}
	defer out.Abort()
	found, err := duplicates(opt, account)
	if err == nil {
		err = found.List(printer(c, out))
	}
	if err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return ended(c, found, nil)
}

func planDuplicates(c *ucli.Context, opt diff.Options, account *diff.Account) error {
	return writePlan(c, opt, func(w *stream.Writer) error {
		found, err := duplicates(opt, account)
		if err != nil {
			return err
		}
		return ended(c, found, found.Plan(w))
	})
}

// byReceipts plans what the receipts of an option tell.
func byReceipts(c *ucli.Context, opt diff.Options, account *diff.Account, option string,
	plan func(diff.Options, io.Reader, diff.Destination, *stream.Writer) (*cleanup.Removal, error), said,
	left string) error {
	in, err := files.OpenInput(c.Context, c.String(option))
	if err != nil {
		return err
	}
	defer in.Close()
	return writePlan(c, opt, func(w *stream.Writer) error {
		sum, err := plan(opt, in, account, w)
		if err != nil {
			return err
		}
		line := fmt.Sprintf(said, sum.Listed, sum.Deleted)
		if sum.Folders > 0 {
			line += fmt.Sprintf(", %s to remove", text.Count(sum.Folders, "folder"))
		}
		cli.MessagesOf(c).Info("%s", line)
		if n := sum.Listed - sum.Deleted; n > 0 {
			cli.MessagesOf(c).Warn("%s %s", text.Count(n, "message"), left)
		}
		if sum.Unsure > 0 {
			return exit.Errorf(exit.Partial,
				"%s %s, as nobody can tell which they are at the destination; the plan's failed records name %s",
				text.Count(sum.Unsure, "message"), text.Either(sum.Unsure, "stays", "stay"),
				text.Either(sum.Unsure, "it", "them"))
		}
		return nil
	})
}

// printer is what --format asks for.
func printer(c *ucli.Context, out io.Writer) report.Printer {
	if c.String("format") == "ndjson" {
		return report.NewNDJSON(out)
	}
	return report.NewText(out, cli.Safe)
}
