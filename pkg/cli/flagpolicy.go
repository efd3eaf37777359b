package cli

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
)

// FlagPolicyFlags are the options that say which flags of messages are carried
// over, and how they are named; FlagPolicy reads them.
func FlagPolicyFlags() []ucli.Flag {
	const category = `Flags of messages (\Seen, $Forwarded, ...), as far as the destination keeps them`
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "flag-map", Category: category,
			Usage: "`OLD=NEW`: this flag is called that at the destination; case does not matter; repeatable"},
		&ucli.StringSliceFlag{Name: "flags-keep", Category: category,
			Usage: "`FLAG`: carry over this flag and others named so, and none else; repeatable"},
		&ucli.StringSliceFlag{Name: "flags-drop", Category: category,
			Usage: "`FLAG`: do not carry over this flag; repeatable"},
	}
}

// FlagPolicy reads what FlagPolicyFlags describe. Errors are exit.Usage.
func FlagPolicy(c *ucli.Context) (flags.Policy, error) {
	var keep []string
	if IsSet(c, "flags-keep") {
		keep = c.StringSlice("flags-keep")
	}
	p, err := flags.NewPolicy(c.StringSlice("flag-map"), keep, c.StringSlice("flags-drop"))
	if err != nil {
		return flags.Policy{}, exit.Errorf(exit.Usage, "flags: %s", Safe(err.Error()))
	}
	return *p, nil
}
