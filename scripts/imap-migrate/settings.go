package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// settings come from the command line.
type settings struct {
	state     string   // the state folder, as an absolute path
	phases    []string // in their order
	asked     bool     // phases were chosen
	resume    bool
	jobs      int            // accounts at a time
	limits    map[string]int // accounts at a time at each server that has a limit
	syncFlags string
	// Options for the commands of a pipeline, in its order.
	fetch, diff, selecting, push []string
}

func readSettings(c *ucli.Context) (settings, error) {
	s := settings{
		phases: allPhases, asked: cli.IsSet(c, "phase"), resume: c.Bool("resume"),
		jobs: c.Int("jobs"), syncFlags: c.String("sync-flags"),
		fetch: c.StringSlice("fetch"), diff: c.StringSlice("diff"),
		selecting: c.StringSlice("select"), push: c.StringSlice("push"),
	}
	for _, word := range slices.Concat(s.fetch, s.diff, s.selecting, s.push) {
		if text.Safe(word) != word {
			return s, exit.Errorf(exit.Usage, "a control character in the option %q", word)
		}
	}
	if dry := slices.IndexFunc(s.push, func(word string) bool {
		return word == "--dry-run" ||
			word == "-n"
	}); dry >= 0 {
		return s, exit.Errorf(exit.Usage, "invalid --push=%s: phases would count as done that copy nothing",
			s.push[dry]).
			WithHint("--dry-run prints the command lines; --phase verify counts what is missing")
	}
	if s.jobs < 1 {
		return s, exit.Errorf(exit.Usage, "invalid --jobs %d: must be 1 or more", s.jobs)
	}
	if !slices.Contains([]string{"off", "add", "exact"}, s.syncFlags) {
		return s, exit.Errorf(exit.Usage, "invalid --sync-flags %q: must be off, add or exact", s.syncFlags)
	}
	var err error
	if s.asked {
		if s.phases, err = choosePhases(c.StringSlice("phase")); err != nil {
			return s, err
		}
	}
	s.limits, err = readLimits(c.StringSlice("provider-limit"))
	return s, err
}

// choosePhases returns the phases of those names, in their order.
func choosePhases(names []string) (chosen []string, err error) {
	for _, name := range names {
		if !slices.Contains(allPhases, name) {
			return nil, exit.Errorf(exit.Usage, "invalid --phase %q: must be presync, delta, final or verify", name)
		}
	}
	for _, phase := range allPhases {
		if slices.Contains(names, phase) {
			chosen = append(chosen, phase)
		}
	}
	return chosen, nil
}

// readLimits reads HOST=N, as often as given.
func readLimits(values []string) (map[string]int, error) {
	limits := map[string]int{}
	for _, value := range values {
		at := max(0, strings.LastIndexByte(value, '='))
		n, err := strconv.Atoi(strings.TrimPrefix(value[at:], "="))
		host, hostErr := connect.Server(value[:at], "")
		if err != nil || hostErr != nil || n < 1 {
			return nil, exit.Errorf(exit.Usage, "invalid --provider-limit %q: must be HOST=N, as in imap.example=3",
				value)
		}
		limits[host] = n
	}
	return limits, nil
}

// applyLimits notes which servers of the accounts have a limit. A limit for a server that no account is at
// is refused: it is a mistake.
func (s settings) applyLimits(accounts []*account) error {
	if len(s.limits) == 0 {
		return nil
	}
	met := map[string]bool{}
	for _, a := range accounts {
		for _, options := range [][]string{a.old, a.new} {
			if server := serverOf(options); s.limits[server] > 0 {
				a.limited = append(a.limited, server)
				met[server] = true
			}
		}
		slices.Sort(a.limited)
		a.limited = slices.Compact(a.limited)
	}
	for server := range s.limits {
		if !met[server] {
			return exit.Errorf(exit.Usage, "invalid --provider-limit: no account is at %s", server)
		}
	}
	return nil
}

// serverOf returns the host that connection options or their account file name, "" if neither does: then the
// commands say what is wrong.
func serverOf(options []string) string {
	id, _ := identify(options)
	return id.Host
}

// setState sets the state folder, and makes the list's folder the one where the names of files begin.
func (s *settings) setState(c *ucli.Context) (err error) {
	s.state = c.String("state")
	list := ""
	if c.NArg() == 1 {
		list = c.Args().First()
	}
	switch {
	case s.state != "":
	case list != "":
		s.state = strings.TrimSuffix(list, ".csv") + ".state"
	default:
		s.state = "imap-migrate.state"
	}
	if s.state, err = filepath.Abs(s.state); err != nil {
		return exit.Wrap(exit.IO, err)
	}
	if list != "" {
		return exit.Wrap(exit.NoInput, os.Chdir(filepath.Dir(list)))
	}
	return nil
}
