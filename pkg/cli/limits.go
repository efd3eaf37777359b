package cli

import (
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
)

const bounding = "Limits (a run that stops at one ends with 75; the next goes on)"

// LimitFlags are the options that bound a run; Limits reads them.
func LimitFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "rate", Category: bounding,
			Usage: "`RATE`: no faster than 4/s (messages), 20kB/s or 500MB/day (octets), '20kB/s after 1GB'; " +
				"repeatable, all hold"},
		&ucli.StringFlag{Name: "max-bytes", Category: bounding,
			Usage: "`SIZE`: stop before the message that would make it more octets than this, as in 500M or 2GiB"},
		&ucli.Int64Flag{Name: "max-errors", Category: bounding, DefaultText: "no bound",
			Usage: "`N`: stop once so many messages have failed or were refused"},
	}
}

// Limits reads what LimitFlags describe. Errors are exit.Usage.
func Limits(c *ucli.Context) (limits limit.Limits, err error) {
	for _, text := range c.StringSlice("rate") {
		r, err := limit.ParseRate(text)
		if err != nil {
			return limits, InOption("rate", err)
		}
		limits.Rates = append(limits.Rates, r)
	}
	if IsSet(c, "max-bytes") {
		if limits.Octets, err = limit.ParseOctets(c.String("max-bytes")); err != nil {
			return limits, InOption("max-bytes", err)
		}
	}
	if IsSet(c, "max-errors") {
		if limits.Errors = c.Int64("max-errors"); limits.Errors < 1 {
			return limits, exit.Errorf(exit.Usage, "--max-errors %d is no number of messages", limits.Errors).
				WithHint("1 stops at the first; without the option nothing does")
		}
	}
	return limits, nil
}

// InOption names the option whose value is wrong. It is exit.Usage unless err says
// otherwise.
func InOption(name string, err error) error {
	return exit.Wrap(exit.Usage, fmt.Errorf("--%s: %w", name, err))
}

// failureLines is how many lines sum up what failed.
const failureLines = 10

// Failures sums up what went wrong, by class; nothing if nothing did.
func (t *Messages) Failures(classes *failure.Classes) {
	lines := classes.Lines(failureLines - 1)
	if len(lines) == 0 {
		return
	}
	t.Print("what failed, by kind, and the first of each:")
	for _, line := range lines {
		t.Print("  " + line)
	}
}
