package cli

import (
	"fmt"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Mode is one thing that a command does, and the options that mean something in it.
// An option that no mode names means the same in all of them.
type Mode struct {
	Option   string   // asks for the mode; "" is the mode that no option asks for
	Takes    []string // options, without dashes
	Operands int      // at most so many
}

// mode returns the mode that the command line asks for: the first one whose option
// is given. It returns nil if the command has no modes.
func (st *state) mode() *Mode {
	var usual *Mode
	for i := range st.command.Modes {
		m := &st.command.Modes[i]
		switch {
		case m.Option == "":
			usual = m
		case st.asks(m.Option):
			return m
		}
	}
	return usual
}

// checkTables panics where modes, conflicts and needs name an option that is none.
func (c *Command) checkTables() {
	known := FlagsByName(c.Flags)
	check := func(names ...string) {
		for _, name := range names {
			if known[name] == nil && name != "" {
				panic("cli: " + c.Name + " has no option " + Dashed(name))
			}
		}
	}
	for _, m := range c.Modes {
		check(m.Option)
		check(m.Takes...)
	}
	for _, table := range []map[string][]string{c.Conflicts, c.Requires} {
		for name, others := range table {
			check(name)
			check(others...)
		}
	}
}

// ModeOf returns the option of the mode that the command line asks for.
func ModeOf(c *ucli.Context) string {
	if m := stateOf(c.App).mode(); m != nil {
		return m.Option
	}
	return ""
}

// asks reports whether an option is given, and not switched off by =false.
func (st *state) asks(option string) bool { return st.set[option] && !st.off[option] }

// noteOff notes which of the options that are given are switched off.
func (st *state) noteOff(c *ucli.Context) {
	st.off = map[string]bool{}
	for _, f := range st.command.Flags {
		if _, is := f.(*ucli.BoolFlag); is {
			st.off[f.Names()[0]] = !c.Bool(f.Names()[0])
		}
	}
}

// takes reports whether an option means something in a mode; nil takes all.
func (st *state) takes(m *Mode, option string) bool {
	return m == nil || option == m.Option || slices.Contains(m.Takes, option) || len(st.modesOf(option)) == 0
}

// modesOf returns the options of the modes that name an option, or that it asks for.
func (st *state) modesOf(option string) (modes []string) {
	for i := range st.command.Modes {
		m := &st.command.Modes[i]
		if m.Option == option || slices.Contains(m.Takes, option) {
			modes = append(modes, m.Option)
		}
	}
	return modes
}

// checkCombination refuses options and operands that mean nothing together. It is the
// only place that does so by their names.
func (st *state) checkCombination(operands int) error {
	m := st.mode()
	for _, f := range st.command.Flags {
		name := f.Names()[0]
		if !st.asks(name) {
			continue
		}
		switch {
		case st.takes(m, name):
		case m.Option == "":
			return requires(name, st.modesOf(name))
		default:
			return cannotCombine(Dashed(name), Dashed(m.Option))
		}
		for _, other := range st.command.Conflicts[name] {
			if st.asks(other) {
				return cannotCombine(Dashed(other), Dashed(name))
			}
		}
		if need := st.command.Requires[name]; len(need) > 0 && !slices.ContainsFunc(need, st.asks) {
			return requires(name, need)
		}
	}
	if m != nil && operands > m.Operands {
		return cannotCombine(st.command.Operands[m.Operands], Dashed(m.Option))
	}
	return nil
}

func cannotCombine(a, b string) error {
	return exit.Errorf(exit.Usage, "%s cannot be combined with %s", a, b)
}

func requires(name string, need []string) error {
	var options []string
	for _, option := range need {
		if option != "" {
			options = append(options, Dashed(option))
		}
	}
	return exit.Errorf(exit.Usage, "%s requires %s", Dashed(name), strings.Join(options, " or "))
}

// modesText is what the help says of modes: the options that only some of them take.
func modesText(c Command) string {
	if len(c.Modes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nmodes, one at a time, and the options that only some of them take:\n")
	for _, m := range c.Modes {
		head := "no mode option"
		if m.Option != "" {
			head = Dashed(m.Option)
		}
		line := "  " + head + ":"
		for _, option := range m.Takes {
			if inAll(c.Modes, option) {
				continue
			}
			if word := " " + Dashed(option); len(line)+len(word) > helpColumns {
				fmt.Fprintln(&b, line)
				line = "     " + word
			} else {
				line += word
			}
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// helpColumns is how wide the lines of modes are.
const helpColumns = 100

// inAll reports whether all modes take an option, but for one at most.
func inAll(modes []Mode, option string) bool {
	n := 0
	for i := range modes {
		if slices.Contains(modes[i].Takes, option) {
			n++
		}
	}
	return n >= len(modes)-1
}
