package connect

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/preset"
)

// optionSources are where options have their values from that are not on the command
// line.
type optionSources struct {
	file    *accountFile // of --account, nil if there is none
	fileErr error        // why it could not be read
	preset  *usedPreset  // nil if there is none
}

const sourcesKey = "imap-pipe account"

// sourcesOf returns what UseSources found.
func sourcesOf(c *ucli.Context) *optionSources {
	if s, ok := c.App.Metadata[sourcesKey].(*optionSources); ok {
		return s
	}
	panic("connect: UseSources has not run")
}

// usedPreset is the preset of a run, and what of it is used.
type usedPreset struct {
	name   string
	values []preset.Value
	advice []string
}

// UseSources reads the account file of --account, for Connection, and sets the options
// of --preset, or of the account file's preset, as if they were on the command line:
// those that are neither there nor in the account file, and have a place beside what is
// there. It is what a Command does before its action. Errors: exit.Usage.
func UseSources(c *ucli.Context) error {
	s := &optionSources{}
	c.App.Metadata[sourcesKey] = s
	name := c.String("preset")
	if cli.IsSet(c, "account") {
		s.file, s.fileErr = readAccount(c.String("account"))
		if line := s.file.line("preset"); line != nil && !cli.IsSet(c, "preset") {
			name = line.value
		}
	}
	if name == "" && !cli.IsSet(c, "preset") {
		return nil
	}
	p, err := preset.Find(name)
	if err != nil {
		return s.file.locate(cli.InOption("preset", err))
	}
	s.preset = &usedPreset{name: p.Names[0]}
	if !cli.GivesWay(c, "advice") {
		s.preset.advice = p.Advice(c.App.Name)
	}
	return s.usePreset(c, p.Values(c.App.Name))
}

// usePreset sets the options of the preset that have a place.
func (s *optionSources) usePreset(c *ucli.Context, values []preset.Value) error {
	known := cli.FlagsByName(c.App.Flags)
	for _, v := range values {
		if s.stronger(c, v.Option) {
			continue
		}
		value := v.Value
		if flag := known[v.Option]; flag != nil && !cli.TakesValue(flag) {
			value = "true"
		}
		if err := c.Set(v.Option, value); err != nil {
			return exit.Errorf(exit.Bug, "the preset %s has --%s %s, which %s cannot take: %w", s.preset.name, v.Option,
				v.Value, c.App.Name, err)
		}
		s.preset.values = append(s.preset.values, v)
	}
	for _, v := range s.preset.values {
		cli.MarkPreset(c, v.Option)
	}
	return nil
}

// stronger reports whether an option has its value from elsewhere, or must have
// none.
func (s *optionSources) stronger(c *ucli.Context, option string) bool {
	switch {
	case cli.IsSet(c, option), s.file.line(option) != nil, cli.GivesWay(c, option):
		return true
	case option == "host" || option == "user": // the environment, where it counts
		return !cli.IsSet(c, "account") && c.String(option) != ""
	}
	return false
}

// say tells what of the preset is used, once.
func (u *usedPreset) say(messages *cli.Messages) {
	if u == nil {
		return
	}
	options := preset.Options(u.values)
	if options == "" {
		options = "no options for this command, or all of them given otherwise"
	}
	messages.Info("preset %s: %s", u.name, options)
	for _, sentence := range u.advice {
		messages.Info("preset %s: %s", u.name, sentence)
	}
}
