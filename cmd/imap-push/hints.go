package main

import (
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/push"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/deletion"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/push/setflags"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// knowByReceipts helps against servers that change messages.
const knowByReceipts = "make the next plan with imap-diff --receipts and these receipts, and give imap-push " +
	"--allow rewrite"

var hints = []cli.Hint{
	{Cause: push.ErrNoPlan, Text: "put imap-diff before imap-push, or give --unconditional to append everything"},
	{Cause: push.ErrDoubled, Text: "imap-diff --duplicates lists them"},
	{Cause: push.ErrLate, Text: "imap-diff --report lists them as extra"},
	{Cause: push.ErrRekeyed,
		Text: "the next run appends them again unless imap-diff has --receipts with the receipts of this run"},
	{Cause: push.ErrOtherAccount, Text: "leave --server-copy out, and put `imap-fetch --select -` before imap-push"},
	{Cause: push.ErrCopiesListed, Text: "list only what is to be copied, with `imap-fetch --folder`"},
	{Cause: transform.ErrTwoValues, Text: "--header-add adds a second %s"},
	{Cause: push.ErrCopyUnconditional, Text: "leave --server-copy or --unconditional out"},
	{Cause: push.ErrCopyChanges, Text: "leave --server-copy out, or what changes messages and dates (--fix, --pipe, " +
		"--header-add, --internaldate and the like)"},
	{Cause: push.ErrCopyFlags, Text: "leave --server-copy out, or --flag-map, --flags-keep and --flags-drop"},
	{Cause: batch.ErrChangesKey, Text: "use another key (imap-fetch --key), or give --allow rewrite, and from then on " +
		"imap-diff --receipts"},
	{Cause: rewrite.ErrChangesKey, Text: "use another key: imap-fetch --key %s; or " + knowByReceipts},
	{Cause: rewrite.ErrChangesAllKeys, Text: knowByReceipts},
	{Cause: setflags.ErrRefused, Text: "imap-diff --sync-flags add plans them again"},
	{Cause: deletion.ErrNotAllowed, Text: "give --allow delete"},
	{Cause: deletion.ErrNoUIDPlus,
		Text: "--allow full-expunge removes all that are marked \\Deleted, where only these are"},
	{Cause: deletion.ErrTooMany, Text: "look at what is to go; --max-delete allows more"},
	{Cause: batch.ErrNoBodies, Text: "put `imap-fetch --select -` before imap-push"},
}
