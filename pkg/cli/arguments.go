package cli

import (
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// checkArguments reads args as the library will, and refuses what the
// library would pass over in silence: options after an operand, which it
// takes for operands, operands that nobody asked for, and an option given twice
// of which it would take the last value. It returns the options that are there,
// by their first name.
func checkArguments(flags []ucli.Flag, operands, args []string) (given map[string]bool, err error) {
	known := FlagsByName(flags)
	given = map[string]bool{}
	for len(args) > 0 && isOption(args[0]) {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return given, checkOperands(operands, args)
		}
		name, _, inline := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		flag := known[name]
		if flag == nil {
			return nil, unknownOption(flags, name)
		}
		if given[flag.Names()[0]] && (TakesValue(flag) || inline) && !Repeatable(flag) {
			return nil, givenTwice(flag)
		}
		given[flag.Names()[0]] = true
		if !TakesValue(flag) || inline {
			continue
		}
		if err := checkValue(known, name, args); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	for i, arg := range args {
		if isOption(arg) {
			return nil, optionAfterOperand(args[i-1], arg)
		}
	}
	return given, checkOperands(operands, args)
}

// isOption tells an option from an operand: "-" alone is stdin, an operand.
func isOption(arg string) bool {
	return len(arg) > 1 && arg[0] == '-'
}

func FlagsByName(flags []ucli.Flag) map[string]ucli.Flag {
	known := map[string]ucli.Flag{}
	for _, f := range flags {
		for _, name := range f.Names() {
			known[name] = f
		}
	}
	return known
}

func TakesValue(f ucli.Flag) bool {
	d, ok := f.(ucli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// Repeatable reports whether an option may be given more than once: all of its
// values count, or it is a setting of the connection, of which the last counts.
func Repeatable(f ucli.Flag) bool {
	_, list := f.(*ucli.StringSliceFlag)
	return list || f.Names()[0] == "tls" || f.Names()[0] == "compress"
}

// givenTwice refuses an option of which only one value could count. It does not
// repeat the values: they may be secrets.
func givenTwice(f ucli.Flag) error {
	err := exit.Errorf(exit.Usage, "%s is given twice", Dashed(f.Names()[0]))
	if category := categoryOf(f); category == Connecting || category == LoggingIn {
		return err.WithHint("leave one of them out; an option on the command line already overrides --account, " +
			"--preset and the environment")
	}
	return err.WithHint("leave one of them out")
}

// checkValue looks at what follows an option that takes a value. A value
// that is itself an option is nearly always a value that was forgotten.
func checkValue(known map[string]ucli.Flag, name string, rest []string) error {
	if len(rest) == 0 {
		return exit.Errorf(exit.Usage, "%s needs a value", Dashed(name))
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(rest[0], "--"), "=")
	if strings.HasPrefix(rest[0], "--") && known[next] != nil {
		return exit.Errorf(exit.Usage, "%s needs a value, but is followed by --%s", Dashed(name), next).
			WithHint("if that is the value, write %s=--%s", Dashed(name), next)
	}
	return nil
}

func optionAfterOperand(operand, option string) error {
	if option == "--" {
		return exit.Errorf(exit.Usage, "-- after the operand %q", operand).WithHint("it comes before the first operand")
	}
	option, _, _ = strings.Cut(option, "=") // the value may be long, or nobody's business
	return exit.Errorf(exit.Usage, "option %s after the operand %q", option, operand).
		WithHint("options come before operands; -- goes before an operand that begins with a dash")
}

func checkOperands(names, operands []string) error {
	for _, operand := range operands {
		if operand == "" {
			return exit.Errorf(exit.Usage, "an operand is empty").WithHint("- stands for stdin")
		}
	}
	if len(operands) <= len(names) {
		return nil
	}
	err := exit.Errorf(exit.Usage, "an operand too many: %q", operands[len(names)])
	switch len(names) {
	case 0:
		return err.WithHint("this command takes options only; a value with blanks in it needs quotes")
	default:
		return err.WithHint("at most %s", strings.Join(names, " and "))
	}
}

// Dashed spells an option's name as it is typed.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
