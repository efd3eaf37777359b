package cli

import (
	"regexp"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// unknownOption tells what was meant, as far as can be guessed. It repeats
// the option's name, never a value: that may be a secret.
func unknownOption(flags []ucli.Flag, name string) error {
	err := exit.Errorf(exit.Usage, "unknown option %s", dashed(name))
	if strings.HasPrefix(name, "pass") || strings.HasPrefix(name, "pw") {
		return err.WithHint("no option takes a password: give --password-file, --password-command, --password-fd or IMAP_PASSWORD, or answer the prompt")
	}
	if near := nearest(flags, name); near != "" {
		return err.WithHint("did you mean %s?", dashed(near))
	}
	return err.WithHint("--help lists the options")
}

// nearest returns the long option that is closest to name, or "" if none is
// close.
func nearest(flags []ucli.Flag, name string) string {
	best, least := "", len(name)/3+2
	for _, f := range flags {
		for _, known := range f.Names() {
			if len(known) == 1 || hidden(f) {
				continue
			}
			if d := distance(name, known); d < least {
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

// distance is the number of octets to insert, drop or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var badValue = regexp.MustCompile(`(?s)^invalid (?:boolean )?value (".*") for (?:flag )?-([^\s:]+): .*$`)

// flagError rewords what the library says of a value that does not parse.
func flagError(err error) error {
	if coded(err) {
		return err
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return exit.Errorf(exit.Usage, "%s cannot take the value %s", dashed(m[2]), m[1])
	}
	return exit.Wrap(exit.Usage, err)
}
