package main

import (
	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
	"github.com/imap-pipe/imap-pipe/pkg/report"
)

var hints = []cli.Hint{
	{Cause: plan.ErrPrunePart, Text: "--prune-folders wants the whole account"},
	{Cause: plan.ErrDeleteForPart, Text: "--delete-extra=all wants the whole account, --delete-extra whole folders"},
	{Cause: folder.ErrCollision,
		Text: "give one of them another name with --map SRC=DST, or leave it out with --map SRC=-"},
	{Cause: folder.ErrCaseCollision,
		Text: "--case-collision merge or rename, or give one of them another name with --map SRC=DST"},
	{Cause: folder.ErrCaseUnknown,
		Text: "if it does, --case-collision allow; else merge or rename, or another name with --map SRC=DST"},
	{Cause: cleanup.ErrOneAccount,
		Text: "name the other account; what imap-push has carried over goes by --move RECEIPTS"},
	{Cause: cleanup.ErrHeadersOnly, Text: "leave --headers out"},
	{Cause: report.ErrNoOctets, Text: "export it with bodies, or with imap-fetch --hash"},
	{Cause: diff.ErrViewFirst, Text: "export it last: imap-fetch --folder-last %q"},
	{Cause: diff.ErrNoBodies, Text: "export it with --key %s"},
}
