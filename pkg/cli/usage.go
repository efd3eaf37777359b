package cli

import (
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// unknownOption tells what was meant, as far as can be guessed. It repeats
// the option's name, never a value: that may be a secret.
func unknownOption(flags []ucli.Flag, name string) error {
	err := exit.Errorf(exit.Usage, "unknown option %s", Dashed(name))
	if strings.HasPrefix(name, "pass") || strings.HasPrefix(name, "pw") {
		return err.WithHint("no option takes a password: give --password-file, --password-command, --password-fd or " +
			"IMAP_PASSWORD, or answer the prompt")
	}
	if near := Nearest(flags, name); near != "" {
		return err.WithHint("did you mean %s?", Dashed(near))
	}
	return err.WithHint("--help lists the options")
}

// Nearest returns the long option that is closest to name, or "" if none is
// close.
func Nearest(flags []ucli.Flag, name string) string {
	best, least := "", len(name)/3+2
	for _, f := range flags {
		for _, known := range f.Names() {
			if len(known) == 1 || hidden(f) {
				continue
			}
			if d := text.Distance([]byte(name), []byte(known), least); d < least {
				best, least = known, d
			}
		}
	}
	return best
}

func hidden(f ucli.Flag) bool {
	v, ok := f.(ucli.VisibleFlag)
	return ok && !v.IsVisible()
}

var badValue = lazyregexp.New(`(?s)^invalid (?:boolean )?value (".*") for (?:flag )?-([^\s:]+): .*$`)

// flagError rewords what the library says of a value that does not parse.
func flagError(err error) error {
	if exit.HasCode(err) {
		return err
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return exit.Errorf(exit.Usage, "%s cannot take the value %s", Dashed(m[2]), m[1])
	}
	return exit.Wrap(exit.Usage, err)
}
