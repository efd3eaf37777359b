package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// choose returns the accounts that --only, --row or --shard choose, in the order of the list or of --only.
func choose(c *ucli.Context, accounts []*account) (chosen []*account, err error) {
	given := slices.DeleteFunc([]string{"only", "row", "shard"}, func(name string) bool { return !cli.IsSet(c, name) })
	switch {
	case len(given) > 1:
		return nil, exit.Errorf(exit.Usage, "--%s cannot be combined with --%s", given[0], given[1])
	case len(given) == 0:
		return accounts, nil
	case given[0] == "only":
		return only(accounts, c.StringSlice("only"))
	case given[0] == "row":
		return row(accounts, c.String("row"))
	}
	return shard(accounts, c.String("shard"))
}

// only returns the accounts with those ids.
func only(accounts []*account, ids []string) (chosen []*account, err error) {
	for _, id := range ids {
		i := slices.IndexFunc(accounts, func(a *account) bool { return a.id == id })
		if i < 0 {
			return nil, exit.Errorf(exit.NoInput, "the list has no account %q", id)
		}
		if !slices.Contains(chosen, accounts[i]) {
			chosen = append(chosen, accounts[i])
		}
	}
	return chosen, nil
}

// row returns the account with that number.
func row(accounts []*account, value string) ([]*account, error) {
	n, err := strconv.Atoi(value)
	switch {
	case err != nil || n < 1:
		return nil, exit.Errorf(exit.Usage, "invalid --row %q: must be 1 or more", value)
	case n > len(accounts):
		return nil, exit.Errorf(exit.NoInput, "the list has no account %d", n)
	}
	return accounts[n-1 : n], nil
}

// shard returns every Nth account from the Ith on. value is I/N, or N: then the engine that runs all shards
// says in the environment which this is.
func shard(accounts []*account, value string) (chosen []*account, err error) {
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
