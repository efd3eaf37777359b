// Command imap-migrate moves mailbox accounts from one server to another: those of a CSV file, several at a
// time, or one. It runs pipelines of the four commands and uses nothing of them but what any user can:
// options, exit codes, what they print. See docs/many-accounts.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func main() {
	os.Exit(cli.Run(cli.New(cli.Command{
		Name:     "imap-migrate",
		Summary:  "move mailbox accounts to another server, in phases, many at a time",
		Operands: []string{"ACCOUNTS.csv|OLD", "NEW"},
		Examples: []cli.Example{
			{Line: "imap-migrate old new",
				Does: "move one account; both are account files, as for --account of the commands"},
			{Line: "imap-migrate --dry-run accounts.csv", Does: "print what would be run"},
			{Line: "imap-migrate --phase presync accounts.csv", Does: "days before the cut-over"},
			{Line: "imap-migrate --phase final --phase verify accounts.csv", Does: "at the cut-over"},
			{Line: "imap-migrate --resume accounts.csv", Does: "continue after any interruption"},
		},
		Notes: []string{
			"The CSV file has a header. The columns old-host, old-user, old-password-file and so on are connection " +
				"options\n" +
				"of the source account, new-host and so on those of the destination. The column id names the account\n" +
				"(default: new-user). There is no column for a password.",
			"stdout is the summary, a line for each account: exit code, id, last phase, sum, trouble.\n" +
				"The exit code is the worst of all accounts.",
		},
		Flags:      flags(),
		Action:     func(c *ucli.Context) error { return run(c) },
		NoProgress: true,
	}), os.Args))
}

func flags() []ucli.Flag {
	return slices.Concat(phaseFlags(), accountFlags(), wordFlags())
}

func phaseFlags() []ucli.Flag {
	const phases = "Phases"
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "phase", Category: phases,
			Usage: "`NAME`: run presync, delta, final or verify; repeatable (default: all, in this order)"},
		&ucli.BoolFlag{Name: "resume", Category: phases,
			Usage: "skip phases that have come to their end (exit code 0, 1 or 3)"},
		&ucli.BoolFlag{Name: "allow-commands", Category: phases,
			Usage: "run the commands in old-password-command, new-token-command and so on"},
		&ucli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Category: phases,
			Usage: "print the command lines and run nothing"},
		&ucli.BoolFlag{Name: "summary", Category: phases,
			Usage: "print how the accounts stand and run nothing"},
		&ucli.StringFlag{Name: "state", Category: phases,
			Usage: "`DIR`: keep receipts, logs and results in it (default: ACCOUNTS.state)"},
	}
}

func accountFlags() []ucli.Flag {
	const accounts = "Accounts"
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "only", Category: accounts,
			Usage: "`ID`: work on this account; repeatable"},
		&ucli.StringFlag{Name: "row", Category: accounts,
			Usage: "`N`: work on the Nth account of the list"},
		&ucli.StringFlag{Name: "shard", Category: accounts,
			Usage: "`[I/]N`: work on every Nth account, from the Ith on (default I: from Kubernetes or Slurm)"},
		&ucli.IntFlag{Name: "jobs", Value: 4, Category: accounts,
			Usage: "`N`: work on N accounts at a time"},
		&ucli.StringSliceFlag{Name: "provider-limit", Category: accounts,
			Usage: "`HOST=N`: work on at most N of them at this server; repeatable"},
	}
}

func wordFlags() []ucli.Flag {
	const words = "Options for the commands"
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "fetch", Category: words,
			Usage: "`WORD`: an option for imap-fetch --headers, as in --fetch=--exclude=Spam; repeatable"},
		&ucli.StringSliceFlag{Name: "diff", Category: words,
			Usage: "`WORD`: an option for imap-diff; repeatable"},
		&ucli.StringSliceFlag{Name: "select", Category: words,
			Usage: "`WORD`: an option for imap-fetch --select; repeatable"},
		&ucli.StringSliceFlag{Name: "push", Category: words,
			Usage: "`WORD`: an option for imap-push; repeatable"},
		&ucli.StringFlag{Name: "sync-flags", Value: "add", Category: words,
			Usage: "`off|add|exact`: what final does with flags of messages already there"},
	}
}

func run(c *ucli.Context) error {
	syscall.Umask(0o077)
	for _, name := range []string{"IMAP_HOST", "IMAP_USER", "IMAP_PASSWORD"} {
		os.Unsetenv(name) // one account's is not another's
	}
	settings, err := readSettings(c)
	if err != nil {
		return err
	}
	all, err := accounts(c)
	if err != nil {
		return err
	}
	if err := settings.setState(c); err != nil {
		return err
	}
	m := &migration{settings: settings, talk: cli.MessagesOf(c)}
	chosen, err := choose(c, all)
	if err != nil {
		return err
	}
	if err := m.applyLimits(all); err != nil {
		return err
	}
	switch {
	case c.Bool("dry-run"):
		return m.show(chosen)
	case !c.Bool("summary"):
		if err := m.migrate(c.Context, chosen); err != nil {
			return err
		}
	}
	worst, err := m.summarize(os.Stdout, chosen, c.Bool("summary"))
	switch {
	case err != nil:
		return err
	case c.Context.Err() != nil:
		return context.Cause(c.Context)
	case worst != exit.OK:
		return &exit.Error{Code: worst, Err: errors.New("")} // the summary has said why
	}
	return nil
}

// accounts returns those of the list, or the one that two account files are about.
func accounts(c *ucli.Context) ([]*account, error) {
	operands := c.Args().Slice()
	switch len(operands) {
	case 0:
		return nil, exit.Errorf(exit.Usage, "no accounts").WithHint("give a CSV file, or two account files: OLD NEW")
	case 2:
		return pair(operands[0], operands[1])
	}
	list := operands[0]
	if info, err := os.Stat(list); err != nil || !info.Mode().IsRegular() {
		return nil, exit.Errorf(exit.NoInput, "no file %s", list)
	}
	path, err := filepath.Abs(list)
	if err != nil {
		return nil, exit.Wrap(exit.IO, err)
	}
	return readList(path, c.Bool("allow-commands") || c.Bool("dry-run") || c.Bool("summary"))
}

// pair returns the account that two account files are about.
func pair(old, new string) ([]*account, error) {
	for _, file := range []string{old, new} {
		if _, err := connect.Server("", file); err != nil {
			return nil, err
		}
	}
	id := fileName(old + ":" + new)
	return []*account{{id: id, old: []string{"--account=" + old}, new: []string{"--account=" + new}}}, nil
}

// show prints what would be run.
func (m *migration) show(accounts []*account) error {
	for _, a := range accounts {
		w := m.worker(a)
		w.identity, _ = a.identify() // otherwise the commands will say what is wrong
		for _, phase := range m.phases {
			if _, err := fmt.Printf("# %s: %s\n%s\n", a.id, phase, w.pipeline(phase)); err != nil {
				return err
			}
		}
	}
	return nil
}

// migrate runs the phases of the accounts.
func (m *migration) migrate(ctx context.Context, accounts []*account) error {
	for _, name := range []string{"imap-list", "imap-fetch", "imap-diff", "imap-push"} {
		if _, err := exec.LookPath(name); err != nil {
			return exit.Errorf(exit.NoInput, "no %s in PATH", name)
		}
	}
	if err := m.prepare(accounts); err != nil {
		return err
	}
	// A command that asks for a password on the terminal, which is not its own, is to get an error. By
	// default it would be stopped for ever.
	signal.Ignore(syscall.SIGTTIN, syscall.SIGTTOU)
	m.run(ctx, accounts)
	return nil
}
