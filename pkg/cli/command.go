package cli

import (
	"os"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
	ucli "github.com/urfave/cli/v2"
)

// Command describes one of the commands.
type Command struct {
	Name    string
	Summary string // what it does, in one line without a full stop
	// Operands names what may follow the options. Each may be left out; more
	// than these are a usage error.
	Operands []string
	Examples []Example
	// Notes stand at the end of the help, one paragraph each.
	Notes  []string
	Flags  []ucli.Flag
	Action ucli.ActionFunc
	// Before runs before Action, when the options of the command line are known to go
	// together: it may set others.
	Before ucli.ActionFunc
	// GivesWay tells which options of a preset, "advice" among them, have no
	// place beside an option of the command line. Names are without dashes.
	GivesWay map[string][]string
	// Modes are what the command does, one at a time. The first whose option is given
	// counts.
	Modes []Mode
	// Conflicts names options that mean nothing beside an option, whatever the mode.
	Conflicts map[string][]string
	// Requires names, for an option, those of which it needs one.
	Requires map[string][]string
	// Stream reports whether stdout carries a stream with these arguments: a
	// command that fails before its first record then says so in band.
	Stream func(args []string) bool
	// Hints are for errors of the libraries that the command uses.
	Hints []Hint
	// NoProgress: the command has no --progress.
	NoProgress bool
}

// Example is a command line and what it does.
type Example struct {
	Line, Does string
}

// stateKey is where New leaves its state in App.Metadata.
const stateKey = "imap-pipe"

// state is what a run of a command needs beside the library's App.
type state struct {
	command  Command
	messages *Messages
	off      map[string]bool // options that are switched off by =false
	set      map[string]bool // options of command line, account file and preset, by their first name
	reached  bool            // the command's own action was called
	greeted  *frame.Level    // stdout says already that a stream of this level comes; or nil
	opened   bool            // a StreamOutput was made: it says in band how it ended

	preset map[string]bool // those of set whose value is a preset's
}

// New makes an App of c, with the traps of the library closed: nothing of
// its own reaches stdout, commas and blanks in a list option's value are
// kept, and no error ends the process. It adds --progress, --quiet, --help and --version.
// Do not mark a flag as Required: the library would print its help; let the
// action tell what is missing.
func New(c Command) *ucli.App {
	st := &state{command: c, messages: newMessages(c.Name, os.Stderr)}
	st.messages.hints = c.Hints
	common := commonFlags()
	if c.NoProgress {
		common = common[1:]
	}
	c.Flags = append(append([]ucli.Flag(nil), c.Flags...), common...)
	for _, f := range c.Flags {
		if list, ok := f.(*ucli.StringSliceFlag); ok {
			list.KeepSpace = true
		}
	}
	c.checkTables()
	st.command = c
	return &ucli.App{
		Name:                      c.Name,
		HelpName:                  c.Name,
		Usage:                     c.Summary,
		Flags:                     c.Flags,
		Action:                    st.action,
		HideHelp:                  true,
		HideVersion:               true,
		Writer:                    os.Stderr,
		ErrWriter:                 os.Stderr,
		DisableSliceFlagSeparator: true,
		OnUsageError:              func(_ *ucli.Context, err error, _ bool) error { return flagError(err) },
		ExitErrHandler:            func(*ucli.Context, error) {},
		Metadata:                  map[string]any{stateKey: st},
	}
}

func commonFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "progress", Category: "Output and progress", Value: progressAuto,
			Usage: "`auto|none|ndjson`: a line on a terminal, nothing, or one JSON object a second on stderr"},
		&ucli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: "Output and progress",
			Usage: "warnings and errors only"},
		&ucli.BoolFlag{Name: "help", Aliases: []string{"h"}, Category: "Output and progress", Usage: "print this help"},
		&ucli.BoolFlag{Name: "version", Aliases: []string{"V"}, Category: "Output and progress",
			Usage: "print the version, the revision and the modules that it was built from"},
	}
}

// action runs the command's own action.
func (st *state) action(c *ucli.Context) error {
	st.messages.quiet.Store(c.Bool("quiet"))
	st.reached = true
	st.noteOff(c)
	if err := st.checkCombination(c.NArg()); err != nil {
		return err
	}
	if st.command.Before != nil {
		if err := st.command.Before(c); err != nil {
			return err
		}
	}
	return st.command.Action(c)
}

// stateOf returns what New left in app.
func stateOf(app *ucli.App) *state {
	st, ok := app.Metadata[stateKey].(*state)
	if !ok {
		panic("cli: the App was not made by New")
	}
	return st
}

// IsSet reports whether the option was on the command line, or is as if it were,
// by an account file or a preset. The library's IsSet is also true for a value
// from the environment.
func IsSet(c *ucli.Context, name string) bool {
	return stateOf(c.App).set[name]
}

// MarkSet makes an option one that IsSet is true for.
func MarkSet(c *ucli.Context, name string) { stateOf(c.App).set[name] = true }

// MarkPreset is MarkSet for an option whose value is a preset's.
func MarkPreset(c *ucli.Context, name string) {
	st := stateOf(c.App)
	st.set[name] = true
	if st.preset == nil {
		st.preset = map[string]bool{}
	}
	st.preset[name] = true
}

// IsPreset reports whether an option has the value of a preset.
func IsPreset(c *ucli.Context, name string) bool { return stateOf(c.App).preset[name] }

// GivesWay reports whether a preset's value of an option, or its "advice", has no place
// beside what is on the command line.
func GivesWay(c *ucli.Context, option string) bool {
	st := stateOf(c.App)
	for _, table := range []map[string][]string{st.command.GivesWay, st.command.Conflicts} {
		for typed, options := range table {
			if st.set[typed] && slices.Contains(options, option) {
				return true
			}
		}
	}
	return !st.takes(st.mode(), option)
}
