package main

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
)

// modes are what imap-diff does, and the options that mean something in each. The
// first whose option is given counts.
func modes() []cli.Mode {
	account := cli.Names(connect.Flags())
	plan := []string{"output", "level", "label"}
	mapping := []string{"map", "map-file", "automap", "subfolder", "strip-subfolder", "rename", "delimiter-replacement",
		"case-collision"}
	prune := []string{"skip-empty-folders", "prune-folders", "prune-nonempty"}
	matching := []string{"key", "strict", "receipts"}
	duplicates := []string{"match", "dedup"}
	flags := cli.Names(cli.FlagPolicyFlags())
	missing := slices.Concat(account, plan, mapping, prune, matching, flags,
		[]string{"exit-code", "sync-flags", "write-receipts"})
	return []cli.Mode{
		{Option: "delete-source", Operands: 1, Takes: plan},
		{Option: "duplicates", Takes: slices.Concat(account, []string{"output", "format"})},
		{Option: "delete-duplicates", Takes: slices.Concat(account, plan)},
		{Option: "move", Takes: slices.Concat(account, plan)},
		{Option: "undo", Takes: slices.Concat(account, plan)},
		{Option: "empty-folders", Takes: slices.Concat(account, plan)},
		{Option: "delete-present", Operands: 1, Takes: slices.Concat(account, plan, mapping,
			[]string{"key", "strict"})},
		{Option: "delete-extra", Operands: 1, Takes: slices.Concat(missing, []string{"proof"})},
		{Option: "extra", Operands: 2, Takes: slices.Concat(account, mapping, matching, duplicates,
			[]string{"output", "format", "exit-code", "edited"})},
		{Option: "write-map", Operands: 2, Takes: slices.Concat(account, mapping, []string{"folders-only", "edited"})},
		{Option: "folders-only", Operands: 2, Takes: slices.Concat(account, plan, mapping, prune,
			[]string{"report", "format", "edited"})},
		{Option: "report", Operands: 2, Takes: slices.Concat(account, mapping, matching, duplicates, flags,
			[]string{"output", "format", "exit-code", "equal", "verify", "explain", "edited", "skip-empty-folders"})},
		{Operands: 2, Takes: slices.Concat(missing, duplicates, []string{"edited"})},
	}
}

// conflicts are options that mean nothing beside another one, whatever the mode.
var conflicts = map[string][]string{
	"report":        {"level", "label"},
	"prune-folders": {"edited"}, // what was filtered out is no reason to remove a folder
}

// needs are the options of which an option needs one.
var needs = map[string][]string{
	"prune-nonempty": {"prune-folders"},
	"format":         {"report", "extra", "duplicates"},
}
