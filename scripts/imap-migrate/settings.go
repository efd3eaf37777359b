package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
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
		phases: allPhases, asked: cli.Given(c, "phase"), resume: c.Bool("resume"),
		jobs: c.Int("jobs"), syncFlags: c.String("sync-flags"),
		fetch: c.StringSlice("fetch"), diff: c.StringSlice("diff"),
		selecting: c.StringSlice("select"), push: c.StringSlice("push"),
	}
	for _, word := range slices.Concat(s.fetch, s.diff, s.selecting, s.push) {
		if text.Safe(word) != word {
			return s, exit.Errorf(exit.Usage, "a control character in the option %q", word)
		}
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
		host, hostErr := cli.Server(value[:at], "")
		if err != nil || hostErr != nil || n < 1 {
			return nil, exit.Errorf(exit.Usage, "invalid --provider-limit %q: must be HOST=N, as in imap.example=3", value)
		}
		limits[host] = n
	}
	return limits, nil
}

// checkLimits refuses a limit for a server that no account is at: it is a mistake.
func (m *migration) checkLimits(accounts []account) error {
	met := map[string]bool{}
	for _, a := range accounts {
		for _, host := range m.limitedHosts(a) {
			met[host] = true
		}
	}
	for host := range m.limits {
		if !met[host] {
			return exit.Errorf(exit.Usage, "invalid --provider-limit: no account is at %s", host)
		}
	}
	return nil
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

// choose returns the accounts that --only, --row or --shard choose, in the order of the list or of --only.
func choose(c *ucli.Context, accounts []account) (chosen []account, err error) {
	switch {
	case howManyGiven(c, "only", "row", "shard") > 1:
		return nil, exit.Errorf(exit.Usage, "--only, --row and --shard cannot be combined")
	case cli.Given(c, "row"):
		row, err := strconv.Atoi(c.String("row"))
		switch {
		case err != nil || row < 1:
			return nil, exit.Errorf(exit.Usage, "invalid --row %q: must be 1 or more", c.String("row"))
		case row > len(accounts):
			return nil, exit.Errorf(exit.NoInput, "the list has no account %d", row)
		}
		return accounts[row-1 : row], nil
	case cli.Given(c, "shard"):
		return shard(accounts, c.String("shard"))
	}
	if !cli.Given(c, "only") {
		return accounts, nil
	}
	for _, id := range c.StringSlice("only") {
		i := slices.IndexFunc(accounts, func(a account) bool { return a.id == id })
		if i < 0 {
			return nil, exit.Errorf(exit.NoInput, "the list has no account %q", id)
		}
		chosen = append(chosen, accounts[i])
	}
	return chosen, nil
}

func howManyGiven(c *ucli.Context, names ...string) (n int) {
	for _, name := range names {
		if cli.Given(c, name) {
			n++
		}
	}
	return n
}

// shard returns every Nth account from the Ith on. value is I/N, or N: then the engine that runs all shards
// says in the environment which this is.
func shard(accounts []account, value string) (chosen []account, err error) {
	part, count, hasPart := strings.Cut(value, "/")
	if !hasPart {
		count = value
		if part, err = shardOfEngine(); err != nil {
			return nil, err
		}
	}
	i, iErr := strconv.Atoi(part)
	n, nErr := strconv.Atoi(count)
	if iErr != nil || nErr != nil || i < 1 || i > n {
		return nil, exit.Errorf(exit.Usage, "invalid --shard %q: must be I/N with I from 1 to N (I is %s)", value, part)
	}
	for at := i - 1; at < len(accounts); at += n {
		chosen = append(chosen, accounts[at])
	}
	return chosen, nil
}

// shardOfEngine returns which shard this is, from 1 on: of a Kubernetes Indexed Job, whose indexes begin
// at 0, or of a Slurm job array, whose first task may have any number.
func shardOfEngine() (string, error) {
	for _, engine := range []struct{ index, first string }{
		{"JOB_COMPLETION_INDEX", "0"},
		{"SLURM_ARRAY_TASK_ID", os.Getenv("SLURM_ARRAY_TASK_MIN")},
	} {
		index, err := strconv.Atoi(os.Getenv(engine.index))
		if err != nil {
			continue
		}
		first, err := strconv.Atoi(engine.first)
		if err != nil {
			first = 1
		}
		return strconv.Itoa(index - first + 1), nil
	}
	return "", exit.Errorf(exit.Usage, "--shard N requires JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID").
		WithHint("or give --shard I/N")
}
