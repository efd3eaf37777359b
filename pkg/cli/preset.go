package cli

import (
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/preset"
)

// usedPreset is the preset of a run, and what of it is used.
type usedPreset struct {
	name   string
	values []preset.Value
	advice []string
}

// usePreset sets the options of --preset, or of the account file's preset, as
// if they were on the command line: those that are neither there nor in the
// account file, and have a place beside what is there.
func usePreset(c *ucli.Context) error {
	st := stateOf(c.App)
	name := c.String("preset")
	if IsSet(c, "account") {
		st.file, st.fileErr = readAccount(c.String("account"))
		if line := st.file.line("preset"); line != nil && !IsSet(c, "preset") {
			name = line.value
		}
	}
	if name == "" && !IsSet(c, "preset") {
		return nil
	}
	p, err := preset.Find(name)
	if err != nil {
		return st.file.locate(err)
	}
	st.preset = &usedPreset{name: p.Names[0]}
	if !st.givesWay("advice") {
		st.preset.advice = p.Advice(st.command.Name)
	}
	known := flagsByName(st.command.Flags)
	for _, v := range p.Values(st.command.Name) {
		if st.stronger(c, v.Option) {
			continue
		}
		value := v.Value
		if flag := known[v.Option]; flag != nil && !takesValue(flag) {
			value = "true"
		}
		if err := c.Set(v.Option, value); err != nil {
			return exit.Errorf(exit.Bug, "the preset %s has --%s %s, which %s cannot take: %w", p.Names[0], v.Option,
				v.Value, st.command.Name, err)
		}
		st.preset.values = append(st.preset.values, v)
	}
	for _, v := range st.preset.values {
		st.set[v.Option] = true
	}
	return nil
}

// stronger reports whether an option has its value from elsewhere, or must have
// none.
func (st *state) stronger(c *ucli.Context, option string) bool {
	switch {
	case st.set[option], st.file.line(option) != nil, st.givesWay(option):
		return true
	case option == "host" || option == "user": // the environment, where it counts
		return !st.set["account"] && c.String(option) != ""
	}
	return false
}

// givesWay reports whether a preset's value has no place beside what is on the
// command line.
func (st *state) givesWay(option string) bool {
	for typed, options := range st.command.GivesWay {
		if st.set[typed] && slices.Contains(options, option) {
			return true
		}
	}
	for typed, options := range st.command.Conflicts {
		if st.set[typed] && slices.Contains(options, option) {
			return true
		}
	}
	return !st.takes(st.mode(), option)
}

// has reports whether the option's value is the preset's.
func (u *usedPreset) has(option string) bool {
	return u != nil && slices.ContainsFunc(u.values, func(v preset.Value) bool { return v.Option == option })
}

// say tells what of the preset is used, once.
func (u *usedPreset) say(messages *Messages) {
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
